"""What the desk is told of conversations and agents: the same over the socket and over its calls."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bot.answering.wording import answer_text
from bot.assembly import Parts
from bot.conversation import Conversation, Task
from bot.deliveries import Reach
from bot.dossiers import Answered, Dossier, Service
from bot.store.conversations import at_ms
from bot.store.queue import Desk
from bot.store.words import Note
from bot.tickets import Ticket
from channels.console import desk_wire
from channels.frames import stamp
from knowledge_base.entry import Circumstances
from knowledge_base.procedures.procedure import Procedure

SUGGESTED = 3
FOUND = 8
NEAR = 0.1  # of the score: what is less likely helps nobody
Told = dict[str, Any]


class DeskTold:
    def __init__(self, parts: Parts) -> None:
        self._library = parts.library
        self._lookout = parts.lookout
        self._dossiers = parts.dossiers
        self._zone = parts.settings.site.zone

    async def agent(self, username: str | None) -> Told | None:
        if username is None:
            return None
        name, number = await self._lookout.shown(username)
        return {"username": username, "name": name, "number": number}

    async def state(self, conversation: Conversation) -> Told:
        return desk_wire.state(conversation, await self.agent(conversation.agent_id))

    async def context(self, conversation_id: str) -> Told:
        """Raises NotFound."""
        dossier = await self._dossiers.of(conversation_id)
        conversation = dossier.conversation
        told = desk_wire.brief(conversation, await self.agent(conversation.agent_id), dossier.last_text)
        shown = [await self._service(service) for service in dossier.services]
        return told | self._about(dossier) | {"services": shown}

    def entries(self, text: str, *, limit: int, now: datetime, channel: str = "web") -> list[Told]:
        """Entries for these words with the answers as they would be sent, the likeliest first."""
        index = self._library.current
        local = now.astimezone(self._zone)
        form = "short" if channel == "wechat" else "text"
        hits = [h for h in index.search(text, Circumstances(now=local)).hits if h.score >= NEAR][:limit]
        return [
            {
                "entry": hit.entry.id, "question": hit.entry.question, "score": round(hit.score, 4),
                "text": answer_text(hit.entry, form, index.corpus.figures, local),  # type: ignore[arg-type]
            }
            for hit in hits
        ]  # fmt: skip

    def _about(self, dossier: Dossier) -> Told:
        conversation = dossier.conversation
        return {
            "locale": conversation.locale, "scene": conversation.scene, "skill": conversation.skill,
            "slots": conversation.slots, "task": self._task(conversation.task), "tickets": list(dossier.tickets),
            "stars": dossier.stars, "asked_at": stamp(dossier.asked_at) if dossier.asked_at else None,
            "answers": [_answered(answer) for answer in dossier.answers],
        }  # fmt: skip

    def _task(self, task: Task | None) -> Told | None:
        """The procedure or calculator under way, and how far."""
        if task is None:
            return None
        known: Procedure | None = self._library.current.corpus.procedures.get(task.name)
        title = known.title if known is not None else task.name
        step = f"第 {task.page} 页" if task.page else "正在回答问题"
        return {"kind": task.kind, "name": task.name, "title": title, "step": step, "answers": task.answers}

    async def _service(self, service: Service) -> Told:
        name, _ = await self._lookout.shown(service.agent)
        return {
            "agent": name, "username": service.agent, "began_at": stamp(service.began_at),
            "ended_at": stamp(service.ended_at) if service.ended_at else None, "how": service.how,
            "resolved": service.resolved, "code": service.code, "remark": service.remark,
        }  # fmt: skip


def _answered(answer: Answered) -> Told:
    details = answer.details
    return {
        "seq": answer.seq, "question": answer.question, "text": answer.text, "entry": details.get("entry"),
        "topic": details.get("topic"), "score": details.get("score"), "outcome": details.get("outcome"),
        "because": answer.because,
    }  # fmt: skip


def note(conversation: str, told: Note) -> Told:
    return {
        "type": "note", "conversation": conversation, "seq": told.seq, "id": told.id, "agent": told.agent,
        "text": told.text, "whisper": told.whisper, "at": stamp(told.at),
    }  # fmt: skip


def reach(told: Reach | None) -> Told | None:
    if told is None:
        return None
    until = stamp(at_ms(told.until)) if told.until else None
    return {
        "left": told.left, "until": until, "waiting": told.waiting, "reachable": told.reachable, "error": told.error,
    }  # fmt: skip


def desk(told: Desk) -> Told:
    return {
        "username": told.id, "name": told.name, "number": told.number, "status": told.status, "here": told.here,
        "load": told.load, "capacity": told.capacity, "skills": list(told.skills),
    }  # fmt: skip


def ticket(told: Ticket, today: str) -> Told:
    due = told.due.isoformat() if told.due else None
    return {
        "id": told.id, "kind": told.kind, "topic": told.topic, "text": told.text, "status": told.status,
        "owner": told.owner, "conversation": told.conversation, "made_at": stamp(told.made_at), "due": due,
        "overdue": told.status == "open" and due is not None and due < today, "provisional": told.provisional,
        "has_phone": told.contact is not None, "stars": told.stars, "result": told.result, "remark": told.remark,
        "closed_at": stamp(told.closed_at) if told.closed_at else None,
    }  # fmt: skip
