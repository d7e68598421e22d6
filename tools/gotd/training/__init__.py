"""Training on what was chosen: tokens on disk, recipes, the Trainer's settings, evaluation, resuming."""
