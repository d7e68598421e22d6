"""Optimal transport: costs, potentials, gradients. Tensors in and out; no files."""
