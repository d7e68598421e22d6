"""Blocks of one shape, whatever came in; results in order, whoever was first."""

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gotd.ot.blocks import Workers, padded, rechunked


@given(lengths=st.lists(st.integers(0, 12), max_size=12), rows=st.integers(1, 15))
def test_rechunking_keeps_rows_and_order_and_makes_equal_blocks(lengths: list[int], rows: int) -> None:
    ends = np.cumsum([0, *lengths])
    pieces = [np.arange(ends[i], ends[i + 1])[:, None] for i in range(len(lengths))]
    blocks = list(rechunked(pieces, rows))
    assert [row for block in blocks for row in block.ravel()] == list(range(ends[-1]))
    assert all(len(block) == rows for block in blocks[:-1])
    assert all(0 < len(block) <= rows for block in blocks)


def test_padding_adds_zero_rows_and_keeps_the_kind_of_number() -> None:
    block = padded(np.ones((2, 3), dtype="f2"), 5, torch.device("cpu"))
    assert block.dtype == torch.float16
    assert block.tolist() == [[1.0] * 3] * 2 + [[0.0] * 3] * 3


def test_results_come_in_the_order_of_the_items() -> None:
    def work(item: int) -> int:
        time.sleep(0.002 * (item % 3 == 0))
        return item * item

    assert list(Workers(4).map(work, range(50))) == [i * i for i in range(50)]


def test_items_are_read_at_most_two_a_thread_ahead() -> None:
    read = 0

    def items() -> Iterator[int]:
        nonlocal read
        for item in range(100):
            read += 1
            yield item

    results = Workers(3).map(lambda item: item, items())
    for taken, _ in enumerate(results, start=1):
        assert read <= taken + 2 * 3


def test_each_worker_keeps_to_one_thread_of_torch() -> None:
    assert set(Workers(2).map(lambda _: torch.get_num_threads(), range(20))) == {1}
    assert torch.get_num_threads() == 1


def test_closed_workers_give_torch_its_threads_back() -> None:
    torch.set_num_threads(3)
    before = threading.active_count()
    workers = Workers(2)
    list(workers.map(lambda item: item, range(9)))
    assert torch.get_num_threads() == 1
    workers.close()
    assert (torch.get_num_threads(), threading.active_count()) == (3, before)


def test_a_failure_in_a_worker_is_raised_where_the_result_is_wanted() -> None:
    def work(item: int) -> int:
        if item == 5:
            raise ValueError("row 5")
        return item

    seen = []
    with pytest.raises(ValueError, match="row 5"):
        for result in Workers(2).map(work, range(50)):
            seen.append(result)
    assert seen == list(range(5))


def test_work_is_shared_out() -> None:
    together = threading.Barrier(2, timeout=20)
    list(Workers(2).map(lambda _: together.wait(), range(4)))
