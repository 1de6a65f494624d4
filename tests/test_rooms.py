"""The rules of the house: doors, and the one way."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.paths import ROOT

LEVELS = [
    ["run_worker", "benchmarks", "examples"],
    ["actors.worker"],
    ["actors.worker.viewer"],
    ["actors.worker.archive"],
    ["actors.worker.digest"],
    ["actors.worker.notices"],
    ["actors.worker.outputs"],
    ["actors.worker.trainer"],
    ["actors.worker.reading", "actors.worker.bounded"],
    ["actors.worker.keeper"],
    ["actors"],
    ["actors.reporter"],
    ["actors.supervisor"],
    ["actors.control_socket", "actors.progress_listener", "actors.client_channel"],
    ["actors.zmq_sockets"],
    ["actors.runtime"],
    ["actors.settings", "actors.lazy_door", "actors.proc"],
    ["messages"],
]
"""The rooms, each above those that it may use."""

LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}

FILES = [
    path
    for name in ("actors", "messages", "benchmarks", "examples", "run_worker.py")
    for path in sorted([ROOT / name] if name.endswith(".py") else (ROOT / name).rglob("*.py"))
]


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path) for path in FILES}


def room_of(module: str) -> str:
    """The room that ``module`` lies in."""
    while module not in LEVEL:
        module = module.rpartition(".")[0]
    return module


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """The modules of the project that a file imports, also in functions and for type checkers."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names=names):
                found = [alias.name for alias in names]
            case ast.ImportFrom(module=str(module), names=names, level=0):
                modules = [f"{module}.{alias.name}" for alias in names]
                found = [name if name in MODULES else module for name in modules]
            case ast.ImportFrom():
                raise AssertionError(f"{path}:{node.lineno} imports relatively")
            case _:
                continue
        yield from ((name, node.lineno) for name in found if name in MODULES)


def imports_between_rooms() -> Iterator[tuple[str, str, str, str]]:
    """Where, the room there, what is imported, and the room that it lies in."""
    for path in FILES:
        here = room_of(module_of(path))
        for imported, line in imports(path):
            if (there := room_of(imported)) != here:
                yield f"{path.relative_to(ROOT)}:{line}", here, imported, there


def test_a_file_uses_the_rooms_below_it_alone() -> None:
    wrong = [
        f"{where} imports {imported}, which is not below {here}"
        for where, here, imported, there in imports_between_rooms()
        if LEVEL[there] <= LEVEL[here]
    ]
    assert wrong == []


def test_a_file_enters_another_room_by_its_door() -> None:
    wrong = [
        f"{where} imports {imported}, the door is {there}"
        for where, _, imported, there in imports_between_rooms()
        if there != "messages" and imported != there
    ]
    assert wrong == []


def test_a_door_says_what_others_may_use() -> None:
    doors = [
        path for path in FILES if path.name == "__init__.py" and path.parent.parent.name == "actors"
    ]
    assert len(doors) >= 8
    assert [path for path in doors if len(path.read_text().splitlines()) >= 50] == []


def test_the_reporters_rooms_need_three_packages_alone() -> None:
    worker = ("aiohttp", "rich", "psutil", "pynvml")
    for path in FILES:
        if not module_of(path).startswith("actors") or "worker" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [n for n in names if n.partition(".")[0] in worker], path


def test_no_files_import_each_other_in_a_circle() -> None:
    uses = {module_of(path): {name for name, _ in imports(path)} for path in FILES}
    while leaves := {module for module, used in uses.items() if not used & uses.keys()}:
        uses = {module: used for module, used in uses.items() if module not in leaves}
    assert not uses


def test_the_keeper_needs_the_standard_library_alone() -> None:
    """It has to start soon, and to outlive whatever is done to the worker's packages."""
    rooms = "actors.worker.keeper", "actors.proc"
    for path in FILES:
        if not module_of(path).startswith(rooms):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert (
                    name.startswith(rooms) or name.partition(".")[0] in sys.stdlib_module_names
                ), path
