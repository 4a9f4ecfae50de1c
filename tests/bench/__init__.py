"""Speed and memory, beside a bare app in the same run: `python -m tests.bench` writes docs/bench.md."""
