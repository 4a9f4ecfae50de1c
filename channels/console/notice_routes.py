"""Notices and switches (设置 → 公告与开关), for those who may announce."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, Field

from bot.accounts import Actor
from bot.assembly import Parts
from bot.noticeboard import Wording
from bot.notices import CHANNELS, Kind, Notice, Switch
from bot.staff import Right
from channels.console.bodies import Body, problems
from channels.console.door import Door
from channels.console.session import PRIVATE, private
from channels.frames import stamp

NOTICES = "/api/v1/notices"
SWITCHES = "/api/v1/switches"
ONE = NOTICES + "/{notice_id}"
Channel = Literal["web", "wechat", "voice"]
Text = Annotated[str, Field(max_length=2_000)]
Id = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9_-]+$")]


class NoticeBody(Body):
    """`channels` left out: all of them. `starts_at` left out: at once. `ends_at` left out: until somebody ends it."""

    kind: Kind
    text: Text
    channels: Annotated[tuple[Channel, ...], Field(max_length=len(CHANNELS))] = ("web", "wechat", "voice")
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None

    def wording(self) -> Wording:
        return Wording(self.kind, self.text, self.channels, self.starts_at, self.ends_at)


class NewNotice(NoticeBody):
    """`id` is made by the page, so that pressing twice posts once."""

    id: Id | None = None


class NoticeChange(NoticeBody):
    """`revision` is the one that was changed; 409 `stale` when somebody was faster."""

    revision: int


class SwitchBody(Body):
    """`text` is what the channel says while it is off."""

    off: bool
    text: Text = ""


class NoticeRow(BaseModel):
    """`stage` is coming, now or over."""

    id: str
    kind: Kind
    text: str
    channels: list[str]
    starts_at: str
    ends_at: str | None
    stage: str
    revision: int
    changed_at: str
    changed_by: str


class Notices(BaseModel):
    notices: list[NoticeRow]


class SwitchShown(BaseModel):
    channel: str
    off: bool
    text: str
    changed_at: str | None
    changed_by: str


class Switches(BaseModel):
    switches: list[SwitchShown]


def notice_routes(parts: Parts, door: Door) -> APIRouter:
    api = NoticeApi(parts, door)
    routes = APIRouter(tags=["notices"], dependencies=[Depends(private)])

    def add(method: str, path: str, call: Any, *statuses: int, model: Any = None, status: int = 200) -> None:
        told = problems(401, 403, *statuses)
        routes.add_api_route(path, call, methods=[method], response_model=model, status_code=status, responses=told)

    add("GET", NOTICES, api.notices, model=Notices)
    add("POST", NOTICES, api.post, 400, model=NoticeRow, status=201)
    add("PUT", ONE, api.change, 400, 404, 409, model=NoticeRow)
    add("DELETE", ONE, api.end, 404, status=204)
    add("GET", SWITCHES, api.switches, model=Switches)
    add("PUT", SWITCHES + "/{channel}", api.switch, 400, 404, model=SwitchShown)
    return routes


class NoticeApi:
    def __init__(self, parts: Parts, door: Door) -> None:
        self._board = parts.notices
        self._door = door

    async def notices(self, request: Request) -> Notices:
        """What holds, comes, or ended within 90 days."""
        await self._announcer(request)
        now = _now()
        return Notices(notices=[_shown(notice, now) for notice in await self._board.past()])

    async def post(self, request: Request, told: NewNotice) -> Response:
        """A new notice; an emergency goes to all channels in this one step."""
        made = await self._board.post(told.wording(), await self._announcer(request), id=told.id)
        return JSONResponse(_shown(made, _now()).model_dump(mode="json"), 201, PRIVATE)

    async def change(self, request: Request, notice_id: str, told: NoticeChange) -> NoticeRow:
        """Another text is told anew where it is an emergency."""
        by = await self._announcer(request)
        return _shown(await self._board.change(notice_id, told.revision, told.wording(), by), _now())

    async def end(self, request: Request, notice_id: str) -> Response:
        """Ends it now; it stays in the list."""
        await self._board.end(notice_id, await self._announcer(request))
        return Response(status_code=204)

    async def switches(self, request: Request) -> Switches:
        """Whether each channel serves."""
        await self._announcer(request)
        await self._board.look()
        thrown = self._board.bulletin.switches
        return Switches(switches=[_flipped(thrown.get(channel, Switch(channel))) for channel in CHANNELS])

    async def switch(self, request: Request, channel: str, told: SwitchBody) -> SwitchShown:
        """Off: the channel says its text; chats with agents go on."""
        by = await self._announcer(request)
        return _flipped(await self._board.switch(channel, off=told.off, text=told.text, by=by))

    async def _announcer(self, request: Request) -> Actor:
        return self._door.actor(request, await self._door.may(request, Right.ANNOUNCE))


def _shown(notice: Notice, now: datetime) -> NoticeRow:
    return NoticeRow(
        id=notice.id, kind=notice.kind, text=notice.text, channels=list(notice.channels),
        starts_at=stamp(notice.starts_at), ends_at=stamp(notice.ends_at) if notice.ends_at else None,
        stage=notice.stage(now), revision=notice.revision, changed_at=stamp(notice.changed_at),
        changed_by=notice.changed_by,
    )  # fmt: skip


def _flipped(switch: Switch) -> SwitchShown:
    at = stamp(switch.changed_at) if switch.changed_at else None
    return SwitchShown(
        channel=switch.channel, off=switch.off, text=switch.text, changed_at=at, changed_by=switch.changed_by
    )


def _now() -> datetime:
    return datetime.now(UTC)
