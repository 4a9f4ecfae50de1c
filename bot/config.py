"""Settings: config.yml and the environment, typed, read once; an unknown key is refused with its path."""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from bot.errors import SettingsError
from bot.working_days import read_spans

ROOT = Path(__file__).parent.parent


VOICE = {
    "audiosocket": "YIDA_VOICE_AUDIOSOCKET",
    "transcriber": "YIDA_VOICE_TRANSCRIBER",
    "synthesizer": "YIDA_VOICE_SYNTHESIZER",
    "secret": "YIDA_VOICE_SECRET",
}


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name} is not a time zone, write one such as Asia/Shanghai")
    return name


class Phone(Section):
    number: str
    purpose: str = Field(alias="for")


def _spans(told: tuple[str, ...]) -> tuple[str, ...]:
    read_spans(told)
    return told


Spans = Annotated[tuple[str, ...], AfterValidator(_spans)]


class WorkingHours(Section):
    """When the agents' desk is open; empty means that whoever is there serves, at any hour."""

    workdays: Spans = ()
    other_days: Spans = ()


class Site(Section):
    name: str = "社保易答"
    city: str = "杭州"
    timezone: Annotated[str, AfterValidator(_known_zone)] = "Asia/Shanghai"
    hours: str = ""
    working_hours: WorkingHours = WorkingHours()
    phones: tuple[Phone, ...] = ()

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class Server(Section):
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    workers: int = Field(default=1, ge=1, le=64)
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()


class Knowledge(Section):
    encoder: str = "static"


class Rasa(Section):
    deadline_ms: int = Field(default=300, ge=10)
    wordings_per_topic: int = Field(default=30, ge=1)
    language: str = "zh"
    pipeline: tuple[dict[str, Any], ...] = ()


class Nlu(Section):
    engine: Literal["rasa", "local"] = "rasa"
    rasa: Rasa = Rasa()


class ConversationRules(Section):
    remind_after_seconds: int = Field(default=180, ge=1)
    close_after_seconds: int = Field(default=300, ge=1)
    reopen_within_hours: int = Field(default=24, ge=0)


class DeskSection(Section):
    offer_seconds: int = Field(default=20, ge=1)
    grace_seconds: int = Field(default=30, ge=1)
    unanswered_minutes: float = Field(default=5, gt=0)
    longest_wait_minutes: float = Field(default=30, gt=0)
    longest_queue: int = Field(default=500, ge=0)
    reply_working_days: int = Field(default=3, ge=0)
    rectify_working_days: int = Field(default=15, ge=0)


class PerAddress(Section):
    conversations_per_minute: int = Field(default=30, ge=0)
    messages_per_minute: int = Field(default=300, ge=0)


class PerConversation(Section):
    messages_per_minute: int = Field(default=30, ge=0)


class Limits(Section):
    message_characters: int = Field(default=500, ge=1)
    frame_bytes: int = Field(default=16384, ge=1024)
    per_address: PerAddress = PerAddress()
    per_conversation: PerConversation = PerConversation()


class Web(Section):
    origins: tuple[str, ...] = ()


class Staff(Section):
    idle_minutes: int = Field(default=30, ge=1, le=720)


class WeChatAccount(Section):
    """An official account; its secrets come from the environment."""

    app_id: str = ""
    api_base: str = ""


class WeChat(Section):
    """The default account's `app_id` and `api_base`, other accounts by name, and what all of them share."""

    app_id: str = ""
    api_base: str = "https://api.weixin.qq.com"
    accounts: dict[str, WeChatAccount] = {}
    station: Annotated[str, AfterValidator(lambda url: url.rstrip("/"))] = ""
    clickable: bool = True
    scenes: dict[str, str] = {}
    menu: tuple[dict[str, Any], ...] = ()
    reply_template: str = ""


class Voice(Section):
    """Telephone and microphone. `audiosocket: off` and nothing else set: no voice process runs."""

    audiosocket: str = "127.0.0.1:9092"
    transcriber: str = ""
    synthesizer: str = "espeak:"
    secret: str = Field(default="", repr=False)
    phrases: bool = False
    recognisers: int = Field(default=2, ge=1, le=64)
    calls: int = Field(default=40, ge=1)
    transfer: Literal["auto", "dialplan", "console"] = "auto"
    record: bool = False
    record_days: int = Field(default=30, ge=1)
    longest_minutes: int = Field(default=30, ge=1)
    sms: str = ""

    @property
    def on(self) -> bool:
        return bool(self.audiosocket != "off" or self.transcriber or self.secret)


class Channels(Section):
    web: Web = Web()
    wechat: WeChat = WeChat()
    voice: Voice = Voice()


class Settings(Section):
    """Everything an operator decides. `home` is where state lives (YIDA_HOME)."""

    site: Site = Site()
    server: Server = Server()
    store: str = "sqlite:///yida.db"
    bus: str = "local"
    knowledge: Knowledge = Knowledge()
    nlu: Nlu = Nlu()
    conversation: ConversationRules = ConversationRules()
    desk: DeskSection = DeskSection()
    limits: Limits = Limits()
    staff: Staff = Staff()
    channels: Channels = Channels()
    home: Path = ROOT / "var"


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """config.yml (or YIDA_CONFIG) with the environment over it. Raises SettingsError with every fault."""
    path = Path(environment.get("YIDA_CONFIG") or ROOT / "config.yml")
    try:
        told = yaml.safe_load(path.read_text("utf-8")) or {}
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8: {error.reason} at byte {error.start}") from error
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is not YAML: {error}") from error
    if not isinstance(told, dict):
        raise SettingsError(f"{path} must be a mapping of sections")
    overrides = {"store": "YIDA_STORE", "bus": "YIDA_BUS", "home": "YIDA_HOME"}
    told |= {key: environment[name] for key, name in overrides.items() if environment.get(name)}
    if voice := {key: environment[name] for key, name in VOICE.items() if environment.get(name)}:
        _put_over(told, voice, "channels", "voice")
    try:
        settings = Settings.model_validate(told)
    except ValidationError as error:
        faults = [f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise SettingsError("\n".join(faults)) from error
    return settings.model_copy(update={"home": settings.home.absolute(), "store": _store_url(settings)})


def _put_over(told: dict[str, Any], values: Mapping[str, str], *path: str) -> None:
    """Into a section below; what is no section there is left for the check to complain of."""
    for name in path:
        if told.get(name) is None:
            told[name] = {}
        told = told[name]
        if not isinstance(told, dict):
            return
    told.update(values)


def _store_url(settings: Settings) -> str:
    """A relative SQLite path lies in `home`."""
    prefix = "sqlite:///"
    if settings.store.startswith(prefix) and not settings.store.startswith(prefix + "/"):
        return f"{prefix}{settings.home.absolute() / settings.store.removeprefix(prefix)}"
    return settings.store
