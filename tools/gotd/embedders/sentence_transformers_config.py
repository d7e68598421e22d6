"""What a sentence-transformers folder says about the way from text to vector, in the layouts of versions 2 to 6.

A folder without modules.json is a bare transformer, of which nothing is said.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gotd.embedders.model_folder import read_json, read_json_value
from gotd.errors import DataError
from gotd.types import JSON

_POOLING_NAMES = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
#: Until version 5 a flag each, in the order in which the vectors stand side by side.
_POOLING_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
#: Arguments to transformers that leave the vectors as they are; others are refused, whatever they do.
_ARGUMENTS = ("model_args", "model_kwargs", "tokenizer_args", "processor_kwargs", "config_args", "config_kwargs")
_HARMLESS = {
    "add_pooling_layer",
    "attn_implementation",
    "clean_up_tokenization_spaces",
    "dtype",
    "low_cpu_mem_usage",
    "model_max_length",
    "padding_side",
    "torch_dtype",
    "trust_remote_code",
    "use_cache",
    "use_fast",
    "use_safetensors",
}
_UNSUPPORTED = "gotd knows Transformer, Pooling, Dense and Normalize; embed with another tool and bring the vectors"


@dataclass(frozen=True)
class Step:
    """What is done to the pooled vector: a dense layer, whose folder this is, or scaling to unit length."""

    kind: Literal["dense", "normalise"]
    folder: Path


@dataclass(frozen=True)
class SentenceConfig:
    """The way from text to vector.

    transformer : folder of the transformer
    max_tokens : None leaves it to the tokenizer and the transformer
    lower_case : texts are folded before the tokenizer sees them
    prompt : stands before every text
    pooling : names in `pooling.POOLINGS`; empty where nothing is said
    steps : what follows pooling, in order
    dimension : how much of the vector is kept after all steps; None keeps it whole
    """

    transformer: Path
    max_tokens: int | None = None
    lower_case: bool = False
    prompt: str = ""
    pooling: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    dimension: int | None = None

    @property
    def unit_length(self) -> bool:
        """Whether every vector is scaled to unit length at the end."""
        return bool(self.steps) and self.steps[-1].kind == "normalise" and self.dimension is None


def read_sentence_config(folder: Path) -> SentenceConfig:
    """The configuration of a folder.

    Raises:
        DataError: a module or an option that would change the vectors and that gotd does not have.
    """
    path = folder / "modules.json"
    if not path.is_file():
        return SentenceConfig(transformer=folder)
    modules = _read_modules(path)
    kinds = [kind for kind, _ in modules]
    if kinds[:2] != ["Transformer", "Pooling"] or not set(kinds[2:]) <= {"Dense", "Normalize"}:
        raise DataError(str(path), f"modules {', '.join(kinds) or 'none'}", _UNSUPPORTED)
    transformer, pooling = modules[0][1], modules[1][1]
    settings = _read_transformer_settings(transformer)
    whole = folder / "config_sentence_transformers.json"
    prompt = _default_prompt(whole)
    return SentenceConfig(
        transformer=transformer,
        max_tokens=_max_tokens(settings),
        lower_case=bool(settings.get("do_lower_case", False)),
        prompt=prompt,
        pooling=_read_pooling(pooling / "config.json", bool(prompt)),
        steps=tuple(_step(kind, place) for kind, place in modules[2:]),
        dimension=_whole_number(read_json(whole).get("truncate_dim")) if whole.is_file() else None,
    )


def _read_modules(path: Path) -> list[tuple[str, Path]]:
    """Kind and folder of each module, in order."""
    content = read_json_value(path)
    modules = []
    for module in content if isinstance(content, list) else []:
        if not isinstance(module, dict) or not str(module.get("type")).startswith("sentence_transformers."):
            what = f"a module that is not sentence-transformers' own: {module}"
            raise DataError(str(path), what, "code from a model is never run; " + _UNSUPPORTED)
        place = Path(str(module.get("path", "")))
        if place.is_absolute() or ".." in place.parts:
            raise DataError(str(path), f"a module in {place}, outside the folder", "copy it into the folder")
        modules.append((str(module["type"]).rsplit(".", 1)[-1], path.parent / place))
    return modules


def _read_transformer_settings(folder: Path) -> dict[str, JSON]:
    """sentence_bert_config.json, which older versions named after other models (sentence_roberta_config.json, ...)."""
    for path in sorted(folder.glob("sentence_*_config.json")):
        settings = read_json(path)
        _check_transformer_settings(path, settings)
        return settings
    return {}


def _check_transformer_settings(path: Path, settings: dict[str, JSON]) -> None:
    """Nothing in them may change the vectors in a way that gotd does not know."""
    task = settings.get("transformer_task", "feature-extraction")
    output = settings.get("module_output_name", "token_embeddings")
    if (task, output) != ("feature-extraction", "token_embeddings"):
        raise DataError(str(path), f"task {task!r} with output {output!r}", _UNSUPPORTED)
    if settings.get("processing_kwargs"):
        raise DataError(str(path), "texts are processed in a way of their own (processing_kwargs)", _UNSUPPORTED)
    for name in _ARGUMENTS:
        arguments = settings.get(name)
        if isinstance(arguments, dict) and (others := sorted(set(arguments) - _HARMLESS)):
            raise DataError(str(path), f"{name} with {', '.join(others)}", _UNSUPPORTED)


def _max_tokens(settings: dict[str, JSON]) -> int | None:
    """What is said to the tokenizer itself comes first."""
    for name in ("processor_kwargs", "tokenizer_args"):
        arguments = settings.get(name)
        if isinstance(arguments, dict) and "model_max_length" in arguments:
            return _whole_number(arguments["model_max_length"])
    return _whole_number(settings.get("max_seq_length"))


def _default_prompt(path: Path) -> str:
    if not path.is_file():
        return ""
    settings = read_json(path)
    name, prompts = settings.get("default_prompt_name"), settings.get("prompts")
    if name is None:
        return ""
    if not isinstance(prompts, dict) or name not in prompts:
        raise DataError(str(path), f"default prompt {name!r} is not among its prompts", "mend that file")
    return str(prompts[str(name)] or "")


def _read_pooling(path: Path, prompted: bool) -> tuple[str, ...]:
    settings = read_json(path)
    if prompted and not settings.get("include_prompt", True):
        raise DataError(str(path), "pools without the tokens of the prompt", _UNSUPPORTED)
    modes = settings.get("pooling_mode") or [mode for flag, mode in _POOLING_FLAGS.items() if settings.get(flag)]
    names = tuple(map(str, modes)) if isinstance(modes, list) else (str(modes),)
    if unknown := set(names) - set(_POOLING_NAMES):
        raise DataError(str(path), f"pooling {', '.join(sorted(unknown))}", f"known are {', '.join(_POOLING_NAMES)}")
    return names or ("mean",)


def _step(kind: str, folder: Path) -> Step:
    path = folder / "config.json"
    if path.is_file():
        settings = read_json(path)
        name = "sentence_embedding"
        if {settings.get("module_input_name", name), settings.get("module_output_name") or name} != {name}:
            raise DataError(str(path), "works on something else than the text's vector", _UNSUPPORTED)
        if settings.get("use_residual"):
            raise DataError(str(path), "a dense layer with a residual", _UNSUPPORTED)
    return Step("dense" if kind == "Dense" else "normalise", folder)


def _whole_number(value: JSON) -> int | None:
    return value if isinstance(value, int) else None
