"""What was asked, what came back, who owns it and what it cost, in SQLite."""

from .browsing import Cursor, Day, Filter, Search, Spend, Summary, Word
from .copying import Named, copy_history, go_on_from
from .history import History
from .limits import Limit, Limits, OverLimit, Spent
from .reading import InFlight, Learned, Waiting
from .schema import MIGRATIONS, TooNew
from .trouble import Damaged, DiskTrouble
from .writing import AlreadyUsed, Deleted, Found, MovedOn, NewTask

__all__ = [
    "MIGRATIONS",
    "AlreadyUsed",
    "Cursor",
    "Damaged",
    "Day",
    "Deleted",
    "DiskTrouble",
    "Filter",
    "Found",
    "History",
    "InFlight",
    "Learned",
    "Limit",
    "Limits",
    "MovedOn",
    "Named",
    "NewTask",
    "OverLimit",
    "Search",
    "Spend",
    "Spent",
    "Summary",
    "TooNew",
    "Waiting",
    "Word",
    "copy_history",
    "go_on_from",
]
