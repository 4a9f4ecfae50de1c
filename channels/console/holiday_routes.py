"""The table of holidays (设置 → 节假日): a year as the bureau has it, for those who manage."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, Field

from bot.assembly import Parts
from bot.speaking import noted
from bot.staff import Right
from channels.console.bodies import Body, problems
from channels.console.door import Door
from channels.console.session import private

HOLIDAYS = "/api/v1/holidays/{year}"
Year = Annotated[int, Path(ge=2025, le=2100)]


class DayBody(Body):
    """`works`: a weekend that is worked (调休); else a weekday off."""

    day: date
    works: bool = False
    name: Annotated[str, Field(max_length=64)] = ""


class YearBody(Body):
    days: Annotated[list[DayBody], Field(max_length=366)]


class DayShown(BaseModel):
    day: str
    works: bool
    name: str


class YearShown(BaseModel):
    """`known` is false while nothing is announced for the year: then its weekdays count, provisionally."""

    year: int
    known: bool
    days: list[DayShown]


def holiday_routes(parts: Parts, door: Door) -> APIRouter:
    api = HolidayApi(parts, door)
    routes = APIRouter(tags=["holidays"], dependencies=[Depends(private)])

    def add(method: str, call: Any) -> None:
        told = problems(400, 401, 403)
        routes.add_api_route(HOLIDAYS, call, methods=[method], response_model=YearShown, responses=told)

    add("GET", api.year)
    add("PUT", api.replace)
    return routes


class HolidayApi:
    def __init__(self, parts: Parts, door: Door) -> None:
        self._holidays = parts.holidays
        self._door = door

    async def year(self, request: Request, year: Year) -> YearShown:
        """The days that differ from their weekday."""
        await self._door.may(request, Right.MANAGE)
        return await self._shown(year)

    async def replace(self, request: Request, year: Year, told: YearBody) -> YearShown:
        """The whole year at once; due dates and opening hours go by it within a minute."""
        session = await self._door.may(request, Right.MANAGE)
        days = [(day.day, day.works, day.name) for day in told.days]
        listed = [f"{day}{'+' if works else '-'}{name}" for day, works, name in days]
        also = noted(session.account, "holidays_changed", str(year), datetime.now(UTC), days=listed)
        await self._holidays.replace(year, days, also)
        return await self._shown(year)

    async def _shown(self, year: int) -> YearShown:
        told = await self._holidays.of(year)
        days = [DayShown(day=day.isoformat(), works=works, name=name) for day, works, name in told]
        return YearShown(year=year, known=bool(days), days=days)
