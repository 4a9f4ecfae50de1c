"""The heart: what a conversation is, who answers, and where it is remembered."""
