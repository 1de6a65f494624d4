"""Control texts that run code in a trainer's jsonpickle never get there.

Each attack asks for a directory; whether it is made shows what the decoder did.
"""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonpickle
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from actors import ControlEncoding
from actors.control_socket.allowed import ControlRefusedError, published_text

# jsonpickle announces its next defaults at each decode, as it does in a trainer.
pytestmark = pytest.mark.filterwarnings("ignore:.*jsonpickle 5:DeprecationWarning")

BOTH = list(ControlEncoding)


def calls(mark: str) -> str:
    return f'[{{"py/type": "os.mkdir"}}, {{"py/tuple": ["{mark}"]}}]'


def yaml_calls(mark: str) -> str:
    return calls(mark).replace("py/", "\\x70y/")


EFFECTIVE: dict[str, Callable[[str], str]] = {
    "in an object": lambda m: f'{{"command": "noop", "x": {{"py/reduce": {calls(m)}}}}}',
    "top level": lambda m: f'{{"py/reduce": {calls(m)}}}',
    "in lists": lambda m: f'[[1, {{"py/reduce": {calls(m)}}}]]',
    "unicode escapes": lambda m: f'{{"\\u0070y/reduce": {calls(m)}}}',
    "escaped slash": lambda m: f'{{"py\\/reduce": {calls(m)}}}',
    "given twice": lambda m: f'{{"py/reduce": 1, "py/reduce": {calls(m)}}}',
    "an object": lambda m: f'{{"py/object": "os.mkdir", "py/newargs": {{"py/tuple": ["{m}"]}}}}',
    "YAML escapes": lambda m: f'{{"\\x70y/reduce": {yaml_calls(m)}}}',
    "YAML single quotes": lambda m: f'{{"py/reduce": {calls(m)}}}'.replace('"', "'"),
    "YAML plain": lambda m: f'{{"py/reduce": {calls(m)}}}'.replace('"', "")[1:-1],
    "YAML block": lambda m: f"py/reduce:\n- py/type: os.mkdir\n- py/tuple:\n  - {m}\n",
    "YAML comma": lambda m: f'{{"py/reduce": {calls(m)},}}',
    "YAML comment": lambda m: f'# harmless\n{{"py/reduce": {calls(m)}}}',
    "YAML document": lambda m: f'--- {{"py/reduce": {calls(m)}}}',
    "YAML directive": lambda m: f'%YAML 1.1\n--- {{"py/reduce": {calls(m)}}}',
    "YAML anchor": lambda m: f'&a {{"py/reduce": {calls(m)}}}',
    "YAML explicit key": lambda m: f'? "py/reduce"\n: {calls(m)}',
    "YAML tag": lambda m: f'{{!!str "py/reduce": {calls(m)}}}',
    "YAML merge": lambda m: f'{{<<: {{"py/reduce": {calls(m)}}}}}',
    "YAML line break": lambda m: f'{{"py/reduce":\x85 {calls(m)}}}',
    "YAML byte order mark": lambda m: f'\ufeff{{"py/reduce": {calls(m)}}}',
}

SUSPECT: dict[str, Callable[[str], str]] = {
    "given twice, the other way": lambda m: f'{{"py/reduce": {calls(m)}, "py/reduce": 1}}',
    "YAML apply": lambda m: f"!!python/object/apply:os.mkdir [{m}]",
    "YAML apply as a key": lambda m: f"? !!python/object/apply:os.mkdir [{m}]\n: 1",
    "YAML apply as a value": lambda m: f"command: !!python/object/apply:os.mkdir [{m}]",
    "YAML new": lambda m: f"!!python/object/new:os.mkdir [{m}]",
    "py/repr": lambda m: f'{{"py/repr": "os/os.mkdir({m!r})"}}',
    "py/initargs": lambda m: (
        f'{{"py/object": "subprocess.Popen", "py/initargs": {{"py/tuple": [["mkdir", "{m}"]]}}}}'
    ),
    "py/newobj": lambda m: f'{{"py/newobj": {{"py/tuple": [{{"py/type": "os.mkdir"}}, "{m}"]}}}}',
    "py/function": lambda m: f'[{{"py/function": "os.mkdir"}}, "{m}"]',
    "py/state": lambda m: f'{{"py/object": "os.mkdir", "py/state": "{m}"}}',
    "deep": lambda m: "[" * 99 + f'{{"py/reduce": {calls(m)}}}' + "]" * 99,
    "deeper than the check parses": lambda m: "[" * 5_000 + f"{calls(m)}" + "]" * 5_000,
    "behind padding": lambda m: " " * 60_000 + f'{{"py/reduce": {calls(m)}}}',
    "a key that only looks harmless": lambda m: f'{{"\\u0050y/reduce": {calls(m)}}}',
    "fullwidth": lambda m: f'{{"\uff50y/reduce": {calls(m)}}}',
}


