"""The messages are public, sorted, and say what they are for."""

import ast
import enum
import importlib
import inspect
import pkgutil
import typing
from pathlib import Path
from types import ModuleType

import messages

MODULES = [
    importlib.import_module(found.name)
    for found in pkgutil.walk_packages(messages.__path__, "messages.")
    if not found.ispkg
]


def classes() -> list[type]:
    return [
        member
        for module in MODULES
        for _, member in inspect.getmembers(module, inspect.isclass)
        if member.__module__ == module.__name__
    ]


def is_record(kind: type) -> bool:
    return not issubclass(kind, enum.Enum) and not getattr(kind, "_is_protocol", False)


def test_each_message_says_what_it_is_for() -> None:
    records = [kind for kind in classes() if is_record(kind)]
    assert len(records) >= 40
    # Without a docstring of its own a dataclass makes one up, which begins with its name.
    assert [k for k in records if (k.__doc__ or "").startswith(f"{k.__name__}(")] == []
    assert all(kind.__doc__ for kind in records)


def public_names(module: ModuleType) -> set[str]:
    """The names that the module itself defines, without type variables."""
    assert module.__file__ is not None
    found: set[str] = set()
    for node in ast.parse(Path(module.__file__).read_text()).body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                found.add(name)
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                found.add(name)
    return {
        name
        for name in found
        if not name.startswith("_") and not isinstance(getattr(module, name), typing.TypeVar)
    }


def test_the_package_exports_the_public_names_of_its_modules_and_nothing_else() -> None:
    assert all(map(public_names, MODULES))
    assert set(messages.__all__) == set().union(*map(public_names, MODULES))
    for module in MODULES:
        for name in public_names(module):
            assert getattr(messages, name) is getattr(module, name)


def test_the_exported_names_are_sorted() -> None:
    def constants_classes_functions(name: str) -> tuple[int, str]:
        return 0 if name.isupper() else 1 if name[0].isupper() else 2, name

    assert messages.__all__ == sorted(set(messages.__all__), key=constants_classes_functions)
