"""Entries of the knowledge as they are written and reviewed (PROTOCOL 4), and what rests on which document."""

from __future__ import annotations

import asyncio
import re
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from bot.answering.wording import answer_text, sources
from bot.assembly import Parts
from bot.citations import endings, quoted
from bot.drafts import MOST, Asked, Clash, Draft
from bot.errors import NotFound, Refused
from bot.staff import Account, Right
from channels.console import bodies
from channels.console import knowledge_described as shown
from channels.console import knowledge_told as told
from channels.console.door import Door
from channels.console.session import private
from knowledge_base.checks import contradictions, near_wordings
from knowledge_base.entry import Entry
from knowledge_base.topics import topic_groups
from knowledge_base.written import FieldFault, Record, Unwritable, read_entry

KNOWLEDGE = "/api/v1/knowledge"
ENTRIES = KNOWLEDGE + "/entries"
ONE = ENTRIES + "/{entry_id}"
State = Literal["", "draft", "in_review", "approved", "rejected"]


def routes_of(parts: Parts, door: Door) -> APIRouter:
    api = KnowledgeApi(parts, door)
    routes = APIRouter(tags=["knowledge"], dependencies=[Depends(private)])

    def add(
        method: str, path: str, call: Any, *statuses: int, model: Any = None, status: int = 200, extra: Any = None,
        body: Any = None,
    ) -> None:  # fmt: skip
        known = bodies.problems(401, 403, *statuses) | (extra or {})
        routes.add_api_route(
            path, call, methods=[method], response_model=model, status_code=status, responses=known, openapi_extra=body
        )

    add("GET", KNOWLEDGE + "/overview", api.overview, model=shown.Overview)
    add("GET", ENTRIES, api.page, 400, model=shown.EntryPage)
    made: Any = {"model": shown.WholeDraft, "body": shown.ENTRY}
    add("POST", ENTRIES, api.create, 400, 409, status=201, extra=told.only(422), **made)
    add("GET", ONE, api.one, 404, model=shown.WholeDraft)
    add("PUT", ONE, api.change, 400, 404, 428, extra=told.only(412, 422), **made)
    add("DELETE", ONE, api.remove, 400, 404, model=shown.WholeDraft, extra=told.only(412))
    add("GET", ONE + "/history", api.history, 404, model=shown.History)
    add("POST", ONE + "/submit", api.submit, 400, 404, 409, model=shown.WholeDraft, extra=told.only(412))
    add(
        "POST",
        KNOWLEDGE + "/reviews/{entry_id}",
        api.review,
        400,
        404,
        409,
        422,
        model=shown.WholeDraft,
        extra=told.only(412),
    )
    add("POST", KNOWLEDGE + "/bulk", api.bulk, 400, model=shown.BulkDone)
    add("POST", KNOWLEDGE + "/preview", api.preview, 400, model=shown.Preview, body=shown.ENTRY)
    add("GET", KNOWLEDGE + "/documents", api.documents, model=shown.DocumentList)
    add("POST", KNOWLEDGE + "/documents/mark", api.mark, 400, model=shown.DocumentMarked)
    add("GET", KNOWLEDGE + "/alerts", api.alerts, model=shown.Alerts)
    add("GET", KNOWLEDGE + "/watch", api.watch, model=shown.Watched)
    return routes