def decode_as_a_trainer_does(text: str, *, keys: bool = False) -> None:
    """Decode ``text``; that the training crashes on it is another matter."""
    try:
        jsonpickle.decode(text, keys=keys)
    except (ValueError, TypeError, AttributeError, RecursionError, yaml.YAMLError):
        pass


@pytest.mark.parametrize("attack", EFFECTIVE)
def test_the_attack_works_on_an_unprotected_trainer(attack: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    decode_as_a_trainer_does(EFFECTIVE[attack](str(mark)))
    assert mark.is_dir()


@pytest.mark.parametrize("encoding", BOTH)
@pytest.mark.parametrize("attack", [*EFFECTIVE, *SUSPECT])
def test_the_attack_is_refused_or_does_nothing(
    attack: str, encoding: ControlEncoding, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    text = (EFFECTIVE | SUSPECT)[attack](str(mark))
    try:
        published = published_text(text, encoding)
    except ControlRefusedError:
        assert not mark.exists()
        return
    decode_as_a_trainer_does(published)
    assert not mark.exists()


@pytest.mark.parametrize("encoding", BOTH)
@pytest.mark.parametrize("attack", EFFECTIVE)
def test_an_effective_attack_is_refused(attack: str, encoding: ControlEncoding) -> None:
    with pytest.raises(ControlRefusedError):
        published_text(EFFECTIVE[attack]("/nowhere"), encoding)


def test_a_key_that_jsonpickle_5_decodes_by_default_is_refused_or_does_nothing(
    tmp_path: Path,
) -> None:
    mark = tmp_path / "mark"
    key = "json://" + EFFECTIVE["top level"](str(mark))
    text = json.dumps({"command": "noop", key: 1})
    try:
        published = published_text(text, ControlEncoding.SLEAP_NN)
    except ControlRefusedError:
        return
    decode_as_a_trainer_does(published, keys=True)
    assert not mark.exists()


object_keys = st.sampled_from(
    ["py/reduce", "\\u0070y/reduce", "\\x70y/reduce", "py", "command", "", "a"]
)
scalars = st.sampled_from(["1", "NaN", "null", '"stop"', '"py/type"', "'x'", "STOP", "*a", "1.0"])
tokens = st.one_of(
    object_keys.map(lambda key: f'"{key}"'),
    scalars,
    st.sampled_from([*list('{}[]:,"?!&#-\n \t\\'), "!!str ", "? ", ": ", "--- ", "<<", "\ufeff"]),
)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text() | st.sampled_from(["py/reduce", "py/", "py", "command", "a"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
texts = st.one_of(
    st.text(),
    st.text(alphabet="STOPstop0189 _.:-"),
    st.lists(tokens, max_size=25).map("".join),
    json_values.map(json.dumps),
    st.builds(json.dumps, json_values, ensure_ascii=st.just(False)),
)


def has_tag(value: Any) -> bool:
    if isinstance(value, dict):  # YAML has other keys than texts too
        return any(
            str(key).startswith(("py/", "json://")) or has_tag(item) for key, item in value.items()
        )
    return isinstance(value, list) and any(map(has_tag, value))


@given(command=texts | st.text(st.characters(categories=["Cs", "L", "P"])))
def test_no_text_raises_anything_but_a_refusal_and_what_passes_is_unchanged(command: str) -> None:
    for encoding in BOTH:
        try:
            published = published_text(command, encoding)
        except ControlRefusedError:
            continue
        published.encode()
        if encoding is ControlEncoding.VERBATIM:
            assert published == command
        else:
            assert json.loads(published)["command"] in ("stop", "set_lr")


@given(command=texts)
@example(command="0:")
def test_whatever_passes_holds_no_tag_for_a_json_or_a_yaml_decoder(command: str) -> None:
    for encoding, decoder in itertools.product(BOTH, (json.loads, yaml.safe_load)):
        try:
            value = decoder(published_text(command, encoding))
        except (ValueError, yaml.YAMLError):
            continue  # refused, or not of this format
        assert not has_tag(value)


@given(value=json_values)
@example(value={"json://": None})
def test_json_is_refused_only_for_a_tag(value: Any) -> None:
    command = json.dumps(value)
    try:
        published_text(command, ControlEncoding.VERBATIM)
    except ControlRefusedError:
        assert has_tag(value)
    else:
        assert not has_tag(value)
