"""Every kind of hostile file by name."""

from __future__ import annotations

from hostile_affect import AFFECT
from hostile_clips import CLIPS
from hostile_kind import Kind, Refused
from hostile_stores import STORES
from hostile_tables import TABLES

__all__ = ["KINDS", "Refused"]

KINDS: dict[str, Kind] = {one.name: one for one in (*TABLES, *STORES, *CLIPS, *AFFECT)}
