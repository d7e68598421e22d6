"""A model for an objective: loaded from a folder, or made from a configuration; with adapters where asked for."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gotd import pretrained
from gotd.errors import GotdError
from gotd.pretrained import CodeRefusedError, LoadingInfo

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

_HEADS = {"mlm": "AutoModelForMaskedLM", "clm": "AutoModelForCausalLM",
          "classify": "AutoModelForSequenceClassification"}
#: Their positions start after the padding token's (transformers, create_position_ids_from_input_ids).
_POSITIONS_AFTER_PADDING = {"roberta", "xlm-roberta", "camembert", "xlm-roberta-xl", "data2vec-text", "ibert", "mpnet"}
#: Tokens a model must have positions for, at least: as for --length.
_SHORTEST = 4
_KINDS = {"mlm": "a masked language model", "clm": "a causal language model", "classify": "a classifier"}


def load_config(path: Path) -> "PretrainedConfig":
    """The configuration in a folder or a JSON file."""
    file = path / "config.json" if path.is_dir() else path
    try:
        return pretrained.load_config(file)
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise GotdError(f"{file}: no model configuration ({reason}); it is the config.json of a model") from error


def check_objective(config: "PretrainedConfig", objective: str, name: str) -> None:
    """GotdError where the architecture cannot have the objective."""
    import transformers
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING

    if config.is_encoder_decoder:
        raise GotdError(f"{name}: {config.model_type} is an encoder with a decoder, which ds-train does not train; "
                        "choose another model")
    known = type(config) in getattr(transformers, _HEADS[objective])._model_mapping
    # BERT and its kin have a causal head, but look both ways unless told otherwise: the next token would be known.
    both_ways = type(config) in MODEL_FOR_MASKED_LM_MAPPING and not getattr(config, "is_decoder", False)
    if not known or (objective == "clm" and both_ways):
        raise GotdError(f"{name}: {config.model_type} is not {_KINDS[objective]}; choose another --objective or model")


def longest_input(config: "PretrainedConfig", tokenizer: "PreTrainedTokenizerFast", fresh: bool) -> int:
    """Positions the model has for tokens; a fresh one takes its padding token from the tokenizer."""
    positions = getattr(config, "max_position_embeddings", None) or 1 << 30
    if config.model_type in _POSITIONS_AFTER_PADDING:
        padding = tokenizer.pad_token_id if fresh else config.pad_token_id
        if padding is None or positions <= padding + _SHORTEST:
            what = "has no padding token" if padding is None else f"has its padding token at {padding}"
            raise GotdError(f"{config.model_type} counts positions from the padding token on, and the tokenizer "
                            f"{what}; give a --tokenizer with one before {positions - _SHORTEST}")
        positions -= padding + 1
    return int(min(positions, tokenizer.model_max_length))


def labels_of_head(config: "PretrainedConfig") -> list[str]:
    """The labels of a classifier, in its order; none of another model."""
    if not any(name.endswith("ForSequenceClassification") for name in config.architectures or ()):
        return []
    return [str(config.id2label[number]) for number in sorted(config.id2label)]


def make_model(source: Path, fresh: bool, objective: str, tokenizer: "PreTrainedTokenizerFast", labels: list[str],
               tell: Callable[[str], None]) -> "PreTrainedModel":
    """The model of a folder (or, fresh, of a configuration) with the objective's head, in float32.

    Draws what is not in the folder, a head or everything, from torch's global generator.
    """
    import torch

    head = _HEADS[objective]
    config = load_config(source)
    check_objective(config, objective, str(source))
    before = labels_of_head(config) if objective == "classify" and not fresh else []
    if objective == "classify":
        config.num_labels = len(labels)
        config.id2label, config.label2id = dict(enumerate(labels)), {label: i for i, label in enumerate(labels)}
        config.problem_type = "single_label_classification"
        config.pad_token_id = tokenizer.pad_token_id
    if fresh:
        config.vocab_size = len(tokenizer)
        for name in ("bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "cls_token_id"):
            if hasattr(config, name):
                setattr(config, name, getattr(tokenizer, name))
        return pretrained.new_model(head, config, source, dtype=torch.float32)
    from safetensors import SafetensorError

    try:
        model, info = pretrained.load_model(head, source, config, dtype=torch.float32,
                                            ignore_mismatched_sizes=len(before) not in (0, len(labels)))
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise GotdError(f"{source}: {str(error).strip().splitlines()[0]}") from error
    body = [name for name in info["missing_keys"] if name.startswith(f"{model.base_model_prefix}.")]
    if getattr(config, "auto_map", None) and any("pooler" not in name for name in body):
        raise CodeRefusedError(source, f"has weights, but no {body[0]}, for code in its folder, which is never run")
    _say_what_is_new(source, info, before, labels, tell)
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        raise GotdError(f"{source}: its tokenizer has {len(tokenizer)} tokens, the model "
                        f"{model.get_input_embeddings().num_embeddings}; they do not belong together")
    return model


def _say_what_is_new(source: Path, info: LoadingInfo, before: list[str], labels: list[str],
                     tell: Callable[[str], None]) -> None:
    """before : the labels of a head that is in the folder"""
    resized = {key[0] for key in info["mismatched_keys"]}
    for found, where in ((set(info["missing_keys"]) - resized, f"not in {source}"),
                         (resized, f"in {source} for {len(before)} labels, not {len(labels)},")):
        names = sorted(found)
        if names:
            tell(f"{len(names)} tensors are {where} and start at random: {', '.join(names[:4])}"
                 + (" ..." if len(names) > 4 else ""))
    if labels and len(before) == len(labels) and before != labels:
        tell(f"{source}: the head of labels {', '.join(before)} is gone on from as {', '.join(labels)}")


def with_adapters(model: "PreTrainedModel", rank: int, objective: str) -> "PreTrainedModel":
    """The model with LoRA of a rank on all its linear layers but the head (arXiv 2106.09685; alpha twice the rank)."""
    try:
        from peft import LoraConfig, TaskType, get_peft_model
    except ImportError as error:
        raise GotdError(f"--lora: {error}; pip install 'gotd[lora]'") from error
    from transformers.pytorch_utils import Conv1D

    # GPT-2 keeps its linear layers the other way round.
    turned = any(isinstance(module, Conv1D) for module in model.modules())
    kind = TaskType.SEQ_CLS if objective == "classify" else TaskType.CAUSAL_LM if objective == "clm" else None
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type=kind, fan_in_fan_out=turned)
    adapted = get_peft_model(model, config)
    # Where peft would look for the model's configuration, on the hub too: nothing is to be looked up.
    adapted.peft_config["default"].base_model_name_or_path = None
    return adapted
