"""What a choice is: the stage behind ds-report."""
