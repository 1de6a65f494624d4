"""The messages' shape: small frozen records, all of them public, none of them heavy."""

import ast
import dataclasses
import enum
import importlib
import inspect
import pkgutil
import subprocess
import sys
import typing
from pathlib import Path
from types import ModuleType

import pytest

import messages
from tests.support.paths import ROOT

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


RECORDS = [kind for kind in classes() if is_record(kind)]


def by_name(kind: type) -> str:
    return kind.__name__


def test_there_are_messages_to_look_at() -> None:
    assert len(RECORDS) >= 40


@pytest.mark.parametrize("kind", RECORDS, ids=by_name)
def test_a_message_is_a_frozen_slotted_keyword_only_dataclass(kind: type) -> None:
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert "__slots__" in vars(kind)
    assert all(field.kw_only for field in dataclasses.fields(kind))


@pytest.mark.parametrize("kind", RECORDS, ids=by_name)
def test_a_message_cannot_be_changed_or_grow(kind: type) -> None:
    fields = dataclasses.fields(kind)
    message = kind(**{field.name: "value" for field in fields})
    assert not hasattr(message, "__dict__")
    for field in fields:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(message, field.name, "other")
    # A frozen slotted class refuses an unknown name with TypeError in CPython 3.11.
    with pytest.raises((AttributeError, TypeError)):
        message.something_else = "other"


@pytest.mark.parametrize("kind", RECORDS, ids=by_name)
def test_a_message_says_what_it_is_for(kind: type) -> None:
    assert kind.__doc__
    assert not kind.__doc__.startswith(f"{kind.__name__}(")  # what dataclass makes up


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


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_public_name_of_a_module_is_exported_by_the_package(module: ModuleType) -> None:
    names = public_names(module)
    assert names
    assert names - set(messages.__all__) == set()
    for name in names:
        assert getattr(messages, name) is getattr(module, name)


def test_the_package_exports_nothing_but_its_modules_public_names() -> None:
    assert set(messages.__all__) == set().union(*map(public_names, MODULES))


def test_the_exported_names_are_sorted() -> None:
    def constants_classes_functions(name: str) -> tuple[int, str]:
        return 0 if name.isupper() else 1 if name[0].isupper() else 2, name

    assert messages.__all__ == sorted(set(messages.__all__), key=constants_classes_functions)


def test_importing_the_messages_imports_neither_actors_nor_zmq_nor_aiortc_nor_pykka() -> None:
    script = (
        "import sys, messages\n"
        "roots = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(roots & {'actors', 'zmq', 'aiortc', 'pykka', 'run_worker'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == "[]"


def test_what_is_left_out_has_its_designed_default() -> None:
    attach = messages.AttachClient(channel=None, client_id="alice")  # type: ignore[arg-type]
    assert attach.accept_control is True
    assert messages.PublishControl(command="STOP").reply_to is None


def test_a_message_takes_no_positional_arguments() -> None:
    with pytest.raises(TypeError):
        messages.DetachClient("alice")  # type: ignore[misc]


def test_the_outcomes_are_the_designed_ones() -> None:
    assert {outcome.name for outcome in messages.JobOutcome} == {
        *("COMPLETED", "FAILED", "CANCELLED"),
    }


def test_the_phases_hold_those_of_the_design() -> None:
    names = {phase.name for phase in messages.Phase}
    assert {"IDLE", "BINDING", "CONNECTING", "REPORTING", "STOPPING", "BYPASSED"} <= names
