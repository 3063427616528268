# SPDX-License-Identifier: ISC
"""A wrong config: weir reports all errors at once, with file, line, key and remedy, and starts nothing."""

import os
import re
import resource

import pytest

from weirtest import address, config, peers
from weirtest.daemon import Free, Weir, run
from weirtest.house import house, listener, upstream
from weirtest.settings import DEADLINE, ROOT, scaled

GOOD = """
listeners = ( { name = "web"; listen = "127.0.0.1:8080"; upstream = "app"; } );
upstreams = ( { name = "app"; servers = ( { address = "127.0.0.1:9000"; } ); } );
"""

# Each line of a file, with the keys for which there must be an error at that line; there may be no other error.
WRONG = (
    ('workers = 0;', ["workers"]),
    ('wrokers = 2;', ["wrokers"]),
    ('max_pairs = 4294967297;', ["max_pairs"]),
    ('timeouts = { connect = 5; idle = "10x";', ["timeouts.connect", "timeouts.idle"]),
    ('  half_clsoe = "1s"; };', ["timeouts.half_clsoe"]),
    ('log = { level = "chatty"; };', ["log.level"]),
    ('relay = { high_water_mark = "0"; };', ["relay.high_water_mark"]),
    ('listeners = (', []),
    ('  { name = "web"; listen = "127.0.0.1"; upstream = "app"; },', ["listeners[0].listen"]),
    ('  { name = "web"; listen = "127.0.0.1:0"; upstream = "nope"; mode = "0999"; },',
     ["listeners[1].listen", "listeners[1].mode", "listeners[1].name", "listeners[1].upstream"]),
    ('  { listen = [ "1.2.3.4:80", "unix:" ]; upstream = "app"; } );',
     ["listeners[2].listen[1]", "listeners[2].name"]),
    ('upstreams = (', []),
    ('  { name = "app"; servers = ( ); },', ["upstreams[0].servers"]),
    ('  { name = "b"; servers = ( { adress = "127.0.0.1:80"; },',
     ["upstreams[1].servers[0].adress", "upstreams[1].servers[0].address"]),
    ('    { address = "five\\x1b[31m:99999"; } ); } );', ["upstreams[1].servers[1].address"]),
)

ERROR = re.compile(r"(?P<file>[^:]+):(?P<line>\d+): (?P<key>[a-z_.\[\]0-9]+): .+; .+")


def write(folder, text, name="weir.conf"):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def told(path, *more):
    """Checks the file: (exit code, its errors as (file, line, key), the output)."""
    done = run("-c", path, "--check", *more)
    text = done.stdout + done.stderr
    assert text.replace("\n", "").isprintable(), ascii(text)
    found = [ERROR.fullmatch(line) for line in text.splitlines()]
    assert all(found), text
    return done.returncode, [(one["file"], int(one["line"]), one["key"]) for one in found], text


def test_check_lists_every_error_with_line_key_and_remedy(folder):
    path = write(folder, "\n".join(line for line, _ in WRONG) + "\n")
    code, errors, text = told(path)
    assert code == 1
    expected = [(path, number, key)
                for number, (_, keys) in enumerate(WRONG, start=1) for key in keys]
    assert sorted(errors) == sorted(expected)
    for nearest in ('"workers"', '"half_close"', '"address"', '"5s"'):
        assert nearest in text


def test_without_check_the_errors_are_the_same_and_nothing_is_started(folder):
    """One listener is right and has a free address: weir must not bind it, not even for a moment."""
    right = address.free("unix", folder)
    path = write(folder, config.text({**config.relay(right, "127.0.0.1:1"), "wrokers": 1}))
    checked, started = run("-c", path, "--check"), run("-c", path)
    assert (started.returncode, checked.returncode) == (78, 1)
    assert started.stderr + started.stdout == checked.stderr + checked.stdout
    assert f"{path}:3: wrokers: " in started.stderr
    assert os.listdir(folder) == ["weir.conf"]


@pytest.mark.parametrize("text", (
    'listeners = ;', 'workers = 1; workers = 2;', 'a = "open', 'listeners = [ 1, "two" ];', "\0",
    '{', '@include "missing.conf"', '@include "."'))
def test_syntax_errors_name_file_and_line(folder, text):
    path = write(folder, "# a comment\n" + text + "\n" + GOOD)
    done = run("-c", path, "--check")
    assert done.returncode == 1
    assert re.match(re.escape(path) + r":\d+: .+; .+", done.stderr), done.stderr


