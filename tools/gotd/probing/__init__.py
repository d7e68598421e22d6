"""Judging a choice before training: an n-gram model of the effective distribution on held-out text of the target."""
