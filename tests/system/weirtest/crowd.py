# SPDX-License-Identifier: ISC
"""
`pytest -n N`: N processes run the tests. They are forked off the process that has collected the tests, so that nothing
is read and collected more than once. A process gets its next tests when it has run its last ones, in the order of the
collection. Tests that share a fixture of their module go to one process together, which makes the fixture once.

The first process runs no test. It receives the reports of the others, and reports as if it had run the tests itself. If
a process dies, its test has failed.
"""

import collections
import contextlib
import gc
import multiprocessing
import multiprocessing.connection
import os
import warnings

import pytest
from _pytest.runner import runtestprotocol

FORK = multiprocessing.get_context("fork")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Takes the option -n from pytest-xdist, which would start N processes that each read and collect everything."""
    config.option.n_processes = getattr(config.option, "numprocesses", None) or 1
    config.option.numprocesses = None


def pytest_runtestloop(session):
    option = session.config.option
    if option.n_processes < 2 or option.collectonly or option.usepdb or session.testsfailed:
        return None  # pytest's own loop
    Crowd(session).run()
    return True


def together(items):
    """The numbers of the tests, in lists; one process runs a list in a row."""
    lists = {}
    for number, item in enumerate(items):
        shared = [name for name, made in item._fixtureinfo.name2fixturedefs.items() if made[-1].scope == "module"]
        lists.setdefault((item.path, *sorted(shared)) if shared else number, []).append(number)
    return collections.deque(lists.values())


class Hand:
    """One of the processes, as the first one sees it; `todo` has the tests that were sent to it and did not run yet."""

    def __init__(self, session, name, others):
        self.todo = collections.deque()
        self.pipe, theirs = FORK.Pipe()
        self.process = FORK.Process(target=work, args=(session, name, theirs, [*others, self.pipe]))
        self.process.start()
        self.life = os.pidfd_open(self.process.pid)
        theirs.close()

    def give(self, numbers):
        self.todo.extend(numbers)
        with contextlib.suppress(BrokenPipeError):  # it has died: Crowd.hear() notices that
            self.pipe.send(numbers)

    def end(self):
        """Waits until the process has run its current test and exits."""
        self.pipe.close()
        self.process.join()
        os.close(self.life)


class Crowd:
    """The first process: it sends tests to the others, and reports."""

    def __init__(self, session):
        self.session = session
        self.config = session.config
        self.lists = together(session.items)
        self.hands = []
        self.hired = 0

    def run(self):
        self.config._tmp_path_factory.getbasetemp()  # makes the folder that all processes share
        gc.freeze()  # else garbage collection in each process would copy all of this memory
        try:
            while self.lists or self.hands:
                while self.lists and len(self.hands) < self.config.option.n_processes:
                    self.hire()
                self.hear()
        finally:
            for hand in self.hands:
                hand.pipe.close()  # before the first join, so that all end at the same time
            for hand in self.hands:
                hand.end()
            gc.unfreeze()

    def hire(self):
        hand = Hand(self.session, f"process-{self.hired}", [other.pipe for other in self.hands])
        self.hired += 1
        self.hands.append(hand)
        hand.give(self.lists.popleft())

    def hear(self):
        ready = multiprocessing.connection.wait([one for hand in self.hands for one in (hand.pipe, hand.life)])
        for hand in [hand for hand in self.hands if hand.pipe in ready or hand.life in ready]:
            try:
                told = hand.pipe.recv() if hand.pipe.poll() else None
            except (EOFError, ConnectionResetError):
                told = None
            if told:
                self.passed(hand, *told)
            else:
                self.died(hand)
            if self.session.shouldfail:
                raise self.session.Failed(self.session.shouldfail)
            if self.session.shouldstop:
                raise self.session.Interrupted(self.session.shouldstop)

    def passed(self, hand, reports, warned):
        item = self.session.items[hand.todo.popleft()]
        for one in warned:
            self.config.hook.pytest_warning_recorded.call_historic(kwargs=one)
        for report in reports:
            self.report(item, self.config.hook.pytest_report_from_serializable(config=self.config, data=report))
        self.config.hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        if not hand.todo:
            self.more(hand)

    def more(self, hand):
        if self.lists:
            hand.give(self.lists.popleft())
        else:
            hand.end()
            self.hands.remove(hand)

    def died(self, hand):
        hand.end()
        self.hands.remove(hand)
        item = self.session.items[hand.todo.popleft()]
        if hand.todo:
            self.lists.appendleft(hand.todo)
        how = f"the process that passed this test ended with {hand.process.exitcode}"
        self.report(item, pytest.TestReport(item.nodeid, item.location, {}, "failed", how, "call"))
        self.config.hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)

    def report(self, item, report):
        item.ihook.pytest_runtest_logreport(report=report)


class Worker:
    """A plugin of the processes: it runs tests, and keeps the reports of the last one."""

    def __init__(self, config):
        self.config = config
        self.warned = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item, nextitem):
        self.reports = [self.config.hook.pytest_report_to_serializable(config=self.config, report=report)
                        for report in runtestprotocol(item, log=False, nextitem=nextitem)]
        return True

    def pytest_warning_recorded(self, warning_message, when, nodeid, location):
        if when == "runtest":
            one = warning_message
            self.warned.append({"when": when, "nodeid": nodeid, "location": location,
                                "warning_message": warnings.WarningMessage(
                                    str(one.message), one.category, one.filename, one.lineno, line=one.line)})


def work(session, name, pipe, others):
    """The main function of a process: it runs the tests whose numbers come from the pipe, until the pipe is closed."""
    for other in others:
        other.close()
    config = session.config
    # The first process keeps its files of captured output and its temporary folder; this process makes its own.
    capture = config.pluginmanager.getplugin("capturemanager")
    capture.stop_global_capturing()
    capture.start_global_capturing()
    capture.suspend_global_capture()
    factory = config._tmp_path_factory
    factory._basetemp = factory.getbasetemp() / name
    factory._basetemp.mkdir(mode=0o700)
    worker = Worker(config)
    config.pluginmanager.register(worker)
    try:
        while True:
            items = [session.items[number] for number in pipe.recv()]
            for item, following in zip(items, [*items[1:], None]):
                worker.warned.clear()
                config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                pipe.send((worker.reports, worker.warned))
    except (EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        session._setupstate.teardown_exact(None)  # the pipe is closed: only fixtures are left to end
