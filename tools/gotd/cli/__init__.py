"""One file per command: help, options, and a short main that wires streams to the stages."""

import os

# Products of matrices are torch's work here. The threads that numpy would keep for its own spin when it is imported,
# and those of scikit-learn would meet our own.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
