"""`make lines`: the lines of code of every room, and the caps that keep the house small.

A line of code is a line with at least one token that is neither a comment nor part of a docstring;
a statement over three lines counts three.
"""

from __future__ import annotations

import ast
import sys
import tokenize
from collections import Counter
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "fedmini"
CORE = [
    "vector.py",
    "ring.py",
    "rng.py",
    "messages.py",
    "network.py",
    "optim.py",
    "client.py",
    "server.py",
    "algorithms/fedavg.py",
    "algorithms/fedprox.py",
]
TOTAL = "fedmini"
CAPS = {
    "core": 700,
    "privacy": 900,
    "secagg": 900,
    "compression": 450,
    "report": 600,
    "data": 900,
    TOTAL: 6500,
}
SILENT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}


def code_lines(path: Path) -> int:
    """Lines of a Python file without blanks, comments and docstrings."""
    with path.open("rb") as file:
        spoken = [token for token in tokenize.tokenize(file.readline) if token.type not in SILENT]
    lines = {line for token in spoken for line in range(token.start[0], token.end[0] + 1)}
    return len(lines - docstring_lines(ast.parse(path.read_bytes())))


def docstring_lines(tree: ast.Module) -> set[int]:
    """The line numbers that docstrings cover."""
    found: set[int] = set()
    for node in ast.walk(tree):
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            found.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return found


def count(package: Path = PACKAGE) -> dict[str, int]:
    """Lines of code by room (a folder, or a file on its own), of the core and of all."""
    rooms: Counter[str] = Counter()
    core = 0
    for path in sorted(package.rglob("*.py")):
        place, lines = path.relative_to(package), code_lines(path)
        rooms[place.parts[0]] += lines
        core += lines if place.as_posix() in CORE else 0
    return {**rooms, "core": core, TOTAL: rooms.total()}


def main() -> int:
    """Print the table; exit status 1 if a cap is exceeded."""
    found, over = count(), 0
    for room, lines in found.items():
        cap = CAPS.get(room)
        rule = "" if cap is None else f"of {cap}"
        if cap is not None and lines > cap:
            rule, over = f"{rule}: {lines - cap} too many", 1
        print(f"{room:<16}{lines:>6} {rule}".rstrip())
    return over


if __name__ == "__main__":
    sys.exit(main())
