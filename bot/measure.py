"""Counters and timings for /metrics, and logs as JSON lines without a word of what citizens said."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from prometheus_client import Counter, Gauge, Histogram

MESSAGES = Counter("yida_messages_total", "Messages kept", ("channel", "party"))
ANSWERS = Counter("yida_answers_total", "Replies of the bot", ("channel", "outcome", "because"))
ANSWER_SECONDS = Histogram(
    "yida_answer_seconds",
    "From a question kept to its reply kept",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
NLU_FALLBACKS = Counter("yida_nlu_fallbacks_total", "Sentences that the local engine understood in Rasa's place")
SOCKETS = Gauge("yida_sockets", "Open citizens' sockets", multiprocess_mode="livesum")
CALLS = Gauge("yida_calls", "Calls that go on", multiprocess_mode="livesum")
REFUSALS = Counter("yida_refusals_total", "Requests turned away", ("code",))


class JsonLines(logging.Formatter):
    """One object a line; only what the caller passed as `extra={"told": {...}}` is added."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "told", {}),
        }
        if record.exc_info:
            told["exception"] = _trace(record)
        return json.dumps(told, ensure_ascii=False)


def _trace(record: logging.LogRecord) -> list[str]:
    """Where it broke, without the values: an exception's text may hold what a citizen wrote."""
    assert record.exc_info
    kind, _, trace = record.exc_info
    lines = [kind.__name__ if kind else ""]
    while trace is not None:
        code = trace.tb_frame.f_code
        lines.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return lines


def log_as_json(level: int = logging.INFO) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for noisy in (
        "uvicorn.error",
        "httpx",
        "httpcore",
        "faiss",
        "faiss.loader",
        "bm25s",
        "websockets",
        "sentence_transformers",
    ):
        logging.getLogger(noisy).setLevel(logging.WARNING)
