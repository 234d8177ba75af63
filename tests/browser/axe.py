"""What axe-core finds that bars people who cannot see, hear or point well."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page

GRAVE = ("serious", "critical")
RUN = "async () => (await axe.run({ preload: false, resultTypes: ['violations'] })).violations"


def bring(context: BrowserContext) -> None:
    """Every page of it has axe from its beginning."""
    context.add_init_script(Axe().axe_script)


def barriers(page: Page) -> list[str]:
    """A line for each element with a serious or critical violation, as the page is now."""
    return [
        f"{found['id']} ({found['impact']}) at {_place(node)}: {_reason(node)}"
        for found in page.evaluate(RUN)
        if found["impact"] in GRAVE
        for node in found["nodes"]
    ]


def _place(node: dict[str, Any]) -> str:
    """Its selector; through frames and shadow roots several."""
    return " > ".join(str(one) for one in node["target"])


def _reason(node: dict[str, Any]) -> str:
    return "; ".join(check["message"] for kind in ("any", "all", "none") for check in node[kind])
