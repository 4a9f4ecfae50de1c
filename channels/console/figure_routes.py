"""数据: figures with their definitions, alarms, agents, procedures, knowledge; conversations searched and exported."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from bot.archive import Wanted, line
from bot.assembly import Parts
from bot.conversation import Message
from bot.errors import Refused
from bot.figures import DEFINITIONS, rates
from bot.speaking import noted
from bot.staff import Right
from bot.store.conversations import at_ms
from channels.console.bodies import Body, problems
from channels.console.door import Door
from channels.console.session import PRIVATE, private
from channels.frames import stamp

FIGURES = "/api/v1/figures"
RECORDS = "/api/v1/records"
LONGEST = 400  # days
EXPORTED = 92
STALE_DAYS = 180
HOT = 10
BOM = "\ufeff"  # by which Excel knows UTF-8
Channel = Literal["web", "wechat", "voice"] | None
Text = Annotated[str, Query(max_length=100)]
Counts = dict[str, int]


class Figure(BaseModel):
    """`value` None: nothing was counted. `before` is that of as many days before."""

    name: str
    value: float | None
    before: float | None
    definition: str


class DayCounts(BaseModel):
    day: str
    counts: Counts


class HourCounts(BaseModel):
    hour: int
    counts: Counts


class TopicCounts(BaseModel):
    """`label` is the question that stands for the topic in the knowledge."""

    topic: str
    label: str
    counts: Counts


class AlarmShown(BaseModel):
    topic: str
    label: str
    at: str
    count: int
    usual: float
    sigma: float
    examples: list[str]


class FigureSummary(BaseModel):
    first: str
    last: str
    counted_at: str | None
    figures: list[Figure]
    counts: Counts
    days: list[DayCounts]
    hours: list[HourCounts]
    topics: list[TopicCounts]
    alarms: list[AlarmShown]


class AgentLoad(BaseModel):
    agent: str
    served: int
    solved: int
    busy_minutes: int


class AgentLoads(BaseModel):
    agents: list[AgentLoad]


class Funnel(BaseModel):
    procedure: str
    title: str
    began: int
    guided: int
    finished: int


class Funnels(BaseModel):
    procedures: list[Funnel]


class EntryHealth(BaseModel):
    """`faults`: never_shown, unhelpful, expiring, expired, stale."""

    entry: str
    topic: str
    question: str
    shown: int
    unhelpful: int
    until: str | None
    checked: str
    faults: list[str]


class KnowledgeHealth(BaseModel):
    """`uncovered` are topics that were asked and have no entry."""

    entries: list[EntryHealth]
    uncovered: list[str]


class RecordShown(BaseModel):
    conversation: str
    seq: int
    channel: str
    party: str
    text: str
    at: str
    outcome: str
    entry: str | None


class Records(BaseModel):
    records: list[RecordShown]


class RecordLine(BaseModel):
    seq: int
    party: str
    text: str
    at: str
    because: str
    entry: str | None


class RecordStory(BaseModel):
    conversation: str
    messages: list[RecordLine]


class ReadingBody(Body):
    reason: Annotated[str, Field(max_length=200)]


def figure_routes(parts: Parts, door: Door) -> APIRouter:
    api = FigureApi(parts, door)
    routes = APIRouter(tags=["figures"], dependencies=[Depends(private)])
    csv = {200: {"content": {"text/csv; charset=utf-8": {"schema": {"type": "string"}}}, "description": "a table"}}

    def add(path: str, call: Any, *statuses: int, model: Any = None, table: bool = False, method: str = "GET") -> None:
        told = problems(400, 401, 403, *statuses) | (csv if table else {})
        kind: dict[str, Any] = {"response_class": Response} if table else {}
        routes.add_api_route(path, call, methods=[method], response_model=model, responses=told, **kind)

    add(FIGURES, api.summary, model=FigureSummary)
    add(FIGURES + "/export", api.export, table=True)
    add(FIGURES + "/agents", api.agents, model=AgentLoads)
    add(FIGURES + "/procedures", api.procedures, model=Funnels)
    add(FIGURES + "/knowledge", api.knowledge, model=KnowledgeHealth)
    add(RECORDS, api.search, model=Records)
    add(RECORDS + "/export", api.export_records, table=True)
    add(RECORDS + "/{conversation_id}", api.story, 404, 422, model=RecordStory, method="POST")
    return routes


class FigureApi:
    def __init__(self, parts: Parts, door: Door) -> None:
        self._parts = parts
        self._tallies = parts.tallies
        self._door = door
        self._zone = parts.settings.site.zone

    async def summary(self, request: Request, first: date, last: date, channel: Channel = None) -> FigureSummary:
        """Figures of whole days of the site's zone, beside those of as many days before."""
        await self._reader(request)
        _checked(first, last, LONGEST)
        length = last - first + timedelta(days=1)
        summed = self._tallies.summed
        days = await summed(first, last, channel=channel, by=("day",))
        hours = await summed(first, last, channel=channel, by=("hour",))
        topics = await summed(first, last, channel=channel, subject="t:", by=("subject",))
        total = sum((Counter(c) for c in days.values()), Counter[str]())
        before = (await summed(first - length, last - length, channel=channel)).get((), Counter())
        now, then = rates(total), rates(before)
        at = await self._tallies.counted_at()
        alarms = await self._tallies.alarms(datetime.now(UTC) - timedelta(days=1))
        labels = {e.topic: e.question for e in reversed(self._parts.library.current.corpus.entries)}
        ranked = sorted(topics.items(), key=lambda t: (-t[1]["questions"], t[0]))
        return FigureSummary(
            first=str(first), last=str(last), counted_at=stamp(at) if at else None, counts=dict(total),
            figures=[Figure(name=n, value=now[n], before=then[n], definition=d) for n, d in DEFINITIONS.items()],
            days=[DayCounts(day=k[0], counts=dict(c)) for k, c in sorted(days.items())],
            hours=[HourCounts(hour=k[0], counts=dict(c)) for k, c in sorted(hours.items())],
            topics=[TopicCounts(topic=(t := k[0][2:]), label=labels.get(t, t), counts=dict(c)) for k, c in ranked],
            alarms=[
                AlarmShown(
                    topic=a.topic, label=labels.get(a.topic, a.topic), at=stamp(a.at), count=a.count, usual=a.usual,
                    sigma=a.sigma, examples=list(a.examples),
                )
                for a in alarms
            ],
        )  # fmt: skip

    async def export(self, request: Request, first: date, last: date, channel: Channel = None) -> Response:
        """The counts by day, channel and topic as a table; it is audited."""
        session = await self._door.may(request, Right.MEASURE)
        _checked(first, last, LONGEST)
        told = {"first": str(first), "last": str(last), "channel": channel}
        await self._parts.database.write(noted(session.account, "figures_exported", "", datetime.now(UTC), **told))
        rows = [["日期", "渠道", "主题", "项目", "数量"]]
        for subject in ("", "t:"):
            found = await self._tallies.summed(
                first, last, channel=channel, subject=subject, by=("day", "channel", "subject")
            )
            rows += [[*k[:2], k[2][2:], n, str(v)] for k, c in sorted(found.items()) for n, v in sorted(c.items())]
        return Response(BOM + "".join(map(line, rows)), headers=_file(f"figures-{first}-{last}"), media_type="text/csv")

    async def agents(self, request: Request, first: date, last: date) -> AgentLoads:
        """Everybody for who measures; an agent sees her own."""
        session = await self._door.session(request)
        everybody = session.account.may(Right.MEASURE)
        if not everybody:
            await self._door.may(request, Right.SERVE)
        _checked(first, last, LONGEST)
        found = await self._tallies.summed(first, last, subject="a:", by=("subject",))
        told = [
            AgentLoad(agent=k[0][2:], served=c["served"], solved=c["solved"], busy_minutes=c["busy_ms"] // 60_000)
            for k, c in sorted(found.items())
        ]
        return AgentLoads(agents=[a for a in told if everybody or a.agent == session.account.username])

    async def procedures(self, request: Request, first: date, last: date) -> Funnels:
        """How many conversations began each guide, saw its first page, saw its last."""
        await self._reader(request)
        _checked(first, last, LONGEST)
        found = await self._tallies.summed(first, last, subject="p:", by=("subject",))
        titles = {p.id: p.title for p in self._parts.library.current.corpus.procedures.values()}
        told = [
            Funnel(
                procedure=(p := k[0][2:]), title=titles.get(p, p), began=c["began"], guided=c["guided"],
                finished=c["finished"],
            )
            for k, c in found.items()
        ]  # fmt: skip
        return Funnels(procedures=sorted(told, key=lambda f: (-f.began, f.procedure)))

    async def knowledge(self, request: Request, first: date, last: date) -> KnowledgeHealth:
        """Entries that nobody is shown, that end, that displease, or that were not checked for half a year."""
        session = await self._door.session(request)
        if not session.account.may(Right.EDIT):
            await self._reader(request)
        _checked(first, last, LONGEST)
        found = await self._tallies.summed(first, last, subject="e:", by=("subject",))
        asked = await self._tallies.summed(first, last, subject="t:", by=("subject",))
        today = datetime.now(self._zone).date()
        entries = self._parts.library.current.corpus.entries
        told = [_health(e, found.get((f"e:{e.id}",), Counter()), today) for e in entries]
        missing = {k[0][2:] for k in asked} - {e.topic for e in entries}
        return KnowledgeHealth(
            entries=[h for h in told if h.faults], uncovered=sorted(t for t in missing if "out_of_scope" not in t)
        )

    async def search(
        self, request: Request, first: date, last: date, text: Text = "", channel: Channel = None
    ) -> Records:
        """The latest messages with these words, masked as they are kept; it is audited."""
        session = await self._door.may(request, Right.MEASURE)
        wanted = self._wanted(first, last, text, channel, LONGEST)
        rows = await self._parts.archive.search(wanted, self._door.actor(request, session), datetime.now(UTC))
        return Records(records=[_record(row) for row in rows])

    async def export_records(
        self, request: Request, first: date, last: date, text: Text = "", channel: Channel = None
    ) -> Response:
        """The same as a table, streamed; it is audited."""
        session = await self._door.may(request, Right.MEASURE)
        wanted = self._wanted(first, last, text, channel, EXPORTED)
        rows = await self._parts.archive.export(wanted, self._door.actor(request, session), datetime.now(UTC))

        async def lines() -> AsyncIterator[str]:
            yield BOM
            async for row in rows:
                yield line(row)

        return StreamingResponse(lines(), headers=_file(f"records-{first}-{last}"), media_type="text/csv")

    async def story(self, request: Request, conversation_id: str, told: ReadingBody) -> RecordStory:
        """One conversation from its beginning, once the reason is in the audit log."""
        session = await self._door.may(request, Right.MEASURE)
        if not told.reason.strip():
            raise Refused("no_reason", "请写明为什么要看这个会话。")
        await self._parts.conversations.find(conversation_id)
        write = noted(session.account, "conversation_read", conversation_id, datetime.now(UTC), reason=told.reason)
        await self._parts.database.write(write)
        found = await self._parts.conversations.messages(conversation_id)
        return RecordStory(conversation=conversation_id, messages=[_line(m) for m in found])

    async def _reader(self, request: Request) -> None:
        await self._door.may(request, Right.MEASURE)

    def _wanted(self, first: date, last: date, text: str, channel: Channel, longest: int) -> Wanted:
        _checked(first, last, longest)
        begin = datetime.combine(first, time(), self._zone)
        end = datetime.combine(last + timedelta(days=1), time(), self._zone)
        return Wanted(begin, end, text.strip(), channel)


def _checked(first: date, last: date, longest: int) -> None:
    if not timedelta() <= last - first < timedelta(days=longest):
        raise Refused("bad_time", f"开始日期不能晚于结束日期，一次最多 {longest} 天。")


def _file(name: str) -> dict[str, str]:
    return PRIVATE | {"Content-Disposition": f'attachment; filename="{name}.csv"'}


def _health(entry: Any, counts: Counter[str], today: date) -> EntryHealth:
    until = entry.valid.until
    ends = until.date() if isinstance(until, datetime) else until
    left = (ends - today).days if ends else None
    faults = {
        "never_shown": not counts["shown"],
        "unhelpful": counts["unhelpful"] >= 3 and counts["unhelpful"] > counts["helpful"],
        "expiring": left is not None and 0 <= left <= 30,
        "expired": left is not None and left < 0,
        "stale": (today - entry.checked).days > STALE_DAYS,
    }
    return EntryHealth(
        entry=entry.id, topic=entry.topic, question=entry.question, shown=counts["shown"],
        unhelpful=counts["unhelpful"], until=str(ends) if ends else None, checked=str(entry.checked),
        faults=[name for name, true in faults.items() if true],
    )  # fmt: skip


def _record(row: Any) -> RecordShown:
    message = (row.extra or {}).get("details") or {}
    return RecordShown(
        conversation=row.conversation_id, seq=row.seq, channel=row.channel, party=row.party, text=row.text,
        at=stamp(at_ms(row.at)), outcome=message.get("outcome") or "", entry=message.get("entry"),
    )  # fmt: skip


def _line(m: Message) -> RecordLine:
    return RecordLine(
        seq=m.seq, party=m.party, text=m.text, at=stamp(m.at), because=m.because, entry=m.details.get("entry")
    )
