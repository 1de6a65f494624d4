"""Block: packed or not, its entries are the same."""

from hypothesis import given
from hypothesis import strategies as st

from actors.progress_listener.block import SIZE, Block, Entry
from tests.support.recorded_runs import recorded_run


def block_of(texts: list[str]) -> Block:
    block = Block()
    for position, text in enumerate(texts, 10):
        entry = Entry(position, position / 2, position % 3, position * 2, text)
        block.append(entry, len(text.encode()))
    return block


@given(texts=st.lists(st.text(), max_size=5), packs=st.integers(0, 2))
def test_packing_changes_nothing(texts: list[str], packs: int) -> None:
    block = block_of(texts)
    for _ in range(packs):
        block.pack()
    assert block.texts() == texts
    positions = list(range(10, 10 + len(texts)))
    assert [block.entry(index, block.texts()) for index in range(len(block))] == [
        Entry(position, position / 2, position % 3, position * 2, text)
        for position, text in zip(positions, texts, strict=True)
    ]
    assert list(block.sizes) == [len(text.encode()) for text in texts]


def test_a_block_of_a_real_run_packs_to_a_tenth_of_its_size_or_less() -> None:
    texts = recorded_run("sleap_nn_full_run")[-SIZE:]
    block = block_of(texts)
    block.pack()
    assert block._packed is not None
    assert len(block._packed) * 10 < sum(map(len, texts))
