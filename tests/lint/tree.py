"""Functions that the lints share: the files of a tree, C without its comments, and the report of findings."""
import os
import re
import sys
from pathlib import Path

NOT_OURS = re.compile(r'^(build.*|\.git|__pycache__|\.pytest_cache)$')

# A comment, a string or a character; a comment that never ends runs to the end of the file.
C_SKIPPED = re.compile(
    r'//[^\n]*|/\*.*?(?:\*/|\Z)|"(?:\\.|[^"\\\n])*"|' r"'(?:\\.|[^'\\\n])*'", re.S)


def root():
    """The tree that a lint checks: the argument, or the tree that has this file."""
    return Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2]).resolve()


def files(top, *endings, under='.'):
    """The files below `under` whose names end with one of `endings` ('' fits all), sorted, relative to `top`."""
    found = []
    for folder, folders, names in os.walk(top / under):
        folders[:] = [name for name in folders if not NOT_OURS.match(name)]
        found += [Path(folder, name).relative_to(top) for name in names if name.endswith(endings)]
    return sorted(found)


def shebang(path):
    """The first line of a script without its "#!", or ''."""
    with open(path, 'rb') as file:
        line = file.readline()
    return line[2:].decode(errors='replace').strip() if line.startswith(b'#!') else ''


def c_code(text):
    """C source with comments, strings and characters replaced by blanks; line numbers do not change."""
    return C_SKIPPED.sub(lambda match: re.sub(r'[^\n]', ' ', match.group()), text)


def c_comments(text):
    """Yields each comment of C source, as (line, text)."""
    for match in C_SKIPPED.finditer(text):
        if match.group().startswith('/'):
            yield text.count('\n', 0, match.start()) + 1, match.group()


def includes(text):
    """Yields each #include of C source, as (line, '<' or '"', name of the header)."""
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if match:
            yield number, match.group(1), match.group(2)


class Findings:
    """Prints each finding as "FILE:LINE: what is wrong". exit() fails if there was one, and says which page to read."""

    def __init__(self, page):
        self.page = page
        self.n = 0

    def add(self, path, line, what):
        print(f'{path}:{line}: {what}')
        self.n += 1

    def exit(self):
        if self.n:
            sys.exit(f'why it is so, and what to do: {self.page}')
