"""An embedder once more, from what is known of it: the identity that seals and target files hold."""

from collections.abc import Sequence

from gotd.embedders.loading import HASH, load
from gotd.embedders.protocol import Embedder
from gotd.embedders.side_by_side import SideBySide
from gotd.errors import GotdError, UsageError
from gotd.types import EmbedderIdentity


def load_same(identity: EmbedderIdentity, models: Sequence[str], where: str, *, threads: int = 1, device: str = "auto"
              ) -> Embedder:
    """Return the embedder of that identity, for vectors that float16 will hold.

    models : where its models are, as of `load`, in their order; of hash nothing need be said
    where : what holds the identity, for messages
    Raises: UsageError where a model is missing or one too many; GotdError where what is there is another one.
    """
    parts = _parts(identity)
    named = _named(parts, models, where)
    found = [_load(part, model, len(parts) == 1, threads, device)
             for part, model in zip(parts, named, strict=True)]
    embedder = found[0] if len(found) == 1 else SideBySide(found)
    if embedder.identity != identity:
        for each in found:
            each.close()
        told = [_differences(part, each.identity) for part, each in zip(parts, found, strict=True)]
        others = "; ".join(f"{model}: {each}" for model, each in zip(named, told, strict=True) if each)
        raise GotdError(f"{where}: its vectors were made by another embedder ({others}); {_remedy(parts)}")
    return embedder


def _parts(identity: EmbedderIdentity) -> list[EmbedderIdentity]:
    models = identity.get("models")
    return [each for each in models if isinstance(each, dict)] if isinstance(models, list) else [identity]


def _named(parts: Sequence[EmbedderIdentity], models: Sequence[str], where: str) -> list[str]:
    """Return a model for each part: those that were named, and hash where it need not be."""
    if len(models) == len(parts) and all((part["name"] == HASH) == (model == HASH)
                                         for part, model in zip(parts, models, strict=True)):
        return list(models)
    folders = iter(models)
    named = [HASH if part["name"] == HASH else next(folders, None) for part in parts]
    wanted = [part for part in parts if part["name"] != HASH]
    if None in named or next(folders, None) is not None or HASH in models:
        made = " and ".join(f"{part['name']} (revision {part.get('revision')}, {part.get('dimension')} numbers)"
                            for part in parts)
        say = (" ".join(["--model FOLDER"] * len(wanted)) + ", where that model is") if wanted else "no --model"
        raise UsageError(f"{where}: its vectors were made by {made}: give {say}, or score vectors made by ds-embed")
    return [model for model in named if model is not None]


def _load(part: EmbedderIdentity, model: str, alone: bool, threads: int, device: str) -> Embedder:
    """Load one model with the options that its identity holds."""
    if model == HASH:
        return load([HASH], threads=threads, dimension=_whole(part.get("dimension")), half=alone)
    reads = _whole(part.get("max_tokens"))
    found = load([model], device=device, threads=threads, max_tokens=reads, passed_over=("device",))
    pooling = part.get("pooling")
    if found.identity != part and found.identity.get("revision") == part.get("revision") and isinstance(pooling, str):
        found.close()  # it was embedded with a --pooling of its own
        found = load([model], device=device, threads=threads, max_tokens=reads, pooling=pooling,
                     passed_over=("device", "pooling"))
    return found


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _differences(wanted: EmbedderIdentity, found: EmbedderIdentity) -> str:
    names = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    return ", ".join(f"{name} {found.get(name)!r}, wanted {wanted.get(name)!r}" for name in names)


def _remedy(parts: Sequence[EmbedderIdentity]) -> str:
    if all(part["name"] == HASH for part in parts):
        return "fit the target again with this gotd, or score vectors of the one that made it"
    return "give the --model that the target was embedded with, or embed and fit the target again"
