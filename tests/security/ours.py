"""The routes that this program adds to Gradio's."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.routing import Route

from kling_ui.web import Assets, routes

from ..conftest import account, studio_of
from ..program import ROOT


def own_routes(data: Path) -> set[tuple[str, str]]:
    """Method and path of each, as they are now."""
    studio = studio_of(data, account("http://127.0.0.1:9"))
    try:
        found = [*routes(studio, Assets(ROOT / "assets"))]
    finally:
        studio.history.close()
    assert all(isinstance(one, Route) for one in found)
    return {
        (method, re.sub(r":\w+\}", "}", one.path))
        for one in found
        if isinstance(one, Route)
        for method in one.methods or ()
        if method != "HEAD"
    }
