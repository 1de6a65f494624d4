"""ReportBlock: packed or not, its reports are the same."""

from hypothesis import given
from hypothesis import strategies as st

from actors.progress_listener.block import SIZE, ReportBlock
from tests.support.recorded_runs import recorded_run


def block_of(texts: list[str]) -> ReportBlock:
    block = ReportBlock()
    for position, text in enumerate(texts, 10):
        block.append(text, position=position, time=position / 2, note=position % 2 == 1)
    return block


@given(texts=st.lists(st.text(), max_size=5), packs=st.lists(st.booleans(), max_size=3))
def test_packing_changes_nothing(texts: list[str], packs: list[bool]) -> None:
    block = block_of(texts)
    for pack in packs:
        if pack:
            block.pack()
        else:
            block.unpack()
        assert block.texts() == texts
        positions = list(range(10, 10 + len(texts)))
        assert list(block.positions) == positions
        assert list(block.times) == [position / 2 for position in positions]
        assert list(block.notes) == [position % 2 for position in positions]


def test_a_packed_block_can_be_added_to_and_taken_from() -> None:
    block = block_of(["a", "b", "c"])
    block.pack()
    assert block.remove(1) == "b"
    block.pack()
    block.append("d", position=20, time=1.5, note=True)
    assert block.texts() == ["a", "c", "d"]
    assert list(block.positions) == [10, 12, 20]
    assert list(block.times) == [5.0, 6.0, 1.5]
    assert list(block.notes) == [0, 0, 1]
    assert (len(block), block.last) == (3, 20)


def test_one_block_can_be_added_to_another() -> None:
    block, other = block_of(["a", "b"]), ReportBlock()
    other.append("c", position=30, time=2.0, note=True)
    for one in (block, other):
        one.pack()
    block.extend(other)
    assert block.texts() == ["a", "b", "c"]
    assert (list(block.positions), block.last) == ([10, 11, 30], 30)
    assert list(block.notes) == [0, 1, 1]


def test_a_block_of_a_real_run_packs_to_a_tenth_of_its_size_or_less() -> None:
    texts = recorded_run("sleap_nn_full_run")[-SIZE:]
    block = block_of(texts)
    block.pack()
    assert block._packed is not None
    assert len(block._packed) * 10 < sum(map(len, texts))
