"""The learning loop (PROTOCOL 4): unanswered questions, proposals, the inbox of 没用, and who got a wrong answer."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, Field

from bot.accounts import Actor
from bot.assembly import Parts
from bot.learning import Complaint
from bot.staff import Right
from bot.store.conversations import at_ms
from channels.console.bodies import Body, problems
from channels.console.door import Door
from channels.console.session import private
from channels.frames import stamp

KNOWLEDGE = "/api/v1/knowledge"
UNANSWERED = KNOWLEDGE + "/unanswered"
PROPOSALS = KNOWLEDGE + "/proposals"
FEEDBACK = KNOWLEDGE + "/feedback"
RECALL = KNOWLEDGE + "/recall"
Word = Annotated[str, Field(max_length=500)]
How = Literal["entry", "variant", "synonym", "out_of_scope", "dismissed"]


class QuestionShown(BaseModel):
    conversation: str
    seq: int
    text: str


class ClusterShown(BaseModel):
    """`why` counts unanswered, unhelpful (没用) and none (都不是); `entry` was shown for most of them."""

    id: str
    count: int
    last_at: str
    topic: str
    entry: str | None
    why: dict[str, int]
    questions: list[QuestionShown]


class Clusters(BaseModel):
    clusters: list[ClusterShown]
    made_at: str | None


class SettleBody(Body):
    """`entry`: a new one; `variant`: another wording of `entry`; `synonym`: `text` as in 旧词=新词."""

    how: How
    text: Word = ""
    entry: Annotated[str, Field(max_length=128)] | None = None


class ProposalBody(Body):
    """`id` is the page's own, so that a repeated call makes one proposal; `question`: the citizen's, if any."""

    id: Annotated[str, Field(min_length=1, max_length=64)]
    text: Word
    question: Word = ""


class SettledShown(BaseModel):
    proposal: str | None


class ProposalShown(BaseModel):
    id: str
    kind: str
    text: str
    entry: str | None
    topic: str | None
    questions: list[str]
    status: str
    made_by: str
    made_at: str
    decided_by: str | None
    remark: str


class Proposals(BaseModel):
    proposals: list[ProposalShown]


class DecisionBody(Body):
    accept: bool
    remark: Word = ""


class ComplaintShown(BaseModel):
    """`due` is a working day; `provisional` while that year's holidays are not known."""

    conversation: str
    seq: int
    channel: str
    question: str
    answer: str
    entry: str | None
    at: str
    due: str
    overdue: bool
    provisional: bool
    owner: str | None
    result: str | None
    remark: str


class FeedbackInbox(BaseModel):
    feedback: list[ComplaintShown]


class FeedbackClosing(Body):
    """`changed` names the entry; the others say why nothing was changed."""

    result: Literal["changed", "right_as_is", "not_ours"]
    entry: Annotated[str, Field(max_length=128)] | None = None
    remark: Word = ""


class RecalledShown(BaseModel):
    conversation: str
    seq: int
    channel: str
    at: str
    version: str
    answer_code: str


class RecalledList(BaseModel):
    conversations: list[RecalledShown]


def learning_routes(parts: Parts, door: Door) -> APIRouter:
    api = LearningApi(parts, door)
    routes = APIRouter(tags=["learning"], dependencies=[Depends(private)])
    one = FEEDBACK + "/{conversation_id}/{seq}"

    def add(method: str, path: str, call: Any, *statuses: int, model: Any = None, status: int = 200) -> None:
        told = problems(401, 403, *statuses)
        routes.add_api_route(path, call, methods=[method], response_model=model, status_code=status, responses=told)

    add("GET", UNANSWERED, api.unanswered, model=Clusters)
    add("POST", UNANSWERED + "/{cluster_id}/settle", api.settle, 400, 404, model=SettledShown)
    add("POST", PROPOSALS, api.propose, 400, status=204)
    add("GET", PROPOSALS, api.proposals, 400, model=Proposals)
    add("POST", PROPOSALS + "/{proposal_id}/decide", api.decide, 400, 404, status=204)
    add("GET", FEEDBACK, api.inbox, 400, model=FeedbackInbox)
    add("POST", one + "/take", api.take, 400, 404, status=204)
    add("POST", one + "/close", api.close, 400, 404, 422, status=204)
    add("GET", RECALL, api.recall, 400, model=RecalledList)
    return routes


