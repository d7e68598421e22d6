"""Numbers of a stream as counts in narrow bins: quantiles and histograms in one reading, in bounded memory."""

import math

import numpy as np

#: The first numbers lie in some so many bins.
_FIRST_BINS = 2.0**14


class Sketch:
    """Counts in bins of one width, a power of two, which doubles where too many bins are taken.

    Only bins that hold something are kept, so that a few far numbers cost no precision. Count, sum, least and greatest
    are exact; a quantile is wrong by at most half of `width`.

    most_bins : of what is kept
    """

    def __init__(self, most_bins: int = 4096) -> None:
        self.count, self.sum = 0, 0.0
        self.least, self.greatest = math.inf, -math.inf
        self.width = 0.0
        self._most_bins, self._bins = most_bins, dict[float, int]()

    def add(self, values: np.ndarray) -> None:
        """Take in finite numbers. Shapes: float or int (n,)."""
        if not len(values):
            return
        numbers = values.astype(np.float64)
        least, greatest = float(numbers.min()), float(numbers.max())
        if not self.width:
            spread = greatest - least or abs(greatest) or 1.0
            self.width = 2.0 ** math.floor(math.log2(spread / _FIRST_BINS))
        self.count += len(numbers)
        self.sum += float(numbers.sum())
        self.least, self.greatest = min(self.least, least), max(self.greatest, greatest)
        places, counts = np.unique(np.floor(numbers / self.width), return_counts=True)
        for place, count in zip(places.tolist(), counts.tolist(), strict=True):
            self._bins[place] = self._bins.get(place, 0) + count
        while len(self._bins) > self._most_bins:
            self._widen()

    def _widen(self) -> None:
        self.width *= 2.0
        narrow, self._bins = self._bins, {}
        for place, count in narrow.items():
            wide = math.floor(place / 2.0)
            self._bins[wide] = self._bins.get(wide, 0) + count

    @property
    def mean(self) -> float | None:
        """None where there are no numbers."""
        return self.sum / self.count if self.count else None

    def quantile(self, share: float) -> float | None:
        """Return the number that this share of all does not exceed, up to half a width; None where there are none."""
        if not self.count:
            return None
        places = np.array(sorted(self._bins))
        upto = np.cumsum([self._bins[place] for place in places.tolist()])
        place = float(places[int(np.searchsorted(upto, max(1.0, share * self.count)))])
        return min(max((place + 0.5) * self.width, self.least), self.greatest)

    def histogram(self, edges: np.ndarray) -> list[int]:
        """Return how many lie between edges; those outside count in the first and the last bin.

        Shapes: float (b + 1,), increasing -> b counts.
        """
        middles = (np.array(list(self._bins), dtype=np.float64) + 0.5) * self.width
        counts = np.array(list(self._bins.values()), dtype=np.int64)
        inside = np.clip(middles, edges[0], np.nextafter(edges[-1], edges[0]))
        found, _ = np.histogram(inside, edges, weights=counts)
        return [int(count) for count in found]
