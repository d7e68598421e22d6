"""Arrays as text, so that a line of results holds what its table is made of: an answer, a prompt or a text each."""

import base64

import numpy as np


def packed_bits(flags: np.ndarray) -> str:
    """Eight in a byte, as hexadecimal digits. Shapes: bool (n,)."""
    return np.packbits(flags).tobytes().hex()


def unpacked_bits(text: str, count: int) -> np.ndarray:
    """The first `count`. Shapes: -> bool (n,)."""
    return np.unpackbits(np.frombuffer(bytes.fromhex(text), np.uint8), count=count).astype(bool)


def packed_halves(values: np.ndarray) -> str:
    """As float16, of three digits, in base 64: a mean over hundreds has more. Shapes: (n,)."""
    return base64.b64encode(np.asarray(values, "<f2").tobytes()).decode()


def unpacked_halves(text: str) -> np.ndarray:
    """Shapes: -> float64 (n,)."""
    return np.frombuffer(base64.b64decode(text), "<f2").astype(np.float64)
