"""What the desk's calls receive and tell, as /openapi.json names it; the socket's frames are in `desk_wire`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from channels.console.bodies import Body
from channels.console.desk_wire import ClientId

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Status = Literal["online", "away", "offline"]
Text = Annotated[str, Field(max_length=4_000)]


class Nothing(Body):
    """An empty object."""


class ReplyBody(Body):
    title: Annotated[str, Field(max_length=200)]
    text: Text
    shared: bool = False


class AnswerBody(Body):
    """`id` is the client's own: the same again is heard once."""

    id: ClientId
    text: Text


class ReasonBody(Body):
    reason: Annotated[str, Field(max_length=500)]


class ClosingBody(Body):
    result: Annotated[str, Field(max_length=32)]
    remark: Text = ""


NOTHING = Nothing()


class Seat(BaseModel):
    """One's own."""

    username: str
    name: str
    number: str
    status: Status
    load: int
    capacity: int
    rights: list[str]


class AgentListed(BaseModel):
    """`here`: online, and a page of hers is open."""

    username: str
    name: str
    number: str
    status: Status
    here: bool
    load: int
    capacity: int
    skills: list[str]


class Agents(BaseModel):
    agents: list[AgentListed]


class AgentNamed(BaseModel):
    username: str
    name: str
    number: str


class Talk(BaseModel):
    """A conversation in a list. `owed_since`: the citizen has waited for an answer since then."""

    conversation: str
    channel: str
    topic: str | None
    stage: Literal["bot", "waiting", "agent", "closed"]
    agent: AgentNamed | None
    since: Time | None
    priority: int
    last_seq: int
    owed_since: Time | None
    last_text: str


class Talks(BaseModel):
    conversations: list[Talk]


class BotAnswered(BaseModel):
    seq: int
    question: str
    text: str
    entry: str | None
    topic: str | None
    score: float | None
    outcome: str | None
    because: str


class HumanStretch(BaseModel):
    agent: str
    username: str
    began_at: Time
    ended_at: Time | None
    how: str
    resolved: bool | None
    code: str
    remark: str


class Context(Talk):
    """Who and why, what the bot said, who came before."""

    locale: str
    scene: str
    skill: str | None
    slots: dict[str, str]
    task: dict[str, Any] | None
    tickets: list[str]
    stars: int | None
    asked_at: Time | None
    answers: list[BotAnswered]
    services: list[HumanStretch]


class Reach(BaseModel):
    """How many messages may be pushed until when, how many wait, and why the last one could not be sent."""

    left: int
    until: Time | None
    waiting: int
    reachable: bool
    error: str


class Reached(BaseModel):
    reach: Reach | None


class DeskMessage(BaseModel):
    """As citizens' clients receive it; the staff also see which account spoke and how sure the bot was."""

    type: Literal["message"]
    conversation: str
    seq: int
    id: str
    party: Literal["citizen", "bot", "agent", "system"]
    text: str
    choices: list[dict[str, str]]
    sources: list[dict[str, str]]
    card: dict[str, Any] | None = None
    answer_code: str
    because: str
    outcome: str | None = None
    agent: AgentNamed | None = None
    recalled: bool | None = None
    media: str | None = None
    entry: str | None = None
    topic: str | None = None
    score: float | None = None
    at: Time


class DeskStory(BaseModel):
    """A page, oldest first; `earlier`: more lies before it."""

    messages: list[DeskMessage]
    earlier: bool


class NoteShown(BaseModel):
    type: Literal["note"]
    conversation: str
    seq: int
    id: str
    agent: str
    text: str
    whisper: bool
    at: Time


class Notes(BaseModel):
    notes: list[NoteShown]


class EntryFound(BaseModel):
    entry: str
    question: str
    text: str
    score: float


class Entries(BaseModel):
    entries: list[EntryFound]


class Code(BaseModel):
    code: str
    label: str


class Result(BaseModel):
    result: str
    label: str


class Codes(BaseModel):
    codes: list[Code]
    results: list[Result]


class ReplyShown(BaseModel):
    id: str
    title: str
    text: str
    shared: bool
    owner: str


class Replies(BaseModel):
    replies: list[ReplyShown]


class TicketShown(BaseModel):
    """`provisional`: that year's holidays are not known yet, so `due` may move."""

    id: str
    kind: Literal["message", "rectification"]
    topic: str
    text: str
    status: Literal["open", "closed"]
    owner: str | None
    conversation: str
    made_at: Time
    due: str | None
    overdue: bool
    provisional: bool
    has_phone: bool
    stars: int | None
    result: str | None
    remark: str
    closed_at: Time | None


class TicketList(BaseModel):
    """`next` as `after` gives the following ones."""

    tickets: list[TicketShown]
    next: str | None


class PhoneShown(BaseModel):
    phone: str


class TodayShown(BaseModel):
    """Since midnight; `within_15_seconds` is how many of `served` did not wait longer."""

    asked: int
    served: int
    left: int
    average_wait_seconds: int | None
    within_15_seconds: int
    rated: int
    average_stars: float | None


class TicketCount(BaseModel):
    open: int
    overdue: int


class BoardShown(BaseModel):
    at: Time
    waiting: int
    longest_wait_seconds: int
    online: int
    away: int
    serving: int
    places: int
    free: int
    today: TodayShown
    tickets: TicketCount
    agents: list[AgentListed]
