"""The library: what the service knows, and how a question finds its answer. Knows nothing of bots or channels."""
