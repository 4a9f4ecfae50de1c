"""Callers: gateways of telephone systems, and the browser's microphone."""
