"""Staff: who they are and what their roles allow (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    EDITOR = "editor"
    REVIEWER = "reviewer"
    ADMIN = "admin"
    AUDITOR = "auditor"


class Right(StrEnum):
    """One thing that somebody may do; pages and routes ask for rights, never for roles."""

    SERVE = "serve"  # the desk: queue, own conversations, tickets
    SUPERVISE = "supervise"  # the wall board; watch, whisper, take over, assign
    EDIT = "edit"  # drafts of the knowledge
    REVIEW = "review"  # approve or reject what somebody else wrote
    PUBLISH = "publish"  # versions: build, publish, roll back
    MEASURE = "measure"  # reports and figures
    ANNOUNCE = "announce"  # notices, and switching channels off
    MANAGE = "manage"  # accounts and settings
    AUDIT = "audit"  # read the audit log


RIGHTS: dict[Role, frozenset[Right]] = {
    Role.AGENT: frozenset({Right.SERVE}),
    Role.SUPERVISOR: frozenset({Right.SERVE, Right.SUPERVISE, Right.MEASURE, Right.ANNOUNCE}),
    Role.EDITOR: frozenset({Right.EDIT}),
    Role.REVIEWER: frozenset({Right.EDIT, Right.REVIEW, Right.PUBLISH, Right.ANNOUNCE}),
    Role.ADMIN: frozenset({Right.EDIT, Right.REVIEW, Right.PUBLISH, Right.MEASURE, Right.MANAGE, Right.ANNOUNCE}),
    Role.AUDITOR: frozenset({Right.AUDIT, Right.MEASURE}),  # apart from admin: who acts does not keep watch over it
}


def rights(roles: Iterable[Role]) -> frozenset[Right]:
    """What these roles allow together."""
    return frozenset().union(*(RIGHTS[role] for role in roles))


@dataclass(frozen=True, slots=True)
class Account:
    """One person of the staff. `username` is for signing in and for us; `name` and `number` are for citizens."""

    username: str
    name: str
    number: str
    roles: frozenset[Role]
    skills: tuple[str, ...]
    capacity: int  # conversations at once, at most
    must_change: bool  # the password, before anything else is allowed
    topics: tuple[str, ...] = ()  # or groups of them, whose entries this person may write and review; empty: all

    @property
    def rights(self) -> frozenset[Right]:
        """Nothing while the password must be changed."""
        return frozenset() if self.must_change else rights(self.roles)

    def may(self, right: Right) -> bool:
        return right in self.rights

    def writes(self, topic: str) -> bool:
        """Whether entries of this topic are this person's to write and review."""
        return not self.topics or any(topic == own or topic.startswith(f"{own}.") for own in self.topics)