@pytest.mark.parametrize("options, code", (((), 78), (("--check",), 1)))
@pytest.mark.parametrize("path", ("/nonexistent/weir.conf", "/"))
def test_unreadable_file_is_an_error(path, options, code):
    done = run("-c", path, *options)
    assert done.returncode == code and done.stderr.startswith(f"{path}: ") and "; " in done.stderr


def test_include_is_relative_to_the_main_file_and_errors_name_it(folder):
    os.mkdir(os.path.join(folder, "parts"))
    part = write(folder, GOOD + "wrokers = 1;\n", "parts/more.conf")
    path = write(folder, 'workers = 1;\n@include "parts/more.conf"\nmax_piars = 1;\n')
    code, errors, _ = told(path)
    assert code == 1
    assert {(os.path.realpath(file), line, key) for file, line, key in errors} == {
        (os.path.realpath(part), 4, "wrokers"), (os.path.realpath(path), 3, "max_piars")}
    write(folder, GOOD, "parts/more.conf")
    write(folder, 'workers = 1;\n@include "parts/more.conf"\n')
    assert run("-c", path, "--check", folder="/").returncode == 0


def test_errors_of_all_files_of_a_folder_are_told_in_one_go(folder):
    os.mkdir(os.path.join(folder, "conf.d"))
    broken, right, bad = (write(folder, text, f"conf.d/{name}.conf") for name, text in (
        ("a", "listeners = ( {\n  name = ; } );\n"),
        ("b", 'listeners = ( { name = "b"; listen = "127.0.0.1:8081"; upstream = "in_c"; } );\n'),
        ("c", 'upstreams = ( { name = "in_c" };\n')))
    path = write(folder, 'include = "conf.d/*.conf";\nworkers = 0;\n')
    done = run("-c", path, "--check")
    assert done.returncode == 1
    lines = (done.stdout + done.stderr).splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"{path}:2", f"{broken}:2", f"{bad}:1"], lines
    write(folder, 'upstreams = ( { name = "in_c"; servers = ( "127.0.0.1:0" ); } );\n', "conf.d/c.conf")
    write(folder, GOOD, "conf.d/a.conf")
    write(folder, "listeners = ( { } );\n" * 2, "conf.d/b.conf")
    lines = run("-c", path, "--check").stderr.splitlines()
    assert {line.split(": ")[0] for line in lines} == {f"{path}:2", f"{right}:2", f"{bad}:1"}, lines


def large(count, upstream="u{}", listener="l{}", port=2000):
    """A config with `count` listeners, each with two addresses, and as many upstreams."""
    listeners = ",\n".join(
        f'{{ name = "{listener.format(i)}"; upstream = "{upstream.format(i)}"; '
        f'listen = [ "127.{i >> 8}.{i & 255}.1:{port}", "[fd00::{i:x}]:{port}" ]; }}' for i in range(count))
    upstreams = ",\n".join(
        f'{{ name = "u{i}"; servers = ( {{ address = "10.{i >> 8}.{i & 255}.1:80"; }} ); }}' for i in range(count))
    return f"listeners = (\n{listeners}\n);\nupstreams = (\n{upstreams}\n);\n"