class KnowledgeApi:
    def __init__(self, parts: Parts, door: Door) -> None:
        self._parts = parts
        self._drafts = parts.workshop.drafts
        self._documents = parts.workshop.documents
        self._door = door
        self._zone = parts.settings.site.zone

    async def overview(self, request: Request) -> Response:
        """The tree of topics with how many entries each has, states, and what is approved but not live."""
        await self._editor(request)
        counts = await self._drafts.counts()
        groups = [
            {
                "key": group.key, "name": group.name,
                "topics": [
                    {"topic": topic, "label": label, "entries": counts["topics"].get(topic, 0)}
                    for topic, label in group.topics.items()
                ],
            }
            for group in topic_groups()
        ]  # fmt: skip
        return told.private({"groups": groups, "states": counts["states"], "pending": counts["pending"]})

    async def page(
        self,
        request: Request,
        topic: Annotated[str, Query(max_length=64)] = "",
        state: State = "",
        q: Annotated[str, Query(max_length=200, description="words that all stand somewhere in the entry")] = "",
        pending: bool = False,
        after: Annotated[str, Query(max_length=200)] = "",
        limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
    ) -> Response:
        """A page of entries, with the cursor of the next as `next`."""
        await self._editor(request)
        asked = Asked(topic=topic, state=state, text=q, pending=pending)
        found, following = await self._drafts.page(asked, after=after, limit=limit)
        return told.private({"entries": [told.draft(one) for one in found], "next": following})

    async def create(self, request: Request) -> Response:
        """An entry as in the files; without `id` one is made. The same again by the same person is the same entry."""
        account = await self._editor(request)
        record, submit = await _record(request)
        record.setdefault("id", _fresh(record))
        try:
            saved = await self._drafts.save(account, read_entry(record), expected=None, submit=submit)
        except Unwritable as error:
            return told.unwritable(error)
        place = {"ETag": told.etag(saved), "Location": f"{ENTRIES}/{saved.id}"}
        return told.private(told.whole(saved) | {"notes": await self._notes(saved)}, 201, **place)

    async def one(self, request: Request, entry_id: str) -> Response:
        """The draft, what answers now as `live`, and how they differ."""
        await self._editor(request)
        return _with_tag(await self._drafts.find(entry_id))

    async def change(self, request: Request, entry_id: str) -> Response:
        """Another revision; `If-Match` names the one that was seen, 412 gives both texts."""
        account = await self._editor(request)
        expected = _seen(request)
        if expected is None:
            raise Refused("precondition_required", "请带上 If-Match，写明看到的是第几稿。")
        record, submit = await _record(request)
        if record.setdefault("id", entry_id) != entry_id:
            return told.unwritable(Unwritable([FieldFault("id", "编号不能改")]))
        try:
            known = expected if expected >= 0 else (await self._drafts.find(entry_id)).revision
            saved = await self._drafts.save(account, read_entry(record), expected=known, submit=submit)
        except Unwritable as error:
            return told.unwritable(error)
        except Clash as error:
            return told.clash(error)
        notes = await self._notes(saved)
        return told.private(told.whole(saved) | {"notes": notes}, ETag=told.etag(saved))

    async def remove(self, request: Request, entry_id: str) -> Response:
        """Drafts the removal; the entry answers until somebody else has approved it and a version is published."""
        account = await self._editor(request)
        expected = _seen(request)
        try:
            return _with_tag(
                await self._drafts.remove(account, entry_id, expected=None if expected == -1 else expected)
            )
        except Clash as error:
            return told.clash(error)

    async def submit(self, request: Request, entry_id: str, body: told.SubmitBody) -> Response:
        """Asks for a review."""
        account = await self._editor(request)
        try:
            return _with_tag(await self._drafts.submit(account, entry_id, expected=body.revision))
        except Clash as error:
            return told.clash(error)

    async def review(self, request: Request, entry_id: str, body: told.ReviewBody) -> Response:
        """Not by anybody who wrote in it since it was last approved."""
        account = (await self._door.may(request, Right.REVIEW)).account
        good, why = body.decision == "approve", body.reason
        try:
            made = await self._drafts.review(account, entry_id, revision=body.revision, approve=good, reason=why)
            return _with_tag(made)
        except Clash as error:
            return told.clash(error)

    async def history(self, request: Request, entry_id: str) -> Response:
        """Every revision with what it changed, and every decision."""
        await self._editor(request)
        made, reviews = await self._drafts.history(entry_id)
        decided = {review.revision: review for review in reviews}
        rows = []
        for place, row in enumerate(made):
            before = made[place + 1] if place + 1 < len(made) else None
            review = decided.get(row.revision)
            rows.append({
                "revision": row.revision, "author": row.author, "at": told.stamp(row.at), "how": row.how,
                "removed": row.removed, "note": row.note, "content": row.content,
                "changes": told.compared(before.content if before else None, row.content),
                "review": review and {
                    "reviewer": review.reviewer, "decision": review.decision, "reason": review.reason,
                    "at": told.stamp(review.at),
                },
            })  # fmt: skip
        return told.private({"revisions": rows})

    async def bulk(self, request: Request, body: told.BulkBody) -> Response:
        """One change to many entries, told one by one: `changed`, or the reason why not."""
        account = await self._editor(request)
        fields = {key: value for key, value in body.set.items() if key != "id"}
        results = [await self._set(account, name, seen, fields) for name, seen in body.entries.items()]
        return told.private({"entries": results})

    async def _set(self, account: Account, name: str, seen: int, fields: Record) -> Record:
        try:
            known = await self._drafts.find(name)
            entry = read_entry(_merged(known.content, fields))
            saved = await self._drafts.save(account, entry, expected=seen)
        except (Unwritable, Clash, NotFound, Refused) as error:
            reasons = {Clash: "别人刚刚改过", NotFound: "没有这一条"}
            why = error.sentence if isinstance(error, Refused) else reasons.get(type(error), str(error))
            return {"id": name, "status": "error", "message": why}
        return {"id": name, "status": "changed", "message": "", "revision": saved.revision}

    async def preview(self, request: Request) -> Response:
        """How it would be said on the web, in WeChat and on the phone, what is wrong with it, and what is like it."""
        await self._editor(request)
        record, _ = await _record(request)
        record.setdefault("id", "preview")
        try:
            entry = read_entry(record)
        except Unwritable as error:
            return told.private({"faults": [asdict(fault) | {"label": fault.label} for fault in error.faults]})
        figures = self._parts.library.current.corpus.figures
        at = datetime.now(self._zone)
        said = {"web": "text", "wechat": "short", "voice": "spoken"}
        try:
            shown = {channel: answer_text(entry, form, figures, at) for channel, form in said.items()}  # type: ignore[arg-type]
        except KeyError as error:
            return told.private({"faults": [{"field": "answer", "label": "答案", "reason": f"没有 {error} 这个数字"}]})
        notes = await self._rivals(entry)
        basis = [asdict(source) for source in sources(entry)]
        return told.private({"faults": [], "said": shown, "sources": basis, "notes": notes})

    async def documents(self, request: Request) -> Response:
        """Every document that is cited, and by what."""
        await self._editor(request)
        await self._seeded()
        return told.private({"documents": await self._documents.all(self._parts.library.current.corpus.procedures)})

    async def mark(self, request: Request, body: told.MarkBody) -> Response:
        """All that cites it; entries go to review, procedures and calculators are listed for a person to look at."""
        account = await self._editor(request)
        procedures = self._parts.library.current.corpus.procedures
        made = await self._documents.mark(account, body.document, body.status, body.note, procedures)
        cited = [asdict(one) for one in made.found]
        return told.private({"document": made.name, "status": made.status, "cited": cited, "sent": list(made.sent)})

    async def alerts(self, request: Request) -> Response:
        """What ends within 30, 7 or 1 days, or has ended."""
        await self._editor(request)
        local = datetime.now(self._zone).replace(tzinfo=None)
        found = endings([one.content for one in await self._all() if not one.removed], local)
        return told.private({"alerts": [told.ending(one) for one in found]})

    async def watch(self, request: Request) -> Response:
        """Phones, links and offices that answers quote, each with the entries that do."""
        await self._editor(request)
        return told.private(dict(quoted(one.content for one in await self._all() if not one.removed)))

    async def _all(self) -> list[Draft]:
        return await self._drafts.every()

    async def _notes(self, saved: Draft) -> list[str]:
        return await self._rivals(read_entry(saved.content))

    async def _rivals(self, entry: Entry) -> list[str]:
        """Entries of the same group that ask or tell nearly the same."""
        group = entry.topic.partition(".")[0]
        found, _ = await self._drafts.page(Asked(topic=group), limit=MOST)
        others = [read_entry(one.content) for one in found if one.id != entry.id and not one.removed]
        return await asyncio.to_thread(_like, entry, [one for one in others if one.valid.meets(entry.valid)])

    async def _editor(self, request: Request) -> Account:
        account = (await self._door.may(request, Right.EDIT)).account
        await self._seeded()
        return account

    async def _seeded(self) -> None:
        await self._drafts.seed(self._parts.library.current.corpus.entries)


