"""WeChat's XML and what it means to us: calls in, replies out (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from xml.parsers import expat

LARGEST = 32_768  # bytes; a text message has 2,048, a list of pictures or a sealed message a few times that
DEEPEST = 6  # elements within each other; WeChat's own need five
MOST = 400  # elements
KEPT_TEXT = 64  # characters of an id; longer ones are no ids of WeChat's


class BadXml(Exception):
    """Not well formed, too large, or with a document type, entities or processing instructions."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message or event of one follower. `kind` is the message's type, or `event:` with the event's, in lower case."""

    account: str
    sender: str
    recipient: str
    kind: str
    made_at: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_event(self) -> bool:
        return self.kind.startswith("event:")

    @property
    def key(self) -> str:
        """The same for each try of WeChat's, and for nothing else. Message ids alone collide between followers."""
        told: tuple[str, ...] = (self.account, self.sender)
        if self.is_event:
            told += (self.made_at, self.kind, self.text("EventKey"), self.text("MsgID"))
        elif self.text("MsgId"):
            told += (self.text("MsgId"), "")
        else:
            told += (self.made_at, self.kind, self.text("Content"), self.text("MediaId"))
        return sha256("\x00".join(told).encode()).hexdigest()

    def text(self, name: str) -> str:
        value = self.fields.get(name, "")
        return value if isinstance(value, str) else ""

    @property
    def scene(self) -> str:
        """Of a scanned code; those who follow by scanning tell it with a prefix."""
        return self.text("EventKey").removeprefix("qrscene_") if self.kind in ("event:scan", "event:subscribe") else ""


def parse(raw: bytes) -> dict[str, Any]:
    """The elements below the root: text, or a mapping of their own; repeated ones become a list. Raises BadXml."""
    if len(raw) > LARGEST:
        raise BadXml("too large")
    reading = _Reading()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = reading.begin
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.say
    for handler in ("StartDoctypeDeclHandler", "EntityDeclHandler", "ExternalEntityRefHandler", "SkippedEntityHandler"):
        setattr(parser, handler, _refuse)
    parser.ProcessingInstructionHandler = _refuse
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as error:
        raise BadXml("not well formed") from error
    if not isinstance(reading.root, dict):
        raise BadXml("no elements")
    return reading.root


def _refuse(*_: object) -> int:
    raise BadXml("document types, entities and instructions are not taken")


class _Reading:
    """Builds the mapping while expat reads."""

    def __init__(self) -> None:
        self.root: Any = None
        self._open: list[tuple[str, dict[str, Any], list[str]]] = []
        self._count = 0

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        del attributes
        self._count += 1
        if len(self._open) >= DEEPEST or self._count > MOST:
            raise BadXml("too many elements")
        self._open.append((name, {}, []))

    def say(self, text: str) -> None:
        self._open[-1][2].append(text)

    def end(self, name: str) -> None:
        _, within, words = self._open.pop()
        value: Any = within or "".join(words).strip()
        if not self._open:
            self.root = value
            return
        above = self._open[-1][1]
        if name not in above:
            above[name] = value
        elif isinstance(above[name], list):
            above[name].append(value)
        else:
            above[name] = [above[name], value]


def incoming(account: str, told: Mapping[str, Any]) -> Incoming:
    """Raises BadXml when it does not say from whom, to whom, or what it is."""
    named = {name: told.get(name) for name in ("FromUserName", "ToUserName", "MsgType", "CreateTime")}
    sender, recipient, kind, made_at = (v if isinstance(v, str) else "" for v in named.values())
    if not sender or not kind or len(sender) > KEPT_TEXT or len(recipient) > KEPT_TEXT:
        raise BadXml("who sent it, or what it is, is missing")
    kind = kind.lower()
    if kind == "event":
        event = told.get("Event")
        kind = f"event:{event.lower()}" if isinstance(event, str) else "event:"
    return Incoming(account, sender, recipient, kind[:KEPT_TEXT], made_at[:KEPT_TEXT], dict(told))


def reply_xml(call: Incoming, text: str, now: int) -> str:
    """A passive reply of text."""
    return (
        f"<xml><ToUserName>{cdata(call.sender)}</ToUserName><FromUserName>{cdata(call.recipient)}</FromUserName>"
        f"<CreateTime>{now}</CreateTime><MsgType><![CDATA[text]]></MsgType><Content>{cdata(text)}</Content></xml>"
    )


def sealed_xml(sealed: str, signed: str, timestamp: str, nonce: str) -> str:
    return (
        f"<xml><Encrypt>{cdata(sealed)}</Encrypt><MsgSignature>{cdata(signed)}</MsgSignature>"
        f"<TimeStamp>{timestamp}</TimeStamp><Nonce>{cdata(nonce)}</Nonce></xml>"
    )


def cdata(text: str) -> str:
    """Whatever the text holds; what no XML can hold is left out."""
    clean = "".join(c for c in text if c in "\t\n\r" or (ord(c) >= 32 and not _is_no_character(ord(c))))
    return f"<![CDATA[{clean.replace(']]>', ']]]]><![CDATA[>')}]]>"


def _is_no_character(code: int) -> bool:
    return 0xD800 <= code <= 0xDFFF or code in (0xFFFE, 0xFFFF)
