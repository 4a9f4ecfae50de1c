"""The ways in and out: one folder each; they never speak to each other."""
