"""Pieces of bytes as a file that is read from its beginning to its end."""

from collections.abc import Iterator


class PieceStream:
    """Pieces as a file of which exactly so many bytes can be read.

    last : the bytes read last, as many as `keep`
    """

    closed = False

    def __init__(self, pieces: Iterator[bytes], keep: int = 0) -> None:
        self.last = b""
        self._pieces, self._held, self._at = pieces, b"", 0
        self._keep, self._read = keep, 0

    def peek(self) -> bool:
        """Return whether there is more."""
        while self._at == len(self._held):
            piece = next(self._pieces, None)
            if piece is None:
                return False
            self._held, self._at = piece, 0
        return True

    def read(self, count: int) -> bytes:
        """Return so many bytes; fewer only at the end."""
        found = []
        while count and self.peek():
            piece = self._held[self._at : self._at + count]
            self._at += len(piece)
            count -= len(piece)
            found.append(piece)
        data = b"".join(found)
        self._read += len(data)
        if self._keep:
            self.last = (self.last + data[-self._keep :])[-self._keep :]
        return data

    def tell(self) -> int:
        """Return how many bytes have been read."""
        return self._read
