"""Turns settings into parts; nobody else decides which implementation is used."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.accounts import Accounts
from bot.answering.assistant import Assistant
from bot.answering.turn import Site
from bot.archive import Archive
from bot.audit import AuditLog
from bot.board import Boards
from bot.bus import Bus, open_bus
from bot.calls import Calls
from bot.canned import CannedReplies
from bot.caretaker import Caretaker
from bot.codes import Codes
from bot.config import Settings
from bot.contacts import Contacts, contact_key
from bot.credentials import Credentials
from bot.deliveries import Deliveries
from bot.dispatcher import Dispatcher
from bot.dossiers import Dossiers
from bot.endpoints import Endpoints
from bot.foreman import Foreman, in_child
from bot.holidays import Holidays
from bot.learning import Learning
from bot.links import Links
from bot.lookout import Lookout
from bot.measure import NLU_FALLBACKS
from bot.nlu import NLU
from bot.nlu.entities import EntityFinder
from bot.nlu.examples import read_training
from bot.nlu.local import LocalNLU
from bot.nlu.rasa import RasaClient, RasaNLU
from bot.noticeboard import NoticeBoard
from bot.opinions import Opinions
from bot.rates import Rates
from bot.reads import Reads
from bot.reception import DeskRules, Reception
from bot.seats import Seats
from bot.sessions import Sessions
from bot.shared_tokens import SharedTokens
from bot.shelf import Follower, Shelf
from bot.speaking import Speaking
from bot.store.conversations import Conversations
from bot.store.database import Database, open_database
from bot.store.queue import Queue
from bot.store.words import Words
from bot.switchboard import Rules, Switchboard
from bot.tallies import Tallies
from bot.tickets import Tickets
from bot.voice import VoiceNeighbour
from bot.working_days import Hours, read_spans
from bot.workshop import Workshop, open_workshop
from knowledge_base.index import Index
from knowledge_base.library import Library

RASA_SOCKET = "YIDA_RASA_SOCKET"  # set by the parent for its children
EXCHANGE = "YIDA_EXCHANGE"
VOICE_SOCKET = "YIDA_VOICE_SOCKET"


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything a process needs, joined."""

    settings: Settings
    site: Site
    database: Database
    bus: Bus
    library: Library
    shelf: Shelf
    follower: Follower
    nlu: NLU
    assistant: Assistant
    conversations: Conversations
    contacts: Contacts
    opinions: Opinions
    reads: Reads
    rates: Rates
    queue: Queue
    lookout: Lookout
    words: Words
    tickets: Tickets
    dossiers: Dossiers
    canned: CannedReplies
    boards: Boards
    speaking: Speaking
    seats: Seats
    dispatcher: Dispatcher
    accounts: Accounts
    credentials: Credentials
    sessions: Sessions
    audit_log: AuditLog
    switchboard: Switchboard
    notices: NoticeBoard
    workshop: Workshop
    foreman: Foreman
    holidays: Holidays
    tallies: Tallies
    archive: Archive
    learning: Learning
    endpoints: Endpoints
    deliveries: Deliveries
    links: Links
    shared_tokens: SharedTokens
    caretaker: Caretaker
    calls: Calls
    voice: VoiceNeighbour


def site_of(settings: Settings) -> Site:
    site = settings.site
    return Site(site.name, site.city, site.hours, tuple((p.number, p.purpose) for p in site.phones))


def now() -> datetime:
    return datetime.now(UTC)


def desk_rules(settings: Settings) -> DeskRules:
    told, hours = settings.desk, settings.site.working_hours
    return DeskRules(
        zone=settings.site.zone,
        hours=Hours(read_spans(hours.workdays), read_spans(hours.other_days)),
        offer=timedelta(seconds=told.offer_seconds),
        grace=timedelta(seconds=told.grace_seconds),
        unanswered=timedelta(minutes=told.unanswered_minutes),
        longest_wait=timedelta(minutes=told.longest_wait_minutes),
        longest_queue=told.longest_queue,
        reply_days=told.reply_working_days,
        rectify_days=told.rectify_working_days,
    )


def open_library(settings: Settings) -> Library:
    return Library(settings.home / "knowledge")


