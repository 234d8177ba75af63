"""What stands before everything else: who may ask, for what, how much and how often."""

from __future__ import annotations

from .guard import KNOWN, Guard
from .headers import frame_ancestors, page_policy
from .hosts import Hosts
from .login import Login
from .pace import Pace
from .room import Uploads
from .waiting import hang_up

__all__ = [
    "KNOWN",
    "Guard",
    "Hosts",
    "Login",
    "Pace",
    "Uploads",
    "frame_ancestors",
    "hang_up",
    "page_policy",
]
