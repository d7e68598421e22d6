"""Which records are chosen: candidates with their scores, the best of them, and what is left out."""
