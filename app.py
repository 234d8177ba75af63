"""Kling Image Studio: settings → accounts → studio → page → launch. The only place that chooses."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from filelock import FileLock, Timeout

from kling_ui.client import BearerAuth, KlingClient, auth_of
from kling_ui.history import DiskTrouble, History, TooNew
from kling_ui.pictures import Downloader, PictureFolder
from kling_ui.prices import DEMO_HOST, Prices
from kling_ui.settings import Secret, Settings, quiet_gradio
from kling_ui.simulator import Options, build
from kling_ui.studio import Account, Callbacks, Studio, account_name, local_secret
from kling_ui.text import Text
from kling_ui.web import Assets, Boot, Owners, middleware, routes

ASSETS = Path(__file__).parent / "assets"
DEMO_URL = "http://demo.kling.invalid/kling"  # answered inside this process
ANOTHER_RUNS = "Another Kling Image Studio uses {folder}; waiting up to a minute for it to stop."
ANOTHER_STAYS = "It still runs. Stop it, or set KLING_UI_DATA_DIR to another folder."
A_DAY = 24 * 3600.0


def demo_account(folder: Path) -> Account:
    """The simulator, reached like the real API but inside this process."""
    wire = httpx.ASGITransport(app=build(Options(folder=folder)))
    client = KlingClient(base_url=DEMO_URL, auth=BearerAuth(Secret("demo")), transport=wire)
    return Account("demo", DEMO_HOST, client, Downloader(transport=wire), live=False)


def live_account(settings: Settings, secret: bytes) -> Account:
    """The API that the settings name, paid with the operator's key."""
    client = KlingClient(base_url=settings.base_url, auth=auth_of(settings))
    private = settings.allow_private_hosts or settings.loopback_api
    key = (settings.api_key or settings.access_key).reveal()
    name = account_name(settings.base_url, key, secret=secret)
    return Account(name, settings.base_url, client, Downloader(allow_private=private))


def open_studio(settings: Settings, prices: Prices) -> Studio:
    """With a key, new tasks go to Kling; without one to the demo. Tasks stay where they began."""
    data = settings.data_dir
    demo = demo_account(data / "demo")
    accounts, account, blocked = {demo.name: demo}, demo, settings.problem()
    secret = local_secret(data / "secret")
    visitors_may = settings.mode == "local" or settings.share_key
    if settings.live and visitors_may and not blocked:
        account = live_account(settings, secret)
        accounts[account.name] = account
    return Studio(
        history=History(data / "database" / "history.db"),
        folder=PictureFolder(data / "pictures"),
        accounts=accounts,
        alive=data / "alive",
        account=account,
        prices=prices,
        blocked=blocked if visitors_may else None,
        callbacks=callbacks(settings, secret),
        resubmit=settings.auto_resubmit,
    )


def callbacks(settings: Settings, secret: bytes) -> Callbacks | None:
    """Where Kling can reach this program it is asked to call."""
    if not settings.public_url:
        return None
    return Callbacks(settings.public_url, secret, settings.webhook_secret.reveal())


@asynccontextmanager
async def opened(studio: Studio) -> AsyncIterator[None]:
    """The studio at work; what it holds open is closed at the end."""
    async with studio.running():
        yield
    for account in studio.accounts.values():
        await account.client.aclose()
        await account.downloader.aclose()
    await studio.folder.aclose()
    studio.history.close()


def launch(settings: Settings, studio: Studio) -> None:
    """Serve the page until a signal says stop, then leave in good order."""
    # Gradio reads its environment when it is imported
    from kling_ui.ui.page import BOOT, DEMO_BANNER, NOT_SHARED_BANNER, STYLE, Page
    from kling_ui.ui.serve import serve

    assets = Assets(ASSETS)
    ask = {"pictures": settings.ask_pictures, "money": settings.ask_price}
    demo = NOT_SHARED_BANNER if settings.live else DEMO_BANNER
    page = Page(studio, assets, default_model=settings.default_model, ask=ask, demo=demo)
    facts: Any = {lang: page.facts(lang) for lang in ("en", "zh")}
    code = "\n".join(assets.text(name) for name in BOOT)
    boot = Boot(facts=facts, code=code, more=str(page.feed.js_on_load))
    around = middleware(Owners(shared=settings.mode == "local"), boot)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(opened(studio))
            except Exception:
                logging.exception("the studio cannot start")
                os._exit(1)  # Gradio would wait for its server for ever
            yield

    folder = settings.data_dir if settings.mode == "local" else None
    app_kwargs = {
        "lifespan": lifespan,
        "routes": [*routes(studio, assets, page=boot.mark, folder=folder)],
        "middleware": [*around],
        "openapi_url": None,
    }
    css = [ASSETS / "style" / f"{room}.css" for room in STYLE]
    serve(page, css=css, app_kwargs=app_kwargs, closing=studio.close_soon)


def forget_old_uploads(folder: Path) -> None:
    """What browsers uploaded and nobody sent within a day; sent pictures are kept elsewhere."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for entry in folder.iterdir():
        if time.time() - entry.stat().st_mtime > A_DAY:
            shutil.rmtree(entry, ignore_errors=True)


def tell(*notices: Text | None) -> None:
    """What keeps the key from being used, or is set in vain, stands in the terminal too."""
    for notice in notices:
        if notice:
            print(notice.en, file=sys.stderr, flush=True)


def main() -> None:
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for noisy in ("httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    settings = Settings.load()
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    quiet_gradio(settings.data_dir / "uploads")
    lock = FileLock(settings.data_dir / "lock")
    try:
        lock.acquire(timeout=1)
    except Timeout:
        print(ANOTHER_RUNS.format(folder=settings.data_dir), flush=True)
        try:
            lock.acquire(timeout=60)
        except Timeout:
            sys.exit(ANOTHER_STAYS)
    prices, broken = Prices.load(settings.prices)
    tell(settings.problem(), broken, *settings.notices)
    with lock:
        forget_old_uploads(settings.data_dir / "uploads")
        try:
            studio = open_studio(settings, prices)
        except (TooNew, DiskTrouble, OSError) as error:
            sys.exit(f"The history in {settings.data_dir} cannot be opened: {error}")
        launch(settings, studio)


if __name__ == "__main__":
    main()
