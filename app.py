"""Kling Image Studio: settings → accounts → studio → page → launch. The only place that chooses."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import httpx
from filelock import FileLock, Timeout

from kling_ui.client import BearerAuth, KlingClient, auth_of
from kling_ui.history import DiskTrouble, History, TooNew
from kling_ui.pictures import Downloader, PictureFolder, give_back_memory
from kling_ui.prices import DEMO_HOST, Prices
from kling_ui.settings import Redactor, Secret, Settings, importing_gradio, tame_gradio
from kling_ui.simulator import Options, build
from kling_ui.studio import (
    Account,
    Allowance,
    Callbacks,
    Studio,
    account_name,
    local_secret,
    whatever_happens,
)
from kling_ui.text import Lang, Text
from kling_ui.web import (
    EXCEPTIONS,
    Assets,
    Boot,
    Guard,
    Hosts,
    Login,
    Owners,
    Uploads,
    frame_ancestors,
    hang_up,
    middleware,
    routes,
)

if TYPE_CHECKING:
    from kling_ui.ui.page import Page

ASSETS = Path(__file__).parent / "assets"
DEMO_URL = "http://demo.kling.invalid/kling"  # answered inside this process
UNWRITABLE = "{folder} cannot be written: {error}. Name another KLING_UI_DATA_DIR."
ANOTHER_RUNS = "Another Kling Image Studio uses {folder}; waiting up to a minute for it to stop."
ANOTHER_STAYS = "It still runs. Stop it, or set KLING_UI_DATA_DIR to another folder."
UPLOADS_STAY, VISITORS_UPLOADS_STAY = 24 * 3600.0, 6 * 3600.0  # seconds; the latter among visitors
VISITORS_OPEN, VISITORS_WAIT = 40, 400  # tasks under way of one visitor, and waiting in all
VISITORS_DRAW = 200  # pictures of one visitor in a day, in the demo
VISITORS_TASKS = 500  # of one visitor in a day, whatever becomes of them: each takes room


def demo_account(folder: Path) -> Account:
    """The simulator, reached like the real API but inside this process."""
    wire = httpx.ASGITransport(app=build(Options(folder=folder)))
    client = KlingClient(base_url=DEMO_URL, auth=BearerAuth(Secret("demo")), transport=wire)
    return Account("demo", DEMO_HOST, client, Downloader(transport=wire), live=False)


def live_account(
    settings: Settings, auth: httpx.Auth | None, key: str, secret: bytes, **more: Any
) -> Account:
    """The API that the settings name, paid with `key`; `more` are other fields of `Account`."""
    client = KlingClient(base_url=settings.base_url, auth=auth)
    private = settings.allow_private_hosts or settings.loopback_api
    name = account_name(settings.base_url, key, secret=secret)
    downloader = Downloader(allow_private=private)
    return Account(name, settings.base_url, client, downloader, **more)


def connection(
    settings: Settings, secret: bytes, redactor: Redactor
) -> Callable[[Secret], Account] | None:
    """An account of a key that somebody brings along; none where its API cannot be named."""
    if not settings.sound_url:
        return None

    def connect(key: Secret) -> Account:
        redactor.learn(key)
        forget = partial(redactor.forget, key)
        # an access key is no secret: who knows it has not the account that is named after it
        named = f"key {key.reveal()}" if key == settings.access_key else key.reveal()
        return live_account(settings, BearerAuth(key), named, secret, closed=forget)

    return connect


def allowance(settings: Settings, secret: bytes) -> Allowance:
    """What others may do with the operator's key, and with this machine."""
    public = settings.mode == "space"
    pictures, per_task = settings.visitor_images_per_day, settings.max_images_per_task
    return Allowance(
        pictures=int(pictures) if public and pictures is not None else None,
        money=settings.daily_budget,
        drawn=VISITORS_DRAW if public else None,
        per_task=None if per_task is None else int(per_task),
        tasks=VISITORS_TASKS if public else None,
        open=VISITORS_OPEN if public else None,
        waiting=VISITORS_WAIT if public else None,
        secret=secret if public else b"",
    )


def open_studio(settings: Settings, prices: Prices, redactor: Redactor) -> Studio:
    """With a key, new tasks go to Kling; without one to the demo. Tasks stay where they began."""
    data = settings.data_dir
    demo = demo_account(data / "demo")
    accounts, account, blocked = {demo.name: demo}, demo, settings.problem()
    secret = local_secret(data / "secret")
    visitors_may = settings.mode != "space" or settings.share_key
    if settings.live and not blocked:
        key = (settings.api_key or settings.access_key).reveal()
        live = live_account(settings, auth_of(settings), key, secret, sends=visitors_may)
        accounts[live.name] = live  # what was sent with it is finished, whoever may use it now
        account = live if visitors_may else demo
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
        connect=connection(settings, secret, redactor),
        allowance=allowance(settings, secret),
        shared=settings.mode == "space",
        forgets=settings.forgets,
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
        await account.aclose()
    await studio.folder.aclose()
    studio.history.close()