class LearningApi:
    def __init__(self, parts: Parts, door: Door) -> None:
        self._learning = parts.learning
        self._door = door
        self._zone = parts.settings.site.zone

    async def unanswered(self, request: Request) -> Clusters:
        """What was refused, marked 没用 or answered with 都不是 within 30 days, grouped every half hour."""
        await self._may(request, Right.EDIT)
        found = await self._learning.unanswered()
        told = [
            ClusterShown(
                id=r.id, count=r._mapping["count"], last_at=stamp(at_ms(r.last_at)), topic=r.topic, entry=r.entry,
                why=r.why, questions=[QuestionShown(**q) for q in r.questions[:20]],
            )
            for r in found
        ]  # fmt: skip
        return Clusters(clusters=told, made_at=stamp(at_ms(found[0].made_at)) if found else None)

    async def settle(self, request: Request, cluster_id: str, told: SettleBody) -> SettledShown:
        """Done with these questions; nothing but a proposal comes of it."""
        by = await self._may(request, Right.EDIT)
        made = await self._learning.settle(cluster_id, told.how, told.text, told.entry, by, _now())
        return SettledShown(proposal=made)

    async def propose(self, request: Request, told: ProposalBody) -> Response:
        """What the desk misses in the knowledge; a reviewer decides on it."""
        by = await self._may(request, Right.SERVE)
        await self._learning.propose(told.id, told.text, told.question, by, _now())
        return Response(status_code=204)

    async def proposals(
        self, request: Request, status: Literal["open", "drafted", "accepted", "rejected"] = "open"
    ) -> Proposals:
        """Open ones wait for a reviewer; drafted ones are reviewed as drafts."""
        await self._may(request, Right.EDIT)
        return Proposals(proposals=[_proposal(row) for row in await self._learning.proposals(status)])

    async def decide(self, request: Request, proposal_id: str, told: DecisionBody) -> Response:
        """Not by whoever proposed it."""
        by = await self._may(request, Right.REVIEW)
        await self._learning.decide(proposal_id, accept=told.accept, remark=told.remark, by=by, at=_now())
        return Response(status_code=204)

    async def inbox(self, request: Request, closed: bool = False) -> FeedbackInbox:
        """没用 with what it was about; the oldest open one first."""
        await self._may(request, Right.EDIT)
        today = _now().astimezone(self._zone).date()
        return FeedbackInbox(feedback=[_complaint(c, today) for c in await self._learning.inbox(closed=closed)])

    async def take(self, request: Request, conversation_id: str, seq: int) -> Response:
        """Whoever takes it last looks after it."""
        by = await self._may(request, Right.EDIT)
        await self._learning.take(conversation_id, seq, by, _now())
        return Response(status_code=204)

    async def close(self, request: Request, conversation_id: str, seq: int, told: FeedbackClosing) -> Response:
        """With the entry that was changed, or a reason."""
        by = await self._may(request, Right.EDIT)
        await self._learning.close(
            conversation_id, seq, result=told.result, entry=told.entry, remark=told.remark, by=by, at=_now()
        )
        return Response(status_code=204)

    async def recall(
        self,
        request: Request,
        entry: Annotated[str, Query(min_length=1, max_length=128)],
        first: AwareDatetime,
        last: AwareDatetime,
    ) -> RecalledList:
        """Who was given this answer between two moments, at most 1,000, the latest first; it is audited."""
        by = await self._may(request, Right.REVIEW)
        found = await self._learning.recall(entry, first, last, by, _now())
        return RecalledList(conversations=[
            RecalledShown(
                conversation=r.conversation, seq=r.seq, channel=r.channel, at=stamp(r.at), version=r.version,
                answer_code=r.answer_code,
            )
            for r in found
        ])  # fmt: skip

    async def _may(self, request: Request, right: Right) -> Actor:
        return self._door.actor(request, await self._door.may(request, right))


def _proposal(row: Any) -> ProposalShown:
    return ProposalShown(
        id=row.id, kind=row.kind, text=row.text, entry=row.entry, topic=row.topic, questions=row.questions,
        status=row.status, made_by=row.made_by, made_at=stamp(at_ms(row.made_at)), decided_by=row.decided_by,
        remark=row.remark,
    )  # fmt: skip


def _complaint(c: Complaint, today: date) -> ComplaintShown:
    return ComplaintShown(
        conversation=c.conversation, seq=c.seq, channel=c.channel, question=c.question, answer=c.answer, entry=c.entry,
        at=stamp(c.at), due=str(c.due), overdue=c.due < today and c.result is None, provisional=c.provisional,
        owner=c.owner, result=c.result, remark=c.remark,
    )  # fmt: skip


def _now() -> datetime:
    return datetime.now(UTC)
