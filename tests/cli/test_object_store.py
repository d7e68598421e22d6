"""The chain on s3://, through a network that breaks: right bytes, or an error and nothing under the final name."""

import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest

from failing_server import Fault
from object_store import Bucket, Proxy, failing_proxy, s3_server, use_store
from workdir import Workdir, records, texts

_NUMBERS = count()


class Store(NamedTuple):
    """A fresh bucket, and the proxy that the commands reach it through."""

    bucket: Bucket
    proxy: Proxy


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture
def store(server: str, work: Workdir) -> Iterator[Store]:
    with failing_proxy(server) as proxy:
        use_store(work, proxy.url)
        yield Store(Bucket(server, f"bucket-{next(_NUMBERS)}"), proxy)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """pool/0..2.jsonl.zst, target.jsonl, and what the chain makes of them on disk."""
    made = Workdir(tmp_path_factory.mktemp("shards"))
    (made.path / "pool").mkdir()
    for number in range(3):
        made.write(f"pool/{number}.jsonl", records(texts(2000, seed=number)))
    made.ok("zstd -q --rm pool/*.jsonl")
    made.write("target.jsonl", records(texts(60, seed=9)[::5]))
    made.ok("ds-embed --dimension 64 pool/* -o emb/ && ds-embed --dimension 64 target.jsonl -o t.npy"
            " && ds-target-stats --target t.npy emb/* -o t.npz && ds-score --target t.npz emb/* -o scores/"
            " && ds-topk -k 50 --scores scores/ pool/* -o best.jsonl.zst")
    return made.path


def fill(bucket: Bucket, shards: Path, *names: str) -> None:
    for name in names:
        for path in sorted(shards.glob(name)):
            bucket.put(str(path.relative_to(shards)), path.read_bytes())


@pytest.mark.slow
def test_the_chain_in_a_bucket_gives_the_bytes_of_the_chain_on_disk(store: Store, work: Workdir, shards: Path) -> None:
    u = store.bucket.url
    fill(store.bucket, shards, "pool/*", "target.jsonl")
    work.ok(f"ds-embed --dimension 64 {u}/pool/ -o {u}/emb/")
    work.ok(f"ds-embed --dimension 64 {u}/target.jsonl -o {u}/t.npy")
    work.ok(f"ds-target-stats --target {u}/t.npy {u}/emb/ -o {u}/t.npz")
    work.ok(f"ds-score --target {u}/t.npz {u}/emb/ -o {u}/scores/")
    work.ok(f"ds-topk -k 50 --scores {u}/scores/ {u}/pool/ -o {u}/best.jsonl.zst")
    for name in ("emb/0.npy", "emb/2.npy", "t.npz", "scores/1.npy", "best.jsonl.zst"):
        assert store.bucket.get(name) == (shards / name).read_bytes(), name
    assert work.names() == set()
    # Again: outputs are recognised by the ends of their objects.
    store.proxy.seen.clear()
    embed = f"ds-embed --dimension 64 {u}/pool/ -o {u}/emb/"
    for line in (embed, f"ds-score --target {u}/t.npz {u}/emb/ -o {u}/scores/"):
        assert "3 outputs were already complete" in work.ok(line).err
    assert "PUT" not in {method for method, _ in store.proxy.seen}
    store.bucket.put("pool/1.jsonl.zst", (shards / "pool/0.jsonl.zst").read_bytes())
    assert "2 outputs were already complete" in work.ok(embed).err
    work.fails(f"ds-topk -k 50 --scores {u}/scores/ {u}/pool/ -o {u}/other.jsonl.zst", "scores/1.npy", "other records")
    assert "other.jsonl.zst" not in store.bucket.names()