def check_seconds(path, code):
    """The processor time of a check, which a busy machine changes little."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = run("-c", path, "--check", timeout=4 * DEADLINE)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == code, done.stderr
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


@pytest.mark.parametrize("wrong", ({}, {"upstream": "x{}"}, {"listener": "same"}, {"port": 0}),
                         ids=("right", "references", "names", "addresses"))
def test_large_config_is_checked_in_proportion_to_its_size(folder, wrong, report):
    few, many = scaled(2500, 500), scaled(10000, 2000)
    code = 1 if wrong else 0
    short = check_seconds(write(folder, large(few, **wrong)), code)
    path = write(folder, large(many, **wrong))
    long = check_seconds(path, code)
    report(f"{2 * many} addresses and {many} upstreams are checked in {long:.2f} s")
    # In proportion it is four times as long, quadratic sixteen times. Less than a tenth of a second is noise.
    assert long < 10 * max(short, 0.1)


def test_check_alone_hints_at_a_listener_that_waits_for_first_bytes(folder):
    """A start and a reload give no hint: they would repeat it each time, even for a listener that is meant so."""
    routes = [{"sni": ["a.test"], "upstream": "app"}]
    path = write(folder, GOOD.replace('upstream = "app"; }', 'upstream = "app"; routes = ( { sni = "a.test"; upstream = "app"; } ); }'))
    done = run("-c", path, "--check")
    assert (done.returncode, done.stdout) == (0, "")
    assert re.fullmatch(rf"hint: {path}:2: listeners\[0\]\.routes: .*server speaks first.*\n", done.stderr), done.stderr
    assert run("-c", path, "--check", "--hand-on").stderr == ""
    with house() as here:
        here.reload(listeners=[listener("web", str(here.weir.address), routes=routes)])
        assert not here.weir.records("config_warning")


def routed(count, route):
    routes = ", ".join(route.format(a=i >> 8, b=i & 255, i=i) for i in range(count))
    return (f'listeners = ( {{ name = "web"; listen = "127.0.0.1:2000"; routes = ( {routes} ); }} );\n'
            'upstreams = ( { name = "app"; servers = ( "h:1" ); } );\n')


@pytest.mark.parametrize("route", (
    '{{ sni = [ "h{i}.test", "*.b{i}.test" ]; alpn = [ "h2", "http/1.1" ]; upstream = "app"; }}',
    '{{ from = "10.{a}.{b}.0/24"; upstream = "app"; }}',
    '{{ sni = "*.test"; from = "10.{a}.{b}.0/24"; upstream = "app"; }}'), ids=("names", "sources", "both"))
def test_many_routes_are_checked_in_seconds(folder, route, report):
    count = scaled(10000, 1000)
    seconds = check_seconds(write(folder, routed(count, route)), 0)
    report(f"{count} routes are checked in {seconds:.2f} s")
    assert seconds < 5


def test_many_prefixes_in_a_file_are_checked_in_less_than_a_second(folder, report):
    count = scaled(100000, 10000)
    write(folder, "\n".join(f"10.{i >> 8 & 255}.{i & 255}.0/24" if i % 2 else f"2001:db8:{i >> 16:x}:{i & 65535:x}::/64"
                            for i in range(count)), "partners")
    listeners = ", ".join(f'{{ name = "l{i}"; listen = "127.0.0.1:{2000 + i}"; upstream = "app"; '
                          f'allow = [ "file:partners" ]; }}' for i in range(10))
    path = write(folder, f'listeners = ( {listeners} );\nupstreams = ( {{ name = "app"; servers = ( "h:1" ); }} );\n')
    seconds = check_seconds(path, 0)
    report(f"{count} prefixes in a file that ten listeners have are checked in {seconds:.2f} s")
    assert seconds < 1


def test_bad_line_in_a_file_of_prefixes_fails_a_reload_and_changes_nothing(folder):
    partners = write(folder, "127.0.0.0/8\n", "partners")
    with house(errors=("reload_failed",)) as here:
        allowed = listener("web", str(here.weir.address), allow=[f"file:{partners}"])
        here.reload(listeners=[allowed])
        write(folder, "127.0.0.0/8\n127.0.0.1/8\n", "partners")
        here.fail(f"{partners}:2: listeners[0].allow[0]: ", "127.0.0.0/8", listeners=[allowed])
        os.remove(partners)
        here.fail("listeners[0].allow[0]: ", "No such file", listeners=[allowed])
        with here.client() as client:
            client.sendall(b"x")
            assert client.recv(1) == b"x"


def test_listener_with_many_addresses_and_servers_is_checked_in_proportion(folder, report):
    many = scaled(10000, 2000)
    listen = ", ".join(f'"127.{i >> 8}.{i & 255}.1:80"' for i in range(many))
    servers = ", ".join(f'{{ address = "127.{i >> 8}.{i & 255}.2:80"; name = "s{i}"; check = {{ fall = 2; }}; }}'
                        for i in range(many))
    seconds = check_seconds(write(folder, f'listeners = ( {{ name = "a"; listen = [ {listen} ]; upstream = "u"; }} );\n'
                                  f'upstreams = ( {{ name = "u"; balance = "first"; servers = ( {servers} ); '
                                  f'check = {{ send = "{"x" * 4096}"; }}; }} );\n'), 0)
    report(f"a listener with {many} addresses, {many} servers: {seconds:.2f} s")
    assert seconds < 3  # 10,000 times 10,000 comparisons would take longer


def test_check_of_a_right_config_says_nothing(folder):
    done = run("-c", write(folder, GOOD), "--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# Upstream app has two servers, and does not say which one is chosen.
TURNS = """
listeners = ( { name = "web"; listen = "127.0.0.1:8080"; upstream = "app"; routes = ( { from = "192.0.2.1"; upstream = "order"; } ); } );
upstreams = (
  { name = "app";
    servers = ( "127.0.0.1:9000", { address = "127.0.0.1:9001"; } ); },
  { name = "order"; balance = "first"; servers = ( "127.0.0.1:9000", "127.0.0.1:9001" ); } );