def open_assistant(settings: Settings, library: Library) -> tuple[NLU, Assistant]:
    """The engines of the settings; Rasa only where a parent runs its sidecar."""
    local = LocalNLU(lambda: library.current.models, EntityFinder.of(read_training()))
    socket = os.environ.get(RASA_SOCKET)
    nlu: NLU = local
    if settings.nlu.engine == "rasa" and socket:
        client = RasaClient(Path(socket), deadline=settings.nlu.rasa.deadline_ms / 1000)
        nlu = RasaNLU(client, local, on_fallback=NLU_FALLBACKS.inc)
    return nlu, Assistant(library, nlu, local, site_of(settings), settings.site.zone)


def assistant_over(settings: Settings, index: Index) -> Assistant:
    """The live path over one version, whichever is in service."""
    library = open_library(settings)
    library.serve(index)
    return open_assistant(settings, library)[1]


def bus_url(settings: Settings) -> str:
    """`local` rings through the parent where there is one."""
    if settings.bus != "local":
        return settings.bus
    exchange = os.environ.get(EXCHANGE)
    return f"unix://{exchange}" if exchange else "memory://"


def open_voice() -> VoiceNeighbour:
    """Where the parent runs a voice process."""
    socket = os.environ.get(VOICE_SOCKET)
    return VoiceNeighbour(Path(socket) if socket else None)


@asynccontextmanager
async def open_parts(settings: Settings) -> AsyncIterator[Parts]:
    """Opens what a worker needs and closes it in reverse."""
    database = open_database(settings.store)
    library = open_library(settings)
    shelf = Shelf(database, library)
    try:
        async with open_bus(bus_url(settings)) as bus:
            conversations = Conversations(database)
            key = contact_key(os.environ, settings.home)
            contacts = Contacts(database, key)
            credentials = Credentials(database, key, issuer=settings.site.name)
            idle = timedelta(minutes=settings.staff.idle_minutes)
            rates = Rates(database)
            queue = Queue(database)
            lookout = Lookout(queue, now)
            nlu, assistant = open_assistant(settings, library)
            limits, talk = settings.limits, settings.conversation
            rules = desk_rules(settings)
            holidays = Holidays(database)
            learning = Learning(database, holidays, settings.site.zone, settings.desk.reply_working_days)
            reception = Reception(lookout, holidays, rules, now)
            tickets = Tickets(database, contacts)
            notices = NoticeBoard(database, bus)
            switchboard = Switchboard(
                conversations, lookout, reception, bus, assistant, tickets, Codes(database), site_of(settings),
                Rules(
                    characters=limits.message_characters,
                    messages_per_minute=limits.per_conversation.messages_per_minute,
                    reopen_within=timedelta(hours=talk.reopen_within_hours),
                ),
                bulletin=lambda: notices.bulletin,
            )  # fmt: skip
            words = Words(database)
            speaking = Speaking(words, switchboard, bus, now)
            seats = Seats(conversations, queue, speaking, switchboard, lookout, bus, now)
            dispatcher = Dispatcher(queue, seats, switchboard, reception, bus, rules)
            caretaker = Caretaker(
                conversations, switchboard, contacts, rates,
                remind_after=timedelta(seconds=talk.remind_after_seconds),
                close_after=timedelta(seconds=talk.close_after_seconds),
            )  # fmt: skip
            async with notices.following(switchboard.announce):
                yield Parts(
                    settings=settings, site=site_of(settings), database=database, bus=bus, library=library, shelf=shelf,
                    follower=Follower(database, shelf, library), nlu=nlu, assistant=assistant,
                    conversations=conversations, contacts=contacts, opinions=Opinions(database), rates=rates,
                    reads=Reads(database, bus),
                    accounts=Accounts(database), credentials=credentials, audit_log=AuditLog(database),
                    sessions=Sessions(database, credentials, idle=idle),
                    queue=queue, lookout=lookout, words=words, tickets=tickets, speaking=speaking,
                    dossiers=Dossiers(database), canned=CannedReplies(database),
                    workshop=open_workshop(database, shelf, library, bus),
                    foreman=Foreman(database, bus, in_child(settings.home, settings.store)),
                    boards=Boards(database, queue, tickets, settings.site.zone),
                    seats=seats, dispatcher=dispatcher, switchboard=switchboard, caretaker=caretaker,
                    calls=Calls(database, contacts), voice=open_voice(),
                    tallies=Tallies(database, settings.site.zone), archive=Archive(database), learning=learning,
                    notices=notices, holidays=holidays, endpoints=Endpoints(database, contacts),
                    deliveries=Deliveries(database),
                    links=Links(database, key), shared_tokens=SharedTokens(database, key),
                )  # fmt: skip
    finally:
        database.close()
