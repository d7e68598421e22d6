"""What a causal model goes on with after a prompt, by nucleus sampling (arXiv 1904.09751)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

#: Logits that are looked at at a time, 134 MB of them, beside a few copies.
_LOGITS = 1 << 25


class Sampling(NamedTuple):
    """samples : of each prompt; sample_tokens : of each, at most; top_p : mass of the tokens that may come next"""

    samples: int = 10
    sample_tokens: int = 32
    top_p: float = 0.9


def prompts(tokenizer: Any, texts: Sequence[str], length: int, most: int) -> list[list[int]]:
    """Beginnings of `length` tokens, of the first `most` texts in which a word ends there and another follows.

    All of one length, so that nothing is padded.
    """
    every = [ids for ids in tokenizer(list(texts))["input_ids"] if len(ids) > length]
    return [ids[:length] for ids in every if tokenizer.decode(ids[length])[:1].isspace()][:most]


def continuations(model: Any, tokenizer: Any, starts: Sequence[Sequence[int]], how: Sampling, seed: int) -> list[str]:
    """All samples of the first prompt, then of the second, and so on; the prompt itself is left out."""
    model.eval()
    torch.manual_seed(seed)
    end = tokenizer.eos_token_id
    # The separator says that a text begins, as in training.
    rows = torch.tensor([[end, *start] for start in starts], device=model.device)
    made: list[str] = []
    with torch.inference_mode():
        for some in rows.split(max(1, _LOGITS // (how.samples * model.config.vocab_size))):
            found = model.generate(some, attention_mask=torch.ones_like(some), do_sample=True, top_p=how.top_p, top_k=0,
                                   num_return_sequences=how.samples, max_new_tokens=how.sample_tokens, pad_token_id=end)
            made += tokenizer.batch_decode(found[:, rows.shape[1] :], skip_special_tokens=True)
    return made
