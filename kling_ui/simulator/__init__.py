"""A Kling on this machine: a Starlette app that speaks the wire of the real one."""

from .options import Fault, Options
from .server import build

__all__ = ["Fault", "Options", "build"]
