"""A static model out of a sentence encoder, without a download: a model2vec folder from one that is here.

    python static_model.py ENCODER_FOLDER OUT [--dimension 256]

As model2vec distils: each token of the vocabulary goes through the encoder alone, between its special tokens, and is
the mean of what comes out; the vectors are reduced by PCA, and weighted by SIF with frequencies by Zipf's law from the
tokens' ranks (BERT's vocabulary is sorted by frequency).

Source: model2vec (MinishLab), distill; Arora et al., A simple but tough-to-beat baseline for sentence embeddings, 2017.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from model2vec import StaticModel
from sklearn.decomposition import PCA
from tokenizers import Tokenizer

from gotd.pretrained import load_config, load_model, load_tokenizer

#: a of SIF's a / (a + p), model2vec's own.
_SIF = 1e-4
_BATCH = 2048


def token_vectors(folder: Path) -> np.ndarray:
    """Every token through the encoder. Shapes: -> float32 (vocabulary, d)."""
    model = load_model("AutoModel", folder, load_config(folder))[0].eval()
    tokenizer = load_tokenizer(folder)
    around = [tokenizer.cls_token_id, tokenizer.sep_token_id]
    found = []
    with torch.inference_mode():
        for ids in torch.arange(len(tokenizer)).split(_BATCH):
            rows = torch.stack([torch.full_like(ids, around[0]), ids, torch.full_like(ids, around[1])], dim=1)
            found.append(model(input_ids=rows, attention_mask=torch.ones_like(rows)).last_hidden_state.mean(dim=1))
    return torch.cat(found).numpy()


def main() -> None:
    """Distil and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--dimension", type=int, default=256)
    given = parser.parse_args()
    vectors = PCA(n_components=given.dimension, random_state=0).fit_transform(token_vectors(given.encoder))
    ranks = np.arange(2, len(vectors) + 2)
    shares = 1 / ranks / np.sum(1 / ranks)
    weighted = (vectors * (_SIF / (_SIF + shares))[:, None]).astype(np.float32)
    tokenizer = Tokenizer.from_file(str(given.encoder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    StaticModel(weighted, tokenizer, normalize=True).save_pretrained(given.output)


if __name__ == "__main__":
    main()
