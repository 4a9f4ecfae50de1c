"""How good the answers are: held-out questions asked on the path that every channel takes, and counted."""
