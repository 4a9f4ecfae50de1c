"""Documents that answers rest on: who cites them, and what goes to review when one is amended or repealed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from sqlalchemy import Connection, select

from bot.audit import append
from bot.citations import Cited, citing, documents
from bot.drafts import Drafts, now
from bot.errors import Refused
from bot.staff import Account
from bot.store.conversations import ms, upsert
from bot.store.database import Database
from bot.tables_knowledge import marked_documents
from knowledge_base.procedures.procedure import Procedure

STATUSES = {"amended": "已修改", "repealed": "已废止", "in_force": "现行有效"}
SHORTEST = 4  # characters of a name; less is found everywhere


@dataclass(frozen=True, slots=True)
class Marked:
    """A document that somebody said has changed, and what was found to cite it."""

    name: str
    status: str
    found: tuple[Cited, ...]
    sent: tuple[str, ...]


class Documents:
    def __init__(self, database: Database, drafts: Drafts) -> None:
        self._db = database
        self._drafts = drafts

    async def all(self, procedures: Mapping[str, Procedure]) -> list[dict[str, Any]]:
        """Every document cited, the most cited first, with what is known of its state."""
        records = [draft.content for draft in await self._drafts.every()]
        marks = await self._db.read(lambda c: {row.name: row for row in c.execute(select(marked_documents))})
        found = documents(records, others(procedures))
        return [
            {
                "name": name, "cited": [asdict(one) for one in cited],
                "status": marks[name].status if name in marks else "in_force",
                "note": marks[name].note if name in marks else "",
            }
            for name, cited in found.items()
        ]  # fmt: skip

    async def mark(
        self, account: Account, name: str, status: str, note: str, procedures: Mapping[str, Procedure]
    ) -> Marked:
        """Everything that cites it; entries go to review as they stand. Raises Refused `bad_status`, `too_short`."""
        shown = name.strip()[:200]
        if status not in STATUSES:
            raise Refused("bad_status", f"状态只能是 {'、'.join(STATUSES)}。")
        if len(shown) < SHORTEST:
            raise Refused("too_short", "请写文件的全名或文号。")
        records = [draft.content for draft in await self._drafts.every() if not draft.removed]
        found = tuple(citing(shown, records, others(procedures)))
        row = {"name": shown, "status": status, "note": note[:500], "by": account.username, "at": ms(now())}

        def job(connection: Connection) -> None:
            fresh = upsert(connection, marked_documents).values(row)
            connection.execute(fresh.on_conflict_do_update(index_elements=["name"], set_=row))
            append(
                connection, actor=account.username, action="document_marked", subject=shown[:128], at=now(),
                detail={"status": status, "cited": len(found)},
            )  # fmt: skip

        await self._db.write(job)
        sent: Sequence[str] = ()
        if status != "in_force":
            reason = f"依据的文件{STATUSES[status]}：{shown}"
            sent = await self._drafts.recheck(account, [one.id for one in found if one.kind == "entry"], reason)
        return Marked(shown, status, found, tuple(sent))


def others(procedures: Mapping[str, Procedure]) -> list[tuple[str, str, Any]]:
    """Procedures as data and calculators' sheets as text: they are not drafts, a person must look at them."""
    return [*(("procedure", p.title, asdict(p)) for p in procedures.values()), *_sheets()]


@cache
def _sheets() -> tuple[tuple[str, str, Any], ...]:
    import yaml

    folder = files("knowledge_base").joinpath("calculators")
    found = sorted((f for f in folder.iterdir() if f.name.endswith(".yml")), key=lambda f: f.name)
    return tuple(
        ("calculator", f.name.removesuffix(".yml"), yaml.load(f.read_text("utf-8"), yaml.CSafeLoader)) for f in found
    )
