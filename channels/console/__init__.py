"""The staff's way in: signing in, the agents' desk, the supervisors' wall board, accounts."""
