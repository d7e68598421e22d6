"""Names on the hub, the files they stand for, and bytes that come in spite of what networks do."""

from collections.abc import Iterator

import pytest

from failing_server import Fault
from gotd.errors import GotdError, UsageError
from gotd.streams import hub as reader
from gotd.streams.locations import READ_ENDINGS
from gotd.streams.sources import expanded, open_input, read_tail
from hub_server import COMMIT, Hub, hub_server

huggingface_hub = pytest.importorskip("huggingface_hub")
SET = "hf://datasets/org/set"
PINNED = f"{SET}@{COMMIT}"
FILES = {"README.md": b"x", ".gitattributes": b"y", "data/b.jsonl": b'{"text":"b"}\n', "data/a.parquet": b"PAR1",
         "data/de/c.jsonl.zst": bytes(range(256)) * 2000, "_hidden/d.jsonl": b"z"}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with one data set, as this process sees it."""
    with hub_server() as server:
        server.files = dict(FILES)
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        for module in ("constants", "file_download"):
            monkeypatch.setattr(f"huggingface_hub.{module}.HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr(reader, "_PAUSE", 0.01)
        monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)
        for cached in (reader._file_system, reader._folder):
            cached.cache_clear()
        huggingface_hub.HfFileSystem.clear_instance_cache()
        yield server


def read(name: str) -> bytes:
    with open_input(name) as source:
        pieces = []
        while piece := source.read_some(1 << 16):
            pieces.append(piece)
        return b"".join(pieces)


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(("name", "files"), [
    (f"{SET}/data/*.jsonl", ["data/b.jsonl"]), (f"{SET}@{COMMIT}/data/de/", ["data/de/c.jsonl.zst"]),
    (f"{SET}/data/**", ["data/a.parquet", "data/b.jsonl", "data/de/c.jsonl.zst"]),
    (f"{SET}@main/data/[ab].*", ["data/a.parquet", "data/b.jsonl"]),
    (SET, ["data/a.parquet", "data/b.jsonl", "data/de/c.jsonl.zst"]), (f"{SET}/README.md", ["README.md"]),
])
def test_names_stand_for_files_at_one_commit(name: str, files: list[str]) -> None:
    others: list[str] = []
    assert expanded([name], others) == [f"{PINNED}/{file}" for file in files]
    assert others == ([f"{PINNED}/README.md"] if name == SET else [])


@pytest.mark.parametrize("faults", [
    [Fault("GET", "/resolve/", cut=100_000)], [Fault("GET", "/resolve/", cut=0, times=2)],
    [Fault("GET", "/resolve/", drop=True, times=3), Fault("GET", "/tree/", status=500)],
    [Fault("GET", "/api/datasets/", status=503, times=3), Fault("GET", "/resolve/", status=429)],
], ids=["cut", "cut again", "drop", "5xx"])
def test_what_passes_is_tried_again(hub: Hub, faults: list[Fault]) -> None:
    hub.faults += faults
    assert read(f"{SET}/data/de/c.jsonl.zst") == FILES["data/de/c.jsonl.zst"]
    assert not any(fault.times for fault in faults)


def test_what_does_not_pass_is_an_error_that_says_how_far(hub: Hub) -> None:
    hub.faults.append(Fault("GET", "/resolve/", cut=70_000, times=99))
    with pytest.raises(GotdError, match=rf"^{SET}/data/de/c.jsonl.zst: could not be read past byte \d.* of 512,000: "):
        read(f"{SET}/data/de/c.jsonl.zst")


@pytest.mark.parametrize(("name", "said"), [
    ("hf://datasets/org/none/a", "no such data set, or a private one; check the name, or give a token that may"),
    ("hf://datasets/org/secret/a", "no such data set, or a private one; check the name, or give a token"),
    ("hf://datasets/org/gated/a", "gated; accept its terms on its page, and give a token that may read it: hf auth "),
    (f"{SET}@v9/a", "no such revision; name a branch, a tag or a commit"),
    (f"{SET}/*.csv", "no such file; there are .gitattributes, README.md, _hidden/d.jsonl, data/a.parquet, data/b."),
    (f"{SET}/data/x.jsonl", "no such file; there are .gitattributes, README.md"),
])
def test_what_is_not_there_is_named_with_its_remedy(hub: Hub, name: str, said: str) -> None:
    with pytest.raises(GotdError) as fault:
        expanded([name])
    assert str(fault.value).startswith(f"{name}: {said}")
    assert not hub.fetched()


def test_denied_bytes_and_no_network(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.faults.append(Fault("GET", "/resolve/", status=403, times=9))
    with pytest.raises(GotdError, match=r"access is denied; give a token that may read it: hf auth login, or HF_TOKEN"):
        read(f"{SET}/data/b.jsonl")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    huggingface_hub.utils._http.close_session()
    reader._folder.cache_clear()
    with pytest.raises(GotdError, match=r"HF_HUB_OFFLINE is set; unset it to read from the hub"):
        expanded([f"{SET}/data/b.jsonl"])


@pytest.mark.parametrize("name", ["hf://org/set/a", "hf://datasets/org", "hf://datasets/org/set@/a", "hf://models/o/m/a"])
def test_what_is_no_name_of_a_data_set_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"wanted hf://datasets/ORG/NAME\[@REVISION\]/FILE"):
        reader.hub_files(name, READ_ENDINGS)


@pytest.mark.usefixtures("hub")
def test_ends_are_read_alone() -> None:
    data = FILES["data/de/c.jsonl.zst"]
    assert read_tail(f"{PINNED}/data/de/c.jsonl.zst", 1000) == (data[-1000:], len(data))
    assert read_tail(f"{PINNED}/data/b.jsonl", 1000) == (FILES["data/b.jsonl"], 13)
