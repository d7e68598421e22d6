"""Records that carry vectors which are none of ours."""

import json

import numpy as np

from workdir import Workdir


def test_a_list_of_numbers_is_called_that_and_the_remedy_scores_it(chain: Workdir) -> None:
    vectors = np.load(chain.path / "pool.npy").astype("f4").tolist()
    lines = [json.dumps({"text": "x", "embedding": each}) + "\n" for each in vectors]
    chain.write("api.jsonl", "".join(lines).encode())
    line = "ds-score --target target.npz"
    said = 'api.jsonl:1: "embedding" is a list of numbers', "score them as an array: python"
    done = chain.fails(f"{line} api.jsonl -o s.npy", *said)
    remedy = done.err.split("as an array: ")[1].split(", or pass")[0]
    chain.ok(f"{remedy.replace('FILE.npy', 'api.npy').replace('FILE', 'api.jsonl')} && {line} api.npy -o s.npy")
    assert np.array_equal(np.load(chain.path / "s.npy"), np.load(chain.path / "scores.npy"))
    chain.fails(f"{line} pool.jsonl -o s.npy", 'pool.jsonl:1: no "', "pipe the records through ds-embed")