def _like(entry: Entry, others: list[Entry]) -> list[str]:
    notes = []
    for one, wording, other, again in near_wordings((entry, *others)):
        if entry.id in (one.id, other.id):
            mine, theirs, rival = (wording, again, other) if one.id == entry.id else (again, wording, one)
            notes.append(f"“{mine}”和条目 {rival.id} 的“{theirs}”几乎一样")
    for claim, otherwise in contradictions((entry, *others)):
        if entry.id in (claim.entry.id, otherwise.entry.id):
            notes.append(f"数字不同：{claim.entry.id} 说“{claim.words}”，{otherwise.entry.id} 说“{otherwise.words}”")
    return notes[:20]


async def _record(request: Request) -> tuple[Record, bool]:
    """The entry of the body, and whether it is sent to review at once. Raises Refused `bad_request`."""
    try:
        body = await request.json()
    except ValueError as error:
        raise Refused("bad_request", "请求不是 JSON。") from error
    if not isinstance(body, dict):
        raise Refused("bad_request", "请求要是一个条目。")
    submit = body.pop("submit", False) is True
    return {key: value for key, value in body.items() if key not in told.OURS}, submit


def _seen(request: Request) -> int | None:
    """The revision of If-Match, -1 for `*`; None without one. Raises Refused."""
    header = request.headers.get("if-match")
    if header is None:
        return None
    if header.strip() == "*":
        return -1
    found = re.fullmatch(r'(?:W/)?"?(\d{1,9})"?', header.strip())
    if not found:
        raise Refused("bad_request", "If-Match 要是第几稿。")
    return int(found[1])


def _fresh(record: Record) -> str:
    import secrets

    prefix = re.sub(r"[^a-z0-9]+", "_", str(record.get("topic", "")).lower()).strip("_") or "entry"
    return f"{prefix[:40]}_{secrets.token_hex(4)}"


def _merged(record: Record, fields: Record) -> Record:
    """Parts of `answer`, `conditions` and `valid` are changed one by one; null takes a field away."""
    merged = dict(record)
    for key, value in fields.items():
        known = merged.get(key)
        merged[key] = known | value if isinstance(known, dict) and isinstance(value, dict) else value
    return {key: value for key, value in merged.items() if value is not None}


def _with_tag(one: Draft) -> Response:
    return told.private(told.whole(one), ETag=told.etag(one))
