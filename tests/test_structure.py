"""The house keeps its shape: imports point down, files stay short, no draw without an address."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests import lines

ROOT = Path(__file__).parents[1]
ALLOWED = {"numpy", "torch", "PIL", "h5py", "tqdm", "matplotlib", "fedmini", "data_prep"}
FOR_TESTS = {"pytest", "hypothesis", "tests", "run"}

# From the ground up: a module imports from floors below its own, and from its own room. On a floor
# of strangers, rooms know nothing of each other; on the other floors, neighbours may meet.
FLOORS = [
    (
        "errors files tensors folder options registry specification rng ring vector messages "
        "network",
        "neighbours",
    ),
    (
        "faults profiles metrics run_options combinations config presets components command",
        "neighbours",
    ),
    (
        "models data statistics tasks aggregation secagg privacy compression report",
        "strangers",
    ),
    ("evaluation console", "strangers"),
    ("algorithms", "neighbours"),
    ("optim client dp_sgd secure server uplink compressed architecture", "neighbours"),
    ("federation trained", "neighbours"),
    ("private simulation captions drawing outcome training comparison", "neighbours"),
    ("launch predict cli", "neighbours"),
]
FLOOR = {room: floor for floor, (rooms, _) in enumerate(FLOORS) for room in rooms.split()}

# Draws that take torch's or numpy's global generator where none is given.
DRAWS = {"rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial"}
BANNED = {"manual_seed", "manual_seed_all", "seed", "deepcopy", "rand_like", "randn_like"}


def python_files(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [*found, ROOT / "run.py"]


SOURCES = python_files("fedmini", "data_prep")
EVERYTHING = python_files("fedmini", "data_prep", "tests", "tutorials")


def name_of(path: Path) -> str:
    """fedmini/data/store.py -> fedmini.data.store"""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted((ROOT / "fedmini").rglob("*.py"))}


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Every import that can run: also those inside functions, not those for type checkers."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child
        yield from imports(child)


def imported(path: Path) -> set[str]:
    """Full names of the modules that a file imports; a relative import is an error."""
    found = set()
    for node in imports(parse(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
            continue
        assert node.level == 0, f"{path}:{node.lineno}: write the module's full name"
        inner = {f"{node.module}.{alias.name}" for alias in node.names}
        found |= (inner & MODULES.keys()) or {node.module}
    return found


def room_of(module: str) -> str:
    """fedmini.data.store -> data; a command of its own stands above all rooms, with cli.

    The package itself, which holds the version, is no room.
    """
    if module.endswith(".__main__"):
        return "cli"
    return module.removeprefix("fedmini").lstrip(".").partition(".")[0]


GRAPH = {
    name: {each for each in imported(path) if each in MODULES} for name, path in MODULES.items()
}


@pytest.mark.parametrize("module", [name for name in MODULES if room_of(name)])
def test_imports_point_down(module):
    room = room_of(module)
    assert room in FLOOR, f"{room} has no floor yet: give it one in FLOORS"
    for other in sorted(map(room_of, GRAPH[module])):
        if not other or other == room:
            continue
        assert FLOOR[other] <= FLOOR[room], f"{module} imports {other}, which lies above it"
        meet = FLOORS[FLOOR[room]][1]
        assert FLOOR[other] < FLOOR[room] or meet == "neighbours", (
            f"{module} imports {other}: rooms of this floor know nothing of each other"
        )


def test_imports_go_round_in_no_circle():
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("path", EVERYTHING, ids=name_of)
def test_only_allowed_packages(path):
    allowed = ALLOWED | set(sys.stdlib_module_names)
    if path not in SOURCES:
        allowed |= FOR_TESTS
    foreign = {each.partition(".")[0] for each in imported(path)} - allowed
    assert not foreign, f"{path.name} imports {', '.join(sorted(foreign))}"


@pytest.mark.parametrize("path", EVERYTHING, ids=name_of)
def test_files_are_short_and_say_what_they_are(path):
    text = path.read_text(encoding="utf-8").splitlines()
    assert len(text) <= 250, "no file above 250 lines: two ideas, or one too many"
    tutorial = text[:1] and text[0].startswith("# %%")
    if text and not tutorial:
        assert ast.get_docstring(parse(path)), "the first line says what the file is"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_functions_are_short(path):
    for node in ast.walk(parse(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            where = f"{path.name}:{node.lineno} {node.name}"
            assert node.end_lineno - node.lineno < 60, f"{where} is 60 lines or longer"
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            plain = [each.arg for each in arguments if each.arg not in ("self", "cls")]
            assert len(plain) <= 9, f"{where} takes {len(plain)} arguments"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_draw_without_an_address(path):
    for node in ast.walk(parse(path)):
        assert not isinstance(node, ast.Global), f"{path.name}:{node.lineno}: a global variable"
        if not isinstance(node, ast.Call):
            continue
        called, where = ast.unparse(node.func), f"{path.name}:{node.lineno}"
        last = called.rpartition(".")[2]
        assert last not in BANNED, f"{where}: {called} is global, copied or 32 bits short"
        drawn_globally = called.startswith("random.") or "nn.init." in called
        assert not drawn_globally, f"{where}: {called} takes no generator"
        if called.startswith(("np.random.", "numpy.random.")):
            assert last in ("Generator", "MT19937"), f"{where}: use numpy_stream"
        if called.startswith("torch.") and last in DRAWS:
            given = {keyword.arg for keyword in node.keywords}
            assert "generator" in given, f"{where}: {called} without generator="


@pytest.mark.parametrize(
    "work",
    [
        "import fedmini.config",
        "import fedmini.cli; fedmini.cli.main(['--help'])",
        "import fedmini.cli; fedmini.cli.main(['--compatibility'])",
        "import fedmini.cli; fedmini.cli.main(['--algo', 'fedporx'])",
    ],
)
def test_options_answer_without_torch(work):
    script = (
        f"import contextlib, sys\nwith contextlib.suppress(SystemExit):\n    {work}\n"
        "slow = {'torch', 'h5py', 'matplotlib'} & set(sys.modules)\n"
        "assert not slow, f'{slow} imported'"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr


def test_caps_hold():
    found = lines.count()
    over = {room: found[room] for room, cap in lines.CAPS.items() if found.get(room, 0) > cap}
    assert not over, f"too many lines of code: {over}; caps: {lines.CAPS}"


def test_code_lines_leave_out_blanks_comments_and_docstrings(tmp_path):
    path = tmp_path / "sample.py"
    path.write_text(
        '"""Doc\nstring."""\n\n# comment\nimport os  # counts\n\n\n'
        'def f(\n    x,\n):\n    """Doc."""\n    return """two\nlines"""\n'
    )
    assert lines.code_lines(path) == 1 + 3 + 2
    assert all((lines.PACKAGE / name).is_file() for name in lines.CORE)
