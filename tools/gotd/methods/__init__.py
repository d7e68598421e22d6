"""Selection rules: what `ds-target-stats` fits and `ds-score` applies."""
