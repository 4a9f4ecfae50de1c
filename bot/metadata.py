"""The one set that all tables belong to, wherever they are written down."""

from __future__ import annotations

from sqlalchemy import MetaData

metadata = MetaData()
