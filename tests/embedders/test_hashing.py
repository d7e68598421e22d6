"""The hash embedder: laws that any text must obey."""

import numpy as np

from gotd.embedders.hashing import HashEmbedder


def test_vectors_have_unit_length_and_do_not_depend_on_neighbours() -> None:
    texts = ["The cat sat on the mat.", "", "蛋白質の構造", "x" * 600_000, "Drug-protein interactions in vivo"]
    together = HashEmbedder(256).embed(texts)
    alone = np.concatenate([HashEmbedder(256).embed([text]) for text in texts])
    assert (together == alone).all()
    lengths = np.linalg.norm(together, axis=1)
    assert np.allclose(lengths[[0, 2, 3, 4]], 1, atol=1e-5)
    assert lengths[1] == 0


def test_alike_is_nearer_than_unlike() -> None:
    a, b, c = HashEmbedder().embed(["inhibitors of kinase activity", "the kinase inhibitors", "stir the butter slowly"])
    assert a @ b > 0.3 > abs(a @ c)
