"""What a command sets for the whole of its process: environment and allocator. The library sets neither."""

import os

from gotd.allocator import keep_freed_memory


def prepare_process(threads: int, keeps_memory: bool = True) -> int:
    """Tell libraries, before they are imported, what they read when they begin; return the threads.

    keeps_memory : blocks are all of one size, so that what one frees, the next one needs; a network's are of many
    """
    # Read when tokenizers first works in parallel.
    os.environ["RAYON_NUM_THREADS"] = str(threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if threads > 1 else "false"
    # Read when torch first works in bfloat16: how many prepared products each of two caches keeps. A batch needs a
    # dozen; with the usual 1024, one for every shape of a batch there ever was, memory grows for hours.
    os.environ.setdefault("LRU_CACHE_CAPACITY", "16")
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16")
    if keeps_memory:
        keep_freed_memory()
    return threads
