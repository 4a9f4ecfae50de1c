"""What can go wrong, as the rest of the code sees it.

BotError
├── WrongStage       the conversation cannot move from here to there
├── Stale            someone else changed it first
├── NotFound         no such conversation, choice or version
├── Refused          too long, too often, not allowed: carries a stable code and the sentence to show
├── StoreBusy        the database did not take the write in time, or its disk is full
├── NeighbourError   an engine behind a URL did not answer
└── SettingsError    config.yml or the environment: where, and why
"""

from __future__ import annotations


class BotError(Exception):
    pass


class WrongStage(BotError):
    pass


class Stale(BotError):
    pass


class NotFound(BotError):
    pass


class Refused(BotError):
    """`code` is stable and for programs, `sentence` is for the citizen; `retry_after` in seconds."""

    def __init__(self, code: str, sentence: str, *, retry_after: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.sentence = sentence
        self.retry_after = retry_after


class StoreBusy(BotError):
    pass


class NeighbourError(BotError):
    pass


class SettingsError(BotError):
    pass
