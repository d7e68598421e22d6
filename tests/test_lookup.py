"""The hash table against a dictionary."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gotd.lookup import Lookup

_NUMBERS = st.integers(-(1 << 63), (1 << 63) - 1)


@given(st.lists(_NUMBERS, unique=True, max_size=60), st.lists(_NUMBERS, max_size=30))
def test_as_a_dictionary(keys: list[int], others: list[int]) -> None:
    asked = [*others, *keys, *keys[::-1]]
    places = {key: place for place, key in enumerate(keys)}
    found = Lookup(np.array(keys, dtype=np.int64)).find(np.array(asked, dtype=np.int64))
    assert found.tolist() == [places.get(key, -1) for key in asked]


def test_many_keys_in_a_row() -> None:
    keys = np.arange(200_000, dtype=np.int64) * 3
    lookup = Lookup(keys)
    assert (lookup.find(keys) == np.arange(len(keys))).all()
    assert (lookup.find(keys + 1) == -1).all()