"""


def test_check_warns_of_servers_that_take_turns_unasked(folder):
    path = write(folder, TURNS)
    done = run("-c", path, "--check")
    assert (done.returncode, done.stdout) == (0, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"warning: {path}:5: upstreams[0].balance: ") and 'balance = "first"' in line


def test_start_and_reload_warn_of_servers_that_take_turns_unasked():
    with house() as here:
        ordered = upstream(here.server(), here.server())
        unsaid = {key: value for key, value in ordered.items() if key != "balance"}
        here.reload(upstreams=[unsaid])
        here.weir.record("config_warning")
        here.reload(upstreams=[ordered])
        here.reload(upstreams=[unsaid, {**unsaid, "name": "other"}], listeners=[
            {**here.weir.settings["listeners"][0], "routes": [{"from": ["192.0.2.1"], "upstream": "other"}]}])
        here.weir.record("config_warning", nth=2)
        said = [record["warning"] for record in here.weir.records("config_warning")]
        assert [text.split(": ")[1] for text in said] == [f"upstreams[{i}].balance" for i in (0, 0, 1)]
        assert all(text.startswith(here.weir.config + ":") for text in said)
        settings = here.settings(upstreams=[unsaid], listeners=[listener("web", Free("tcp4"))])
    with Weir(settings) as weir:
        weir.record("config_warning")


def test_the_default_config_is_right():
    done = run("-c", str(ROOT / "conf" / "weir.conf"), "--check")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("text", (
    'listeners = ( { name = "web"; listen = "name.example:80"; upstream = "app"; } );',
    'listeners = ( { name = "web"; listen = "::1:80"; upstream = "app"; } );',
    'listeners = ( { name = "web"; listen = "[::1]:65536"; upstream = "app"; } );',
    'listeners = ( { name = "web"; listen = "unix:' + "x" * 200 + '"; upstream = "app"; } );',
    'listeners = ( { name = ""; listen = "*:80"; upstream = "app"; } );',
    'listeners = ( { name = "web"; listen = [ "*:80", "*:80" ]; upstream = "app"; } );',
    'listeners = ( );',
))
def test_listeners_that_cannot_be_are_errors(folder, text):
    path = write(folder, text + "\n" + GOOD.splitlines()[2] + "\n")
    code, errors, _ = told(path)
    assert code == 1
    assert all(line == 1 and key.startswith("listeners") for _, line, key in errors) and errors


@pytest.mark.parametrize("duration", ("", "5", "-1s", "1s 2m", "5 s", "1e3s", "none ", "1000000000d"))
def test_durations_that_say_nothing_are_errors(folder, duration):
    path = write(folder, GOOD + f'timeouts = {{ idle = "{duration}"; }};\n')
    code, errors, _ = told(path)
    assert (code, errors) == (1, [(path, 4, "timeouts.idle")])


@pytest.mark.parametrize("duration", ("1ms", "1.5h", "10m", "none", "2d"))
def test_durations_that_are_right(folder, duration):
    assert run("-c", write(folder, GOOD + f'timeouts = {{ idle = "{duration}"; }};\n'),
               "--check").returncode == 0


def limit_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (1000, 1000))


def test_more_pairs_than_descriptors_is_an_error_with_both_numbers(folder):
    listen = address.free("unix", folder)
    path = write(folder, config.text({**config.relay(listen, "127.0.0.1:1"), "max_pairs": 5000}))
    done = run("-c", path, preexec_fn=limit_descriptors)
    assert done.returncode == 1
    assert "5000" in done.stderr and "1000" in done.stderr and "LimitNOFILE=" in done.stderr
    assert sorted(os.listdir(folder)) == ["weir.conf"]


@pytest.mark.parametrize("arguments", (["--nonsense"], ["-x"], ["-c"], ["extra"], ["--check", "extra"],
                                       ["--reload", "--check"]))
def test_wrong_command_line_exits_2_with_the_usage(arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert "usage: weir" in done.stderr and not done.stdout


def test_version_and_help():
    version, help_text = run("--version"), run("--help")
    assert version.returncode == help_text.returncode == 0
    assert re.fullmatch(r"weir \d+\.\d+\.\d+\n", version.stdout)
    for option in ("-c", "--check", "--version", "--help"):
        assert option in help_text.stdout


def test_one_listener_that_cannot_be_bound_stops_the_start(folder):
    """The address before it was bound already: its socket file must be removed again."""
    with peers.Upstream("tcp4", folder).sock as taken:
        settings = config.relay([address.free("unix", folder), address.of_socket(taken)],
                                "127.0.0.1:1", name="web")
        done = run("-c", write(folder, config.text(settings)))
        assert done.returncode == 1 and "READY" not in done.stderr
        assert os.listdir(folder) == ["weir.conf"]
