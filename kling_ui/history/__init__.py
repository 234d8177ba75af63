"""What was asked, what came back, who owns it and what it cost, in SQLite."""

from .history import History
from .reading import Cursor, InFlight, Learned, Spend, Summary, Waiting
from .schema import MIGRATIONS, TooNew
from .trouble import Damaged, DiskTrouble
from .writing import AlreadyUsed, Found, MovedOn, NewTask

__all__ = [
    "MIGRATIONS",
    "AlreadyUsed",
    "Cursor",
    "Damaged",
    "DiskTrouble",
    "Found",
    "History",
    "InFlight",
    "Learned",
    "MovedOn",
    "NewTask",
    "Spend",
    "Summary",
    "TooNew",
    "Waiting",
]
