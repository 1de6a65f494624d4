"""What is used of Pykka beyond its documentation: all of it is known, and is as it was.

CONTRIBUTING.md lists it, with the versions. When a new version of Pykka fails here, a name of that
list has changed; when it passes, and so does ``tests/runtime``, the list may name that version.
"""

import ast
import configparser
import importlib.metadata
import inspect
import re
from collections.abc import Iterator
from typing import Any

import pykka
from pykka._envelope import Envelope

from tests.support.paths import ROOT
from tests.support.waiting import PATIENCE, settled

SIGNATURES = {
    "_actor_loop_running": ["self"],
    "_actor_loop_setup": ["self"],
    "_actor_loop_teardown": ["self"],
    "_create_actor_inbox": [],
    "_create_future": [],
    "_handle_failure": ["self", "exception_type", "exception_value", "traceback"],
    "_handle_receive": ["self", "message"],
    "_start_actor_loop": ["self"],
}
"""The parameters of each method; that the names are those of CONTRIBUTING.md is tested."""


def listed() -> tuple[str, set[str]]:
    """The range of versions that CONTRIBUTING.md names, and the private names that it lists."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    section = text.split("## What of Pykka is private")[1].split("\n## ")[0]
    (versions,) = re.findall(r"`pykka (.+?)`", section)
    return versions, set(re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE))


def private_names() -> set[str]:
    """The private attributes of Pykka's actors and references."""
    classes = (pykka.Actor, pykka.ThreadingActor, pykka.ActorRef, pykka.ThreadingFuture)
    names = {name for kind in classes for name in [*vars(kind), *kind.__annotations__]}
    return {name for name in names if re.match(r"_[a-z]", name)}


def used() -> Iterator[str]:
    """Each use of a private name of Pykka in ``actors``, by attribute, override or import."""
    private = private_names()
    for path in (ROOT / "actors").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Attribute(attr=name) if name in private:
                    yield name
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if (
                    name in private
                ):
                    yield name
                case ast.ImportFrom(module=str(module), names=names) if module.startswith("pykka."):
                    yield from (alias.name for alias in names)


def test_the_list_has_all_that_is_used_and_nothing_else() -> None:
    _, names = listed()
    assert {*used()} == names
    assert {*SIGNATURES, "Envelope"} == names


def test_the_range_of_versions_is_the_one_that_is_installed() -> None:
    versions, _ = listed()
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert f"pykka {versions}" in setup["options"]["install_requires"].splitlines()
    (lowest,) = re.fullmatch(r">= ([\d.]+), < 5", versions).groups()  # type: ignore[union-attr]
    installed = importlib.metadata.version("pykka")
    assert int(installed.split(".")[0]) == 4
    assert [*map(int, installed.split(".")[:2])] >= [*map(int, lowest.split("."))]


def test_each_method_takes_what_it_took() -> None:
    for name, parameters in SIGNATURES.items():
        assert [*inspect.signature(getattr(pykka.Actor, name)).parameters] == parameters, name


def test_an_envelope_is_a_message_and_where_its_reply_goes() -> None:
    future: pykka.Future[Any] = pykka.ThreadingFuture()
    assert (Envelope("told").message, Envelope("told").reply_to) == ("told", None)
    assert Envelope("asked", reply_to=future).reply_to is future


def test_an_actors_life_goes_through_the_methods_in_their_order() -> None:
    calls: list[str] = []

    class Watched(pykka.ThreadingActor):
        """Notes each private method that Pykka calls."""

        use_daemon_thread = True

        def on_receive(self, message: Any) -> Any:
            if message == "fail":
                raise ValueError(message)
            return message

    def noting(name: str) -> Any:
        original = getattr(pykka.ThreadingActor, name)

        def noted(*arguments: Any) -> Any:
            calls.append(name)
            return original(*arguments)

        return noted if SIGNATURES[name] else staticmethod(noted)

    for name in SIGNATURES:
        setattr(Watched, name, noting(name))

    birth = ["_create_actor_inbox", "_start_actor_loop", "_actor_loop_setup", "_actor_loop_running"]
    ref = Watched.start()
    assert ref.ask("a question", timeout=PATIENCE) == "a question"
    assert ref.stop(timeout=PATIENCE)
    assert settled(lambda: calls[-1:] == ["_actor_loop_teardown"])
    asked = ["_create_future", "_handle_receive"]
    assert sorted(calls[:6]) == sorted([*birth, *asked])  # who asks has a thread of its own
    assert [name for name in calls[:6] if name in birth] == birth
    assert calls[6:] == ["_create_future", "_handle_receive", "_actor_loop_teardown"]

    calls.clear()
    ref = Watched.start()
    ref.tell("fail")
    assert settled(lambda: calls[-1:] == ["_actor_loop_teardown"])
    assert calls == [*birth, "_handle_receive", "_handle_failure", "_actor_loop_teardown"]
    assert not ref.is_alive()


def test_what_an_inbox_raises_leaves_the_actors_loop() -> None:
    """So a turn on an event loop ends, and the next one begins with ``_actor_loop_running``."""

    class Dry(Exception):
        """Nothing is there."""

    class DryInbox:
        def put(self, envelope: Envelope[Any], /) -> None: ...

        def get(self) -> Envelope[Any]:
            raise Dry

        def empty(self) -> bool:
            return True

    class InTurns(pykka.ThreadingActor):
        @staticmethod
        def _create_actor_inbox() -> Any:
            return DryInbox()

        def _start_actor_loop(self) -> None:
            for _ in range(2):
                try:
                    self._actor_loop_running()
                except Dry:
                    turns.append(self.actor_stopped.is_set())
            self._handle_failure(None, None, None)  # ends it

    turns: list[bool] = []
    ref = InTurns.start()
    assert turns == [False, False]
    assert not ref.is_alive()
