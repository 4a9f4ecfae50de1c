"""Text messages after a call, over whatever gateway the bureau has: one POST a message."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from bot.errors import NeighbourError, SettingsError

PATIENCE = 5.0
LONGEST = 300  # characters


@dataclass(frozen=True, slots=True)
class TextMessages:
    """`POST url {"id", "phone", "text"}`; a 2xx means taken. The same id is the same message."""

    url: str

    async def send(self, id: str, phone: str, text: str) -> None:
        """Raises NeighbourError."""
        told = {"id": id, "phone": phone, "text": text[:LONGEST]}
        try:
            async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as client:
                answer = await client.post(self.url, json=told)
        except httpx.HTTPError as error:
            raise NeighbourError("the SMS gateway does not answer") from error
        if not answer.is_success:
            raise NeighbourError(f"the SMS gateway says {answer.status_code}")


def open_text_messages(url: str) -> TextMessages | None:
    """`https://…` or `http://…`; empty for none. Raises SettingsError."""
    if not url:
        return None
    if not url.startswith(("https://", "http://")):
        raise SettingsError("channels.voice.sms: write the address of a gateway, https://…")
    return TextMessages(url)