@pytest.mark.slow
def test_a_probe_takes_folders_of_a_bucket(store: Store, work: Workdir, shards: Path) -> None:
    u = store.bucket.url
    fill(store.bucket, shards, "pool/*", "target.jsonl", "best.jsonl.zst")
    line = "ds-probe -q --json --resamples 100 --target {0}/target.jsonl --budget 500"
    files = " ".join(f"--source {{0}}/pool/{number}.jsonl.zst" for number in range(3))
    found = work.ok(f"{line.format(u)} --source {u}/pool/ {u}/pool/").out
    expected = work.ok(f"{line.format(shards)} {files.format(shards)} {shards}/pool/*").out
    assert found.replace(u.encode(), str(shards).encode()) == expected


def test_folders_of_other_stores_are_refused_before_anything_is_read(work: Workdir) -> None:
    for url in ("gs://bucket/pool/", "azure://container/pool/"):
        work.fails(f"ds-embed {url} -o x.npy", f"{url}: only s3:// can be listed; name the objects", status=2)


@pytest.mark.heavy
def test_shards_are_shared_out_in_a_bucket_too(store: Store, work: Workdir, shards: Path) -> None:
    u = store.bucket.url
    fill(store.bucket, shards, "pool/*")
    work.ok(f"ds-embed --dimension 64 --shard 1/2 {u}/pool/ -o {u}/emb/")
    assert {key for key in store.bucket.names() if key.startswith("emb/")} == {"emb/1.npy"}


@pytest.mark.heavy
@pytest.mark.parametrize("faults", [
    [Fault("GET", "/pool/1", cut=100_000)],
    [Fault("GET", "/pool/1", cut=0, times=2), Fault("GET", "/pool/1", cut=131_072)],
    [Fault("GET", "/pool/1", status=503, times=2)],
    [Fault("HEAD", "/pool/1", status=500, times=2), Fault("GET", "/pool/2", drop=True)],
    [Fault("PUT", "/emb/", status=503, times=2), Fault("PUT", "/emb/2", drop=True)],
], ids=["cut", "cut again and again", "5xx", "several", "uploads"])
def test_what_passes_is_tried_again(store: Store, work: Workdir, shards: Path, faults: list[Fault]) -> None:
    fill(store.bucket, shards, "pool/*")
    store.proxy.faults += faults
    done = work.ok(f"ds-embed --dimension 64 {store.bucket.url}/pool/ -o {store.bucket.url}/emb/")
    assert not any(fault.times for fault in faults)
    for name in ("emb/0.npy", "emb/1.npy", "emb/2.npy"):
        assert store.bucket.get(name) == (shards / name).read_bytes()
    assert len(done.err.splitlines()) == 1, done.err


@pytest.mark.heavy
@pytest.mark.parametrize(("fault", "said"), [
    pytest.param(Fault("GET", "/pool/1", cut=0, times=999), "could not be read past byte 0 of",
                 marks=pytest.mark.slow),  # half a minute of pauses
    (Fault("GET", "/pool/1", status=503, times=999), "503"),
    (Fault("GET", "/pool/1", drop=True, times=999), "could not be read past byte 0 of"),
    (Fault("HEAD", "/pool/1", status=403, times=999), "access is denied"),
    (Fault("PUT", "/emb/1", status=503, times=999), "upload failed"),
], ids=["cut", "5xx", "drop", "denied", "upload"])
def test_what_does_not_pass_is_an_error_in_the_end(store: Store, work: Workdir, shards: Path, fault: Fault,
                                                   said: str) -> None:
    u = store.bucket.url
    fill(store.bucket, shards, "pool/1*")
    store.proxy.faults.append(fault)
    tries = {"AWS_MAX_ATTEMPTS": "3"}
    begin = time.monotonic()
    key = "emb/1.npy" if fault.method == "PUT" else "pool/1.jsonl.zst"
    done = work.fails(f"ds-embed --dimension 64 {u}/pool/ -o {u}/emb/", f"ds-embed: error: {u}/{key}: ", said, **tries)
    assert time.monotonic() - begin < 120  # and does not hang
    assert "smart_open" not in done.err
    assert not any(key.startswith("emb/") for key in store.bucket.names())
    store.proxy.faults.clear()
    work.ok(f"ds-embed --dimension 64 {u}/pool/ -o {u}/emb/")
    assert store.bucket.get("emb/1.npy") == (shards / "emb/1.npy").read_bytes()


