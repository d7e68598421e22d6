"""Texts to tokens: the model's own tokenizer, or a byte-level BPE trained on the records for a model from scratch."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gotd.errors import GotdError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

#: Of a tokenizer's folder: all that texts are cut by.
_FILES = ("added_tokens.json", "merges.txt", "special_tokens_map.json", "tokenizer.json", "tokenizer.model",
          "tokenizer_config.json", "vocab.json", "vocab.txt")
#: Of a tokenizer trained here, in the order of their ids.
_MASKED_SPECIALS = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>",
                    "mask_token": "<mask>"}
_CAUSAL_SPECIALS = {"eos_token": "<|endoftext|>"}


class Frame(NamedTuple):
    """What stands around tokens besides them.

    before, after : of each document in the stream of tokens; head, tail : of each block; pad : fills the last block
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    head: tuple[int, ...]
    tail: tuple[int, ...]
    pad: int


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder holds what a tokenizer is made from."""
    return any((folder / name).is_file() for name in ("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model"))


def tokenizer_files(folder: Path) -> list[Path]:
    """What a folder holds of a tokenizer, in the order of their names."""
    return [folder / name for name in _FILES if (folder / name).is_file()]


def ensure_padding(tokenizer: "PreTrainedTokenizerFast") -> None:
    """A token that fills up texts: its own, or the one that ends a text."""
    if tokenizer.pad_token_id is None:
        if tokenizer.eos_token_id is None:
            raise GotdError(f"{tokenizer.name_or_path}: no token that could fill up texts to one length; "
                            "give the tokenizer a pad_token")
        tokenizer.pad_token = tokenizer.eos_token


def train_tokenizer(texts: Iterable[str], vocabulary: int, masked: bool, length: int) -> "PreTrainedTokenizerFast":
    """A byte-level BPE of at most `vocabulary` tokens, with <mask> and its kin for a masked model."""
    from tokenizers import ByteLevelBPETokenizer
    from tokenizers.processors import RobertaProcessing
    from transformers import PreTrainedTokenizerFast

    specials = _MASKED_SPECIALS if masked else _CAUSAL_SPECIALS
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(texts, vocabulary, min_frequency=2, special_tokens=list(specials.values()),
                                show_progress=False)
    core = trained._tokenizer
    if masked:
        ids = {name: core.token_to_id(token) for name, token in specials.items()}
        core.post_processor = RobertaProcessing(("</s>", ids["eos_token"]), ("<s>", ids["bos_token"]))
        specials = {**specials, "cls_token": "<s>", "sep_token": "</s>"}
    return PreTrainedTokenizerFast(tokenizer_object=core, model_max_length=length, **specials)


def frame_of(tokenizer: "PreTrainedTokenizerFast", objective: str) -> Frame:
    """How documents and blocks are framed for an objective.

    mlm : [CLS] document [SEP] document ... [SEP], as RoBERTa's FULL-SENTENCES (arXiv 1907.11692, 4.2)
    clm : document <eos> document <eos> ..., and <bos> before each where the tokenizer itself puts one
    """
    if objective == "mlm" and tokenizer.mask_token_id is None:
        raise GotdError(f"{tokenizer.name_or_path}: the tokenizer has no mask token; use --objective clm")
    separator = tokenizer.sep_token_id if objective == "mlm" else tokenizer.eos_token_id
    for other in (tokenizer.eos_token_id, tokenizer.sep_token_id):
        separator = other if separator is None else separator
    if separator is None:
        raise GotdError(f"{tokenizer.name_or_path}: no token that could separate documents; "
                        "give the tokenizer an eos_token")
    pad = separator if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    if objective == "mlm":
        head = () if tokenizer.cls_token_id is None else (tokenizer.cls_token_id,)
        return Frame((), (separator,), head, (separator,), pad)
    first = tokenizer("a")["input_ids"][:1]
    before = tuple(first) if first == [tokenizer.bos_token_id] else ()
    return Frame(before, (separator,), (), (), pad)
