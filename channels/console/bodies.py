"""What the staff's calls carry: bodies in, and what is told, as /openapi.json names it (pure)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from bot.accounts import Change, Listed
from bot.audit import Row
from bot.sessions import Place, Session
from bot.staff import Role


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("control characters are not allowed")
    return text


Word = Annotated[str, StringConstraints(strip_whitespace=True, max_length=32), AfterValidator(_printable)]
Password = Annotated[str, Field(max_length=4_000)]
Skills = Annotated[list[Annotated[Word, Field(min_length=1)]], Field(max_length=50)]
Roles = Annotated[list[Role], Field(min_length=1)]


OneCode = Annotated[str, Field(max_length=16)] | None


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SigningIn(Body):
    """`code` is asked for by the code `code_required`; `bearer` is for programs that keep no cookies."""

    username: Annotated[str, Field(max_length=200)]
    password: Password
    code: OneCode = None
    bearer: bool = False


class PasswordChange(Body):
    old: Password
    new: Password


class Enrolling(Body):
    """With `password` a secret is given; with its first `code` it counts from then on."""

    password: Password = ""
    code: OneCode = None


class Proof(Body):
    """`code` is looked at where it is given."""

    password: Password
    code: OneCode = None


class NewAccount(Body):
    """`name` and `number` are what citizens see; the next free number, and a one-time password, where none is given."""

    username: Annotated[str, Field(max_length=200)]
    password: Password | None = None
    roles: Roles
    skills: Skills = []
    topics: Skills = []
    capacity: int = 3
    must_change: bool = True
    name: Word = ""
    number: Annotated[str, Field(max_length=64)] = ""


class AccountChange(Body):
    """What is left out stays as it is."""

    name: Word | None = None
    number: Annotated[str, Field(max_length=64)] | None = None
    roles: Roles | None = None
    skills: Skills | None = None
    topics: Skills | None = None
    capacity: int | None = None
    disabled: bool | None = None

    def change(self) -> Change:
        return Change(
            name=self.name or None, number=self.number or None, capacity=self.capacity, disabled=self.disabled,
            roles=None if self.roles is None else frozenset(self.roles),
            skills=None if self.skills is None else tuple(dict.fromkeys(self.skills)),
            topics=None if self.topics is None else tuple(dict.fromkeys(self.topics)),
        )  # fmt: skip


class Reset(Body):
    """Without `password` a one-time one is made."""

    password: Password | None = None


NO_PASSWORD = Reset()


class Me(BaseModel):
    """Who is signed in. `token` only where a bearer was asked for; `rights` are empty while `must_change`."""

    username: str
    name: str
    number: str
    roles: list[Role]
    rights: list[str]
    skills: list[str]
    capacity: int
    must_change: bool
    second_factor: bool
    session: str
    ends_at: str
    idle_minutes: int
    token: str | None = None


class AccountShown(BaseModel):
    """`topics`, or groups of them, whose entries the account may write and review; empty: all."""

    username: str
    name: str
    number: str
    roles: list[Role]
    skills: list[str]
    topics: list[str]
    capacity: int
    must_change: bool
    disabled: bool
    second_factor: bool


class AccountMade(AccountShown):
    """`password` only where a one-time one was made; it is shown this once."""

    password: str | None = None


class Staff(BaseModel):
    staff: list[AccountShown]


class PlaceShown(BaseModel):
    id: str
    address: str
    device: str
    made_at: str
    seen_at: str
    current: bool


class Places(BaseModel):
    places: list[PlaceShown]


class Offered(BaseModel):
    secret: str
    uri: str


class OneTime(BaseModel):
    """Shown this once; it is kept as a digest."""

    password: str


class AuditRow(BaseModel):
    seq: int
    at: str
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    address: str
    hash: str


class AuditPage(BaseModel):
    """The newest first; `next` as `before` gives the following ones."""

    rows: list[AuditRow]
    next: int | None


def me(session: Session, idle_minutes: int, token: str | None = None) -> Me:
    account = session.account
    return Me(
        username=account.username, name=account.name, number=account.number, roles=sorted(account.roles),
        rights=sorted(account.rights), skills=list(account.skills), capacity=account.capacity,
        must_change=account.must_change, second_factor=session.second_factor, session=session.id,
        ends_at=session.ends_at.isoformat(), idle_minutes=idle_minutes, token=token,
    )  # fmt: skip


def shown(listed: Listed) -> AccountShown:
    account = listed.account
    return AccountShown(
        username=account.username, name=account.name, number=account.number, roles=sorted(account.roles),
        topics=list(account.topics), skills=list(account.skills), capacity=account.capacity,
        must_change=account.must_change, disabled=listed.disabled, second_factor=listed.second_factor,
    )  # fmt: skip


def places(found: list[Place], current: str) -> Places:
    told = [
        PlaceShown(
            id=p.id, address=p.address, device=p.device, made_at=p.made_at.isoformat(), seen_at=p.seen_at.isoformat(),
            current=p.id == current,
        )
        for p in found
    ]  # fmt: skip
    return Places(places=told)


def audit_page(rows: list[Row], limit: int) -> AuditPage:
    told = [AuditRow.model_validate(row.told()) for row in rows]
    return AuditPage(rows=told, next=rows[-1].seq if len(rows) == limit and rows[-1].seq > 1 else None)


WHY = {
    400: "not taken: `code` says why",
    401: "not signed in (`unauthorized`), or `wrong_credentials`, `code_required`, `wrong_code`",
    403: "`password_change_required`, `forbidden` or `foreign_origin`",
    404: "not there",
    409: "`username_taken`, `number_taken`, `last_admin`, `totp_active` or `totp_not_offered`",
    412: "`changed_meanwhile`: both texts",
    413: "`too_large`: the file is too large",
    428: "`precondition_required`: say which revision was seen",
    422: "`weak_password`: `detail` says why",
    429: "`locked` after too many wrong ones",
    503: "the store is busy; nothing was kept",
}


DONE: dict[str, Any] = {"description": "done"}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses=`."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": WHY[status], "content": content} for status in (*statuses, 503)}
