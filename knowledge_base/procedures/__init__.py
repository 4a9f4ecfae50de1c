"""Procedures: data that says what to ask, and for each case what holds, what to bring, where to go and what to do."""
