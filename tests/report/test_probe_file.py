"""What ds-probe wrote is read again whole; anything else is an error that names the file."""

import copy
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

import gotd
from gotd.errors import DataError
from gotd.probing.report import as_json, curve_as_json, rules_as_json
from gotd.report.probe_file import read_probe
from gotd.types import JSON
from workdir import texts

POOL, TARGET = texts(300), texts(150, seed=1)[::5]


@pytest.fixture(scope="module")
def written() -> dict[str, dict[str, JSON]]:
    """A JSON of each kind."""
    choices = {"a": texts(100, seed=2)[::5], "b": texts(100, seed=3)[1::5]}
    rules = gotd.probe_rules(TARGET, POOL, rules=["mean", "random"], fraction=0.1, resamples=100)
    return {"choices": as_json(gotd.probe(choices, TARGET, POOL, resamples=100), None, ["digest of a", None]),
            "rules": rules_as_json(rules, "target.jsonl"),
            "curve": curve_as_json(gotd.probe_curve(choices["a"], TARGET, POOL, first=5, resamples=100))}


def test_all_of_it_is_read(written: dict[str, dict[str, JSON]], tmp_path: Path) -> None:
    for kind, record in written.items():
        path = tmp_path / f"{kind}.json"
        path.write_bytes(orjson.dumps(record))
        table = read_probe(str(path), "the choice", {"digest of a"})
        rows = record["rows"]
        assert isinstance(rows, list)
        assert (table.kind, len(table.rows)) == (kind, len(rows))
        assert [row.name for row in table.rows if row.is_this] == (["a"] if kind == "choices" else [])
        for row, each in zip(table.rows, rows, strict=True):
            assert row.by_text.nats.value == each["nats_per_token_by_text"]["value"]
            assert row.by_word.nats.high == each["nats_per_token"]["high"]
    assert table.curve is not None
    assert table.curve.documents == [5, 10, 20]


def wrong(value: JSON, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Places in a record."""
    if path:
        yield path
    if isinstance(value, dict):
        for key in value:
            yield from wrong(value[key], (*path, key))
    elif isinstance(value, list) and value:
        yield from wrong(value[0], (*path, 0))


def test_anything_else_is_refused_or_not_needed(written: dict[str, dict[str, JSON]], tmp_path: Path) -> None:
    refused = 0
    path = tmp_path / "damaged.json"
    for record in written.values():
        for place in wrong(record):
            for other in ({}, [], "text", True, [1], {"value": "x"}, -1.5):
                damaged = copy.deepcopy(record)
                held = damaged
                for step in place[:-1]:
                    held = held[step]  # type: ignore[index,assignment] # as deep as the place is
                held[place[-1]] = other  # type: ignore[index]
                path.write_bytes(orjson.dumps(damaged))
                try:
                    read_probe(str(path), "the choice", {"digest of a"})
                except DataError as error:
                    assert "damaged.json" in str(error)
                    refused += 1
    assert refused > 500
    for data in (b"", b"{", b"[]", b"null", b"\xff", b'{"kind": "choices"}', b"[" * 100_000):
        path.write_bytes(data)
        with pytest.raises(DataError, match=r"damaged\.json: not what ds-probe writes"):
            read_probe(str(path), "the choice", set())
    path.write_bytes(orjson.dumps(written["choices"]))
    with pytest.raises(DataError, match="judges other choices than the choice"):
        read_probe(str(path), "the choice", {"digest of c"})
