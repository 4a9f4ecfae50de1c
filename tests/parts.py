"""The heart joined as assembly joins it, with a scripted assistant and a clock that stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from bot.answering.turn import Site
from bot.bus.memory import MemoryBus
from bot.caretaker import Caretaker
from bot.codes import Codes
from bot.contacts import Contacts
from bot.dispatcher import Dispatcher
from bot.holidays import Holidays
from bot.lookout import Lookout
from bot.rates import Rates
from bot.reception import DeskRules, Reception
from bot.seats import Seats
from bot.speaking import Speaking
from bot.store.conversations import Conversations
from bot.store.database import Database
from bot.store.queue import Queue
from bot.store.words import Words
from bot.switchboard import Rules, Switchboard
from bot.tickets import Tickets
from bot.working_days import Hours
from tests.scripted import Clock, ScriptedAssistant

KEY = b"k" * 32
DESK_RULES = DeskRules(ZoneInfo("Asia/Shanghai"), Hours())
SITE = Site("社保易答", "杭州", "工作日", (("12333", "社保"),))


@dataclass
class Desk:
    """A switchboard with everything behind it."""

    database: Database
    store: Conversations
    bus: MemoryBus
    assistant: ScriptedAssistant
    clock: Clock
    contacts: Contacts
    rates: Rates
    codes: Codes
    queue: Queue
    lookout: Lookout
    words: Words
    tickets: Tickets
    speaking: Speaking
    seats: Seats
    dispatcher: Dispatcher
    switchboard: Switchboard
    caretaker: Caretaker


def join(
    database: Database, bus: MemoryBus, clock: Clock, rules: Rules | None = None, desk_rules: DeskRules | None = None
) -> Desk:
    store, contacts, rates = Conversations(database), Contacts(database, KEY), Rates(database)
    assistant, codes = ScriptedAssistant(), Codes(database)
    queue = Queue(database)
    lookout = Lookout(queue, clock, fresh=0)
    told = desk_rules or DESK_RULES
    reception = Reception(lookout, Holidays(database), told, clock)
    tickets = Tickets(database, contacts)
    switchboard = Switchboard(
        store, lookout, reception, bus, assistant, tickets, codes, SITE, rules or Rules(), clock,  # type: ignore[arg-type]
    )  # fmt: skip
    words = Words(database)
    speaking = Speaking(words, switchboard, bus, clock)
    seats = Seats(store, queue, speaking, switchboard, lookout, bus, clock)
    dispatcher = Dispatcher(
        queue, seats, switchboard, reception, bus, told, clock, steady=lambda: clock().timestamp()
    )  # fmt: skip
    caretaker = Caretaker(
        store, switchboard, contacts, rates,
        remind_after=timedelta(minutes=3), close_after=timedelta(minutes=5), clock=clock,
    )  # fmt: skip
    return Desk(
        database, store, bus, assistant, clock, contacts, rates, codes, queue, lookout, words, tickets, speaking, seats,
        dispatcher, switchboard, caretaker,
    )  # fmt: skip
