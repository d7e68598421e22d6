"""A model for an objective: loaded from a folder, or made from a configuration; with adapters where asked for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gotd.errors import GotdError

_HEADS = {"mlm": "AutoModelForMaskedLM", "clm": "AutoModelForCausalLM",
          "classify": "AutoModelForSequenceClassification"}
#: Their positions start after the padding token's (transformers, create_position_ids_from_input_ids).
_POSITIONS_AFTER_PADDING = {"roberta", "xlm-roberta", "camembert", "xlm-roberta-xl", "data2vec-text", "ibert", "mpnet"}
_KINDS = {"mlm": "a masked language model", "clm": "a causal language model", "classify": "a classifier"}


def load_config(path: Path) -> Any:
    """The configuration in a folder or a JSON file."""
    from transformers import AutoConfig

    file = path / "config.json" if path.is_dir() else path
    try:
        return AutoConfig.from_pretrained(file, local_files_only=True)
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise GotdError(f"{file}: no model configuration ({reason}); it is the config.json of a model") from error


def check_objective(config: Any, objective: str, name: str) -> None:
    """GotdError where the architecture cannot have the objective."""
    import transformers
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING

    known = type(config) in getattr(transformers, _HEADS[objective])._model_mapping
    # BERT and its kin have a causal head, but look both ways unless told otherwise: the next token would be known.
    both_ways = type(config) in MODEL_FOR_MASKED_LM_MAPPING and not getattr(config, "is_decoder", False)
    if not known or (objective == "clm" and both_ways):
        raise GotdError(f"{name}: {config.model_type} is not {_KINDS[objective]}; choose another --objective or model")


def longest_input(config: Any, tokenizer: Any) -> int:
    """Positions the model has for tokens."""
    positions = getattr(config, "max_position_embeddings", None) or 1 << 30
    if config.model_type in _POSITIONS_AFTER_PADDING:
        positions -= config.pad_token_id + 1
    return int(min(positions, tokenizer.model_max_length))


def make_model(source: Path, fresh: bool, objective: str, tokenizer: Any, labels: list[str],
               tell: Callable[[str], None]) -> Any:
    """The model of a folder (or, fresh, of a configuration) with the objective's head, in float32.

    Draws what is not in the folder, a head or everything, from torch's global generator.
    """
    import torch
    import transformers

    head = getattr(transformers, _HEADS[objective])
    config = load_config(source)
    check_objective(config, objective, str(source))
    if objective == "classify":
        config.num_labels = len(labels)
        config.id2label, config.label2id = dict(enumerate(labels)), {label: i for i, label in enumerate(labels)}
        config.problem_type = "single_label_classification"
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        config.pad_token_id = tokenizer.pad_token_id
    if fresh:
        config.vocab_size = len(tokenizer)
        for name in ("bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "cls_token_id"):
            if hasattr(config, name):
                setattr(config, name, getattr(tokenizer, name))
        return head.from_config(config, dtype=torch.float32)
    from safetensors import SafetensorError

    try:
        model, info = head.from_pretrained(source, config=config, dtype=torch.float32, local_files_only=True,
                                           use_safetensors=True, output_loading_info=True)
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise GotdError(f"{source}: {str(error).strip().splitlines()[0]}") from error
    if info["missing_keys"]:
        names = sorted(info["missing_keys"])
        tell(f"{len(names)} tensors are not in {source} and start at random: {', '.join(names[:4])}"
             + (" ..." if len(names) > 4 else ""))
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        raise GotdError(f"{source}: its tokenizer has {len(tokenizer)} tokens, the model "
                        f"{model.get_input_embeddings().num_embeddings}; they do not belong together")
    return model


def with_adapters(model: Any, rank: int, objective: str) -> Any:
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
