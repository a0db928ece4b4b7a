"""Draws the values that the cases of several readers are made of."""

from hypothesis import strategies as st

BYTES = st.binary(max_size=40)
TEXT = st.text(max_size=20)
NUMBERS = st.sampled_from(
    [0, 1, -1, 2, 16, 1.5, 1e9, -1e308, 2**31, 2**63, 2**64, 10**30, float("nan")]
)


def words(text: str) -> st.SearchStrategy:
    """Draws one of the words of a text."""
    return st.sampled_from(text.split())


@st.composite
def damaged(draw: st.DrawFn, good: bytes) -> bytes:
    """Draws a good file with other bytes in a few positions, and perhaps cut short."""
    data = bytearray(good)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 8))] = draw(st.binary(max_size=8))
    return bytes(data[: draw(st.none() | st.integers(0, len(data)))])


def json_values(keys: st.SearchStrategy, leaves: st.SearchStrategy) -> st.SearchStrategy:
    """Draws values that JSON can hold, of these keys and leaves (and of plain constants)."""
    leaves = st.none() | st.booleans() | NUMBERS | leaves
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=8,
    )
