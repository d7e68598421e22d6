"""A model's folder: what is in it, what identifies it, and where it is found."""

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path

from gotd.errors import DataError, GotdError
from gotd.types import JSON

#: Everything that vectors depend on: weights, configuration, tokenizer. Nothing that is pickled or code.
_PATTERNS = (
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "modules.json",
    "config_sentence_transformers.json",
    "sentence_*_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "*.model",
)
#: The same weights for other runtimes: a copy of the folder with them makes the same vectors as one without.
_OTHER_RUNTIMES = ("onnx", "openvino")
_HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w.-]+)?")
_DIGEST_HEX_DIGITS = 16
EXTRA_REMEDY = "pip install 'gotd[models]'"


def find_folder(model: str) -> Path:
    """The folder of a model: as named, or fetched from the hub where no such folder exists and the name could be one.

    Raises:
        GotdError: what was looked for, and where.
    """
    if not model:
        raise GotdError("a model without a name; give a model's folder, a hub name (owner/model) or hash")
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists():
        raise GotdError(f"{model}: a file; a model is a folder (config.json, tokenizer.json, model.safetensors)")
    if not _HUB_NAME.fullmatch(model):
        where = "on this machine" if folder.is_absolute() else f"in {Path.cwd()}"
        raise GotdError(f"{model}: no such folder {where}; give a model's folder, a hub name (owner/model) or hash")
    return _fetch(model)


def _fetch(name: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError
        from huggingface_hub.utils.tqdm import disable_progress_bars
    except ImportError as error:
        raise GotdError(f"{name}: no such folder in {Path.cwd()}, and to fetch it: {EXTRA_REMEDY}") from error
    disable_progress_bars()
    try:
        # In a repository the same names stand in folders too; those of other runtimes hold other weights.
        wanted = [*_PATTERNS, *(f"*/{pattern}" for pattern in _PATTERNS)]
        unwanted = [f"{runtime}/*" for runtime in _OTHER_RUNTIMES]
        return Path(snapshot_download(name, allow_patterns=wanted, ignore_patterns=unwanted))
    except (HfHubHTTPError, OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise GotdError(
            f"{name}: no such folder in {Path.cwd()}, and not to be had from the Hugging Face hub ({reason}); "
            "give the path of a folder, or fetch the model where there is a network"
        ) from error


def read_json(path: Path) -> dict[str, JSON]:
    """The object in a JSON file."""
    content = read_json_value(path)
    if not isinstance(content, dict):
        raise DataError(str(path), "not a JSON object", "fetch the model again")
    return content


def read_json_value(path: Path) -> JSON:
    """What a JSON file holds."""
    try:
        content: JSON = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise GotdError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise DataError(str(path), f"not JSON ({error})", "fetch the model again") from error
    return content


def digest(folder: Path, modules: Sequence[Path] = ()) -> str:
    """SHA-256 of the names and contents of the files that vectors depend on, its first 16 hexadecimal digits.

    The folder's own name and place are not part of it: a copy elsewhere makes the same vectors.

    modules : folders in it that are loaded from, at any depth; its own files, and those right under it, always count
    """
    files = {file for pattern in _PATTERNS for depth in ("", "*/") for file in folder.glob(depth + pattern)}
    files = {file for file in files if file.parent.name not in _OTHER_RUNTIMES or file.parent == folder}
    files |= {file for module in modules for pattern in _PATTERNS for file in module.glob(pattern)}
    whole = hashlib.sha256()
    for file in sorted(files):
        with file.open("rb") as content:
            line = f"{file.relative_to(folder).as_posix()} {hashlib.file_digest(content, 'sha256').hexdigest()}\n"
        whole.update(line.encode())
    return whole.hexdigest()[:_DIGEST_HEX_DIGITS]
