"""The contestants of embed.py, each in a process of its own: texts in, vectors, times and peak memory out."""

import argparse
import importlib.util
import multiprocessing
import os
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

#: Windows ds-embed begins before it waits for the oldest.
_WINDOWS_AHEAD = 2

Encode: TypeAlias = Callable[[list[str]], np.ndarray]
#: From the options to what encodes, and a dictionary into which it writes what there is to tell.
Make: TypeAlias = Callable[[argparse.Namespace], tuple[Encode, dict[str, Any]]]


def ours(given: argparse.Namespace) -> tuple[Encode, dict[str, Any]]:
    """As the command runs it: windows begun before earlier ones are waited for."""
    return _ours(given, given.precision)


def ours_float32(given: argparse.Namespace) -> tuple[Encode, dict[str, Any]]:
    """The same in float32."""
    return _ours(given, "float32")


def ours_bfloat16(given: argparse.Namespace) -> tuple[Encode, dict[str, Any]]:
    """The same in bfloat16."""
    return _ours(given, "bfloat16")


def _ours(given: argparse.Namespace, precision: str) -> tuple[Encode, dict[str, Any]]:
    from gotd.embedders.loading import load

    embedder = load([given.model], device=given.device, threads=given.threads, max_tokens=given.max_tokens,
                    precision=precision)
    about: dict[str, Any] = {"precision": embedder.precision}

    def encode(texts: list[str]) -> np.ndarray:
        waiting, done = [], []
        for begin in range(0, len(texts), embedder.window):
            waiting.append(embedder.begin(texts[begin : begin + embedder.window]))
            done += [waiting.pop(0)() for _ in range(len(waiting) - _WINDOWS_AHEAD)]
        done += [wait() for wait in waiting]
        counts = sum((each.counts for each in done[1:]), done[0].counts)
        about.update(tokens=counts.tokens, padding=counts.padding)
        return np.concatenate([each.vectors for each in done])

    return encode, about


def sentence_transformers(given: argparse.Namespace) -> tuple[Encode, dict[str, Any]]:
    """The library with its defaults."""
    return _by_torch(given, {})


def sentence_transformers_bfloat16(given: argparse.Namespace) -> tuple[Encode, dict[str, Any]]:
    """The same in bfloat16; with flash attention where the package is installed, else with torch's own."""
    how = {"dtype": "bfloat16"}
    if importlib.util.find_spec("flash_attn"):
        how["attn_implementation"] = "flash_attention_2"
    return _by_torch(given, how)


def _by_torch(given: argparse.Namespace, how: dict[str, Any]) -> tuple[Encode, dict[str, Any]]:
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(given.threads)
    device = None if given.device == "auto" else given.device
    model = SentenceTransformer(given.model, device=device, model_kwargs=how)
    model.max_seq_length = given.max_tokens or model.max_seq_length
    return lambda texts: model.encode(texts, show_progress_bar=False), {}


def onnx(given: argparse.Namespace) -> tuple[Encode, dict[str, Any]]:
    """The library on ONNX Runtime."""
    return _backend(given, "onnx")


def onnx_int8(given: argparse.Namespace) -> tuple[Encode, dict[str, Any]]:
    """The library on ONNX Runtime, its weights and activations quantised as the library quantises them."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.backend import export_dynamic_quantized_onnx_model

    folder = Path(given.work) / "int8"
    if not folder.exists():
        plain = SentenceTransformer(given.model, backend="onnx")
        plain.save_pretrained(str(folder))
        export_dynamic_quantized_onnx_model(plain, "avx512_vnni", str(folder))
    kept = next((folder / "onnx").glob("*qint8*.onnx"))
    return _backend(given, "onnx", str(folder), {"file_name": f"onnx/{kept.name}"})


def openvino(given: argparse.Namespace) -> tuple[Encode, dict[str, Any]]:
    """The library on OpenVINO, which may round to bfloat16 where the processor has it."""
    return _backend(given, "openvino")


def openvino_float32(given: argparse.Namespace) -> tuple[Encode, dict[str, Any]]:
    """The library on OpenVINO, told to compute in float32."""
    return _backend(given, "openvino", None, {"ov_config": {"INFERENCE_PRECISION_HINT": "f32"}})


def _backend(given: argparse.Namespace, name: str, folder: str | None = None, how: dict[str, Any] | None = None,
             ) -> tuple[Encode, dict[str, Any]]:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(folder or given.model, backend=name, device="cpu", model_kwargs=how or {})
    model.max_seq_length = given.max_tokens or model.max_seq_length
    return lambda texts: model.encode(texts, show_progress_bar=False), {}


def model2vec(given: argparse.Namespace) -> tuple[Encode, dict[str, Any]]:
    """The library with its defaults."""
    from model2vec import StaticModel

    model = StaticModel.from_pretrained(given.model)
    limit = {} if given.max_tokens is None else {"max_length": given.max_tokens}
    return lambda texts: model.encode(texts, **limit), {}


def serve(make: Make, given: argparse.Namespace, pipe: Any) -> None:
    """A contestant's process: texts in; seconds, processor seconds, vectors and what there is to tell out."""
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    encode, about = make(given)
    pipe.send("ready")
    # Until the parent goes away.
    while pipe.poll(None):
        try:
            texts = pipe.recv()
        except EOFError:
            return
        wall, used = time.perf_counter(), time.process_time()
        vectors = encode(texts)
        spent = time.perf_counter() - wall, time.process_time() - used
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        pipe.send((*spent, vectors, about | {"peak": int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) >> 10}))


class Contestant:
    """An embedder in a process of its own."""

    def __init__(self, make: Make, given: argparse.Namespace) -> None:
        self.runs: list[tuple[float, float]] = []
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(make, given, theirs), daemon=True)
        self._process.start()
        theirs.close()  # with it open here, a contestant's death would be waited out for ever
        self._pipe.recv()

    def run(self, texts: list[str], warm: bool = False) -> None:
        """One turn."""
        self._pipe.send(texts)
        wall, used, self.vectors, self.about = self._pipe.recv()
        if not warm:
            self.runs.append((wall, used))

    def medians(self) -> tuple[float, float]:
        """Seconds and processor seconds of a turn."""
        return statistics.median(wall for wall, _ in self.runs), statistics.median(used for _, used in self.runs)
