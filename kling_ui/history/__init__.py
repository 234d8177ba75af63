"""What was asked, what came back, who owns it and what it cost, in SQLite."""

from .browsing import Cursor, Day, Filter, Search, Spend, Summary, Word
from .history import History
from .reading import InFlight, Learned, Waiting
from .schema import MIGRATIONS, TooNew
from .trouble import Damaged, DiskTrouble
from .writing import AlreadyUsed, Found, MovedOn, NewTask

__all__ = [
    "MIGRATIONS",
    "AlreadyUsed",
    "Cursor",
    "Day",
    "Filter",
    "Damaged",
    "DiskTrouble",
    "Found",
    "History",
    "InFlight",
    "Learned",
    "MovedOn",
    "NewTask",
    "Search",
    "Spend",
    "Summary",
    "TooNew",
    "Waiting",
    "Word",
]