def boot_of(page: Page, studio: Studio, assets: Assets, *, ancestors: str) -> Boot:
    """The page's first script, for whoever comes with a key, or without one."""
    from kling_ui.ui.page import BOOT, LOGIN
    from kling_ui.ui.words import login_facts

    faces: Any = {
        name: {lang: page.facts(lang, own_key=name == "own") for lang in get_args(Lang)}
        for name in ("usual", "own")
    }
    script, style = "\n".join(assets.text(name) for name in LOGIN), assets.text("style/login.css")
    return Boot(
        faces=faces,
        code="\n".join(assets.text(name) for name in BOOT),
        more=str(page.feed.js_on_load),
        face_of=lambda owner: "own" if studio.loan(owner) else "usual",
        before={lang: (login_facts(lang), script, style) for lang in get_args(Lang)},
        ancestors=ancestors,
    )


def guard_of(settings: Settings, uploads: Uploads, login: Login | None, *, ancestors: str) -> Guard:
    names = [*settings.allowed_hosts, settings.server_name]
    return Guard(
        Hosts(names, called=settings.callback_host),
        uploads,
        login=login,
        space=settings.mode == "space",
        proxied=settings.hosted,
        ancestors=ancestors,
    )


def lifespan_of(
    studio: Studio, *loops: Callable[[], Coroutine[Any, Any, None]]
) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    """The studio at work while the page is served, and `loops` beside it."""

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(opened(studio))
            except Exception:
                logging.exception("the studio cannot start")
                os._exit(1)  # Gradio would wait for its server for ever
            for loop in loops:
                stack.callback(asyncio.create_task(whatever_happens(loop)).cancel)
            yield

    return lifespan


def launch(settings: Settings, studio: Studio) -> None:
    """Serve the page until a signal says stop, then leave in good order."""
    # Gradio reads its environment when it is imported
    with importing_gradio():
        from kling_ui.ui.habits import Calls
        from kling_ui.ui.page import DEMO_BANNER, STYLE, VISITOR_BANNER, Page
        from kling_ui.ui.serve import connections, serve

    assets, space = Assets(ASSETS), settings.mode == "space"
    ancestors = frame_ancestors(space=space)
    page = Page(
        studio,
        assets,
        default_model=settings.default_model,
        ask={"pictures": settings.ask_pictures, "money": settings.ask_price},
        demo=VISITOR_BANNER if space else DEMO_BANNER,
        key_host=settings.base_url if settings.sound_url else "",
        forgets=settings.forgets,
        together=settings.mode == "lan",
    )
    boot = boot_of(page, studio, assets, ancestors=ancestors)
    uploads = Uploads(settings.data_dir / "uploads")
    login = Login(settings.password.reveal()) if settings.password else None
    guard = guard_of(settings, uploads, login, ancestors=ancestors)
    folder = None if space else settings.data_dir
    own = routes(studio, assets, page=boot.mark, folder=folder, mode=settings.mode)
    calls = Calls(page.blocks)
    kept = VISITORS_UPLOADS_STAY if space else UPLOADS_STAY
    serve(
        page,
        css=[ASSETS / "style" / f"{room}.css" for room in STYLE],
        app_kwargs={
            "lifespan": lifespan_of(
                studio,
                partial(forget_uploads, uploads, older=kept),
                partial(hang_up, partial(connections, page)),
            ),
            "routes": [*own],
            "middleware": [*middleware(guard, Owners(shared=not space), boot, calls)],
            "exception_handlers": {**EXCEPTIONS},
            "openapi_url": None,
        },
        closing=studio.close_soon,
        port=settings.server_port,
        accepts=login.accepts if login else None,
    )


async def forget_uploads(uploads: Uploads, *, older: float) -> None:
    """Again and again, what browsers sent and nobody used for so many seconds."""
    while True:
        await asyncio.to_thread(uploads.forget, older=older)
        await asyncio.sleep(older / 24)


def tell(notices: Iterable[Text | None]) -> None:
    """What keeps the key from being used, or is set in vain, stands in the terminal too."""
    for notice in notices:
        if notice:
            print(notice.en, file=sys.stderr, flush=True)


def write_no_secret(settings: Settings) -> Redactor:
    """Whatever is logged or printed from here on."""
    redactor = Redactor(settings.secrets)
    sys.stdout, sys.stderr = redactor.stand_on(sys.stdout), redactor.stand_on(sys.stderr)
    redactor.stand_on_logging()
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for noisy in ("httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    return redactor


def main() -> None:
    # until it serves: as a container's first process it would not hear it otherwise
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    settings = Settings.load()
    redactor = write_no_secret(settings)
    give_back_memory()
    if settings.refusal:
        sys.exit(settings.refusal.en)
    uploads = settings.data_dir / "uploads"
    try:
        for folder in (settings.data_dir, uploads):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        sys.exit(UNWRITABLE.format(folder=settings.data_dir, error=error))
    ignored = tame_gradio(uploads)
    lock = FileLock(settings.data_dir / "lock")
    try:
        lock.acquire(timeout=1)
    except Timeout:
        print(ANOTHER_RUNS.format(folder=settings.data_dir), flush=True)
        try:
            lock.acquire(timeout=60)
        except Timeout:
            sys.exit(ANOTHER_STAYS)
    except OSError as error:
        sys.exit(UNWRITABLE.format(folder=settings.data_dir, error=error))
    prices, broken = Prices.load(settings.prices)
    tell([settings.problem(), broken, *settings.notices, *ignored])
    with lock:
        try:
            studio = open_studio(settings, prices, redactor)
        except (TooNew, DiskTrouble, OSError) as error:
            sys.exit(f"The history in {settings.data_dir} cannot be opened: {error}")
        launch(settings, studio)


if __name__ == "__main__":
    main()
