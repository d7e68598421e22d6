"""What do a transformer's own matrix products reach on this machine? It is the ceiling of scripts/bench/embed.py.

    python matrix_rate.py FOLDER [--device cpu] [--precision float32] [--threads 2]

Every weight of the network is multiplied with as many tokens as a batch of ds-embed has, as often as it occurs there,
first by workers with a thread each, as ds-embed lays them out, then by all threads at one product; the better one is
printed, in 10^9 floating-point operations a second. Softmax, norms, activations and padding are no part of it.
"""

import argparse
import threading
import time
from pathlib import Path
from typing import Any

import torch

from gotd.embedders.network import load_network
from gotd.embedders.precision import PRECISIONS, find_precision
from gotd.embedders.sentence_transformers_config import read_sentence_config
from gotd.embedders.text_tokens import TextTokenizer
from gotd.embedders.transformer import CPU_BATCH_TOKENS, GPU_BATCH_TOKENS
from gotd.embedders.workers import cpu_layout, find_devices

_SECONDS = 2.0


def weights_of(folder: str) -> tuple[Any, list[torch.Tensor]]:
    """The network, and the matrices that every token is multiplied with, (out, in) each."""
    network = load_network(read_sentence_config(Path(folder)).transformer)
    tables = {id(module.weight) for module in network.module.modules() if isinstance(module, torch.nn.Embedding)}
    return network, [weight for name, weight in network.module.named_parameters()
                     if weight.ndim == 2 and id(weight) not in tables and "pooler" not in name]


def operations(folder: str, texts: list[str], max_tokens: int | None) -> float:
    """Of all products for the tokens of the texts, those of attention included; of padding none."""
    config = read_sentence_config(Path(folder))
    network, weights = weights_of(folder)
    tokenizer = TextTokenizer(network.tokenizer, max_tokens or config.max_tokens or network.max_tokens, config.prompt)
    lengths = [len(tokens.ids) for tokens in tokenizer.encode(texts)]
    settings = network.module.config
    attention = 4.0 * settings.num_hidden_layers * settings.hidden_size
    return sum(length * (2.0 * sum(weight.numel() for weight in weights) + attention * length) for length in lengths)


def rate(inputs: list[torch.Tensor], weights: list[torch.Tensor], workers: int) -> float:
    """10^9 operations a second of so many threads that all multiply all the weights."""
    rounds = [0] * workers
    end = time.perf_counter() + _SECONDS

    def work(number: int) -> None:
        with torch.inference_mode():
            while time.perf_counter() < end:
                for tokens, weight in zip(inputs, weights, strict=True):
                    torch.nn.functional.linear(tokens, weight)
                if weights[0].is_cuda:
                    torch.cuda.synchronize()
                rounds[number] += 1

    start = time.perf_counter()
    threads = [threading.Thread(target=work, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    once = sum(2.0 * tokens.shape[0] * weight.numel() for tokens, weight in zip(inputs, weights, strict=True))
    return sum(rounds) * once / (time.perf_counter() - start) / 1e9


def matrix_rate(folder: str, devices: str, precision: str, threads: int) -> float:
    """The best rate of a device."""
    device = find_devices(devices)[0]
    network, matrices = weights_of(folder)
    dtype = PRECISIONS[find_precision(precision, network.module, [device])]
    tokens = CPU_BATCH_TOKENS if device.type == "cpu" else GPU_BATCH_TOKENS
    weights = [weight.to(device, dtype) for weight in matrices]
    inputs = [torch.randn(tokens, weight.shape[1], device=device, dtype=dtype) for weight in weights]
    layout = cpu_layout(threads if device.type == "cpu" else 1)
    torch.set_num_threads(layout.threads)
    rate(inputs, weights, 1)  # warm
    apart = rate(inputs, weights, layout.workers)
    torch.set_num_threads(threads)
    return max(apart, rate(inputs, weights, 1))


def idle_share(folder: str, devices: str, texts: list[str], max_tokens: int | None) -> float | None:
    """Share of the time of embedding in which no kernel runs on the GPU; None on a CPU."""
    if find_devices(devices)[0].type != "cuda":
        return None
    from torch.profiler import DeviceType, ProfilerActivity, profile

    from gotd.embedders.loading import load

    with load([folder], device=devices, max_tokens=max_tokens) as embedder:
        embedder.embed(texts[:64])
        with profile(activities=[ProfilerActivity.CUDA]) as seen:
            start = time.perf_counter()
            embedder.embed(texts)
            seconds = time.perf_counter() - start
    kernels = sorted((event.time_range.start, event.time_range.end) for event in seen.events()
                     if event.device_type == DeviceType.CUDA)
    busy, reached = 0.0, 0.0
    for begin, end in kernels:  # those of two streams may overlap
        busy += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return 1 - busy / 1e6 / seconds


def main() -> None:
    """Reads the command line and prints the rate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    print(f"{matrix_rate(given.folder, given.device, given.precision, given.threads):,.0f} GFLOP/s")


if __name__ == "__main__":
    main()