def test_an_object_replaced_while_it_is_read_is_an_error(store: Store, work: Workdir, shards: Path) -> None:
    u = store.bucket.url
    fill(store.bucket, shards, "pool/1*")
    other = (shards / "pool/2.jsonl.zst").read_bytes()
    honest = store.proxy.fault_of

    def replaced_meanwhile(method: str, path: str) -> Fault | None:
        if method == "GET" and "/pool/1" in path and not store.proxy.faults:
            store.proxy.faults.append(Fault("GET", "/pool/1", cut=100_000))
            return honest(method, path)
        if method == "GET" and "/pool/1" in path:
            store.bucket.put("pool/1.jsonl.zst", other)
        return honest(method, path)

    store.proxy.fault_of = replaced_meanwhile  # type: ignore[method-assign]
    work.fails(f"ds-embed --dimension 64 {u}/pool/1.jsonl.zst -o {u}/e.npy", "replaced while it was read")
    assert store.bucket.names() == {"pool/1.jsonl.zst"}


@pytest.mark.heavy
def test_an_upload_in_parts_that_fails_is_aborted(store: Store, work: Workdir) -> None:
    u = store.bucket.url
    work.write("pool.jsonl", records(texts(2200)))
    store.proxy.faults.append(Fault("PUT", "partNumber=2", status=500, times=999))
    line = f"ds-embed --dimension 4096 pool.jsonl -o {u}/e.npy"  # 17 MiB: three parts
    work.fails(line, f"{u}/e.npy: upload failed", AWS_MAX_ATTEMPTS="2")
    assert (store.bucket.names(), store.bucket.unfinished()) == (set(), [])
    store.proxy.faults.clear()
    store.proxy.faults.append(Fault("PUT", "partNumber=2", drop=True))
    work.ok(f"{line} && ds-embed --dimension 4096 pool.jsonl -o e.npy")
    assert store.bucket.get("e.npy") == work.read("e.npy")
    assert ("POST", f"/{store.bucket.name}/e.npy?uploads") in store.proxy.seen


@pytest.mark.slow
def test_names_that_lead_nowhere(store: Store, work: Workdir, shards: Path) -> None:
    u = store.bucket.url
    fill(store.bucket, shards, "pool/1*")
    good = f"{u}/pool/1.jsonl.zst"
    work.fails(f"ds-embed {u}/pool/9.jsonl.zst -o x.npy", f"{u}/pool/9.jsonl.zst: no such object")
    work.fails("ds-embed s3://nobody-made-this/x -o x.npy", "no such object")
    work.fails(f"ds-embed {u}/nothing/ -o x.npy", f"{u}/nothing/: no objects there")
    work.fails(f"ds-embed {u} -o x.npy", "names a bucket and nothing in it", status=2)
    work.fails(f"ds-embed {good} -o s3://nobody-made-this/x.npy", "s3://nobody-made-this: no such bucket")
    work.fails(f"ds-embed {good} -o file:///tmp/x.npy", "can be read only", status=2)
    work.fails(f"ds-embed {good} -o http://127.0.0.1:9/x.npy", "can be read only", status=2)
    work.fails("ds-embed http://127.0.0.1:9/pool/ -o x.npy", "only s3:// can be listed", status=2)
    work.fails(f"ds-train --model m --recipe got-d-clm {good} -o {u}/model/", "a folder on disk", status=2)
    assert work.names() == set()
    assert store.bucket.names() == {"pool/1.jsonl.zst"}


def test_a_store_that_is_not_there_is_named_soon(work: Workdir) -> None:
    use_store(work, "http://127.0.0.1:9")
    begin = time.monotonic()
    work.fails("ds-embed s3://bucket/x.jsonl -o x.npy", "s3://bucket/x.jsonl", "127.0.0.1:9", AWS_MAX_ATTEMPTS="2")
    assert time.monotonic() - begin < 30
