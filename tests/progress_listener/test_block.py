"""Block: packed or not, its entries are the same."""

from hypothesis import given
from hypothesis import strategies as st

from actors.progress_listener.block import SIZE, Block, Entry
from tests.support.recorded_runs import recorded_run


def entries_of(texts: list[str]) -> list[Entry]:
    return [
        Entry(position, position / 2, position % 3, position * 2, len(text.encode()), text)
        for position, text in enumerate(texts, 10)
    ]


def block_of(texts: list[str]) -> Block:
    block = Block()
    for entry in entries_of(texts):
        block.append(entry)
    return block


@given(texts=st.lists(st.text(), max_size=5), packs=st.integers(0, 2))
def test_packing_changes_nothing(texts: list[str], packs: int) -> None:
    block, entries = block_of(texts), entries_of(texts)
    for _ in range(packs):
        block.pack()
    assert list(block.entries()) == entries
    assert block.last == (entries[-1].position if entries else 0)
    for number, entry in enumerate(entries):
        assert list(block.entries(entry.position)) == entries[number:]
    for number, entry in enumerate(entries, 1):
        assert block.drop_oldest() == entry
        assert list(block.entries()) == entries[number:]


def test_a_block_of_a_real_run_packs_to_a_tenth_of_its_size_or_less() -> None:
    texts = recorded_run("sleap_nn_full_run")[-SIZE:]
    block = block_of(texts)
    block.pack()
    assert block._packed is not None
    assert len(block._packed) * 10 < sum(map(len, texts))
