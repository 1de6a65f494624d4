"""ReportBlock: packed or not, its reports are the same."""

from hypothesis import given
from hypothesis import strategies as st

from actors.report_block import SIZE, ReportBlock
from tests.support.recorded_runs import recorded_run


def block_of(texts: list[str]) -> ReportBlock:
    block = ReportBlock()
    for position, text in enumerate(texts, 10):
        block.append(position, text)
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
        assert list(block.positions) == list(range(10, 10 + len(texts)))


def test_a_packed_block_can_be_added_to_and_taken_from() -> None:
    block = block_of(["a", "b", "c"])
    block.pack()
    assert block.remove(1) == "b"
    block.pack()
    block.append(20, "d")
    assert block.texts() == ["a", "c", "d"]
    assert list(block.positions) == [10, 12, 20]
    assert (len(block), block.last) == (3, 20)


def test_a_block_of_a_real_run_packs_to_a_tenth_of_its_size_or_less() -> None:
    texts = recorded_run("sleap_nn_full_run")[-SIZE:]
    block = block_of(texts)
    block.pack()
    assert block._packed is not None
    assert len(block._packed) * 10 < sum(map(len, texts))
