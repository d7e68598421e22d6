"""One file per command: help, options, and a short main that wires streams to the stages."""
