"""Somebody with a browser or a script, down to the headers."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx

from ..program import Program

SPACE_HOST = "someone-studio.hf.space"
STUDIO = "/gradio_api/studio"
OVER = {"succeeded", "failed", "rejected", "cancelled", "expired"}

T = TypeVar("T")

# everybody comes from an address of their own: nobody uses up what others may ask
addresses = (f"198.18.{k // 256}.{k % 256}" for k in range(2**16))


def nonce() -> str:
    return secrets.token_hex(16)


def eventually(look: Callable[[], T], *, within: float = 30.0, every: float = 0.1) -> T:
    """What `look` finds, as soon as it is something."""
    end = time.monotonic() + within
    while True:
        found = look()
        if found or time.monotonic() > end:
            assert found, f"not within {within} s"
            return found
        time.sleep(every)


class Events:
    """The page's events by what a person does, read from its configuration."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.all: list[Mapping[str, Any]] = config["dependencies"]
        self.components = {one["id"]: one for one in config["components"]}

    def id(self, name: str) -> int:
        """Of an endpoint's name, or of a click on the element `name`."""
        (found,) = (
            int(one["id"])
            for one in self.all
            if one["backend_fn"] and (one["api_name"] == name or name in self._clicked(one))
        )
        return found

    def _clicked(self, event: Mapping[str, Any]) -> set[str]:
        ids = (target for target, trigger in event["targets"] if trigger == "click")
        return {self._element(one) for one in ids}

    def _element(self, component: Any) -> str:
        known = self.components.get(component, {"props": {}})
        return str(known["props"].get("elem_id"))

    def inputs(self, event: int, **values: Any) -> list[Any]:
        """For an event, by the names of its widgets; None where nothing is said."""
        return [values.get(name) for name in self.names(event)]

    def names(self, event: int) -> list[str]:
        """Of an event's widgets: fields of the form, and the nonce, which has no name itself."""
        (asked,) = (one for one in self.all if one["id"] == event)
        found = [self._element(one).removeprefix("field-") for one in asked["inputs"]]
        return ["nonce" if name == "None" else name for name in found]


class Patient(httpx.HTTPTransport):
    """Asks again when told that it was too often."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        while True:
            answer = super().handle_request(request)
            if answer.status_code != 429:
                return answer
            answer.close()
            time.sleep(float(answer.headers["retry-after"]))


class Visitor:
    """One browser with a cookie of its own, as a Space's proxy passes it on (`space`), or on this
    machine. `headers` stand in every request."""

    def __init__(
        self,
        program: Program,
        *,
        space: bool = True,
        address: str = "",
        cookie: str = "",
        patient: bool = True,
        source: str = "127.0.0.1",
        **headers: str,
    ) -> None:
        proxied = {
            "host": SPACE_HOST,
            "x-forwarded-proto": "https",
            "x-forwarded-for": address or next(addresses),
        }
        self.http = httpx.Client(
            base_url=program.url,
            headers={**(proxied if space else {}), **headers},
            timeout=30,
            trust_env=False,
            transport=(Patient if patient else httpx.HTTPTransport)(
                verify=False, local_address=source
            ),
        )
        self.session = secrets.token_hex(8)
        if cookie:
            self.http.headers["cookie"] = cookie

    @classmethod
    def come(cls, program: Program, **options: Any) -> Visitor:
        """With the page open."""
        one = cls(program, **options)
        answer = one.get("/config")
        assert answer.status_code == 200, answer.text
        one.events = Events(answer.json())
        if given := answer.headers.get("set-cookie"):
            one.http.headers["cookie"] = given.partition(";")[0]
        one.http.cookies.clear()  # the header above is all that is sent
        return one

    events: Events

    def __enter__(self) -> Visitor:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.http.get(path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        if not options.keys() & {"content", "data", "files"}:
            options["json"] = {} if body is None else body
        return self.http.post(path, **options)

    # what the page asks

    def run(self, event: int, data: list[Any], **more: Any) -> httpx.Response:
        body = {"fn_index": event, "data": data, "session_hash": self.session, **more}
        return self.post("/gradio_api/run/predict", body)

    def press(self, prompt: str, **fields: Any) -> dict[str, Any]:
        """The big button; what the page is told: the task, or the problems."""
        event = self.events.id("pressed")
        given = {"prompt": prompt, "model_name": "kling-v3", "nonce": nonce(), **fields}
        answer = self.run(event, self.events.inputs(event, **given))
        assert answer.status_code == 200, answer.text
        (report,) = answer.json()["data"]
        return dict(report)

    def submit(self, prompt: str, **fields: Any) -> str:
        """Pressed, and taken."""
        report = self.press(prompt, **fields)
        assert report["task"], report
        return str(report["task"])

    def click(self, button: str, *data: Any) -> httpx.Response:
        """One of the stage's buttons."""
        return self.run(self.events.id(f"act-{button}"), [*data])

    def queued(self, *asked: tuple[int, list[Any]], **more: Any) -> list[str]:
        """The same events by way of the queue: what the stream says until all have ended."""
        session = more.setdefault("session_hash", self.session)
        for event, data in asked:
            body = {"fn_index": event, "data": data, **more}
            answer = self.post("/gradio_api/queue/join", body)
            assert answer.status_code == 200, answer.text
        lines = self.get("/gradio_api/queue/data", params={"session_hash": session}).text
        return [line for line in lines.splitlines() if line]

    # what scripts ask

    def call(self, name: str, *data: Any) -> tuple[str, Any]:
        """A named endpoint, as curl does: "complete" and the data, or "error" and what was said;
        "refused" and the status where it was not even asked."""
        asked = self.post(f"/gradio_api/call/{name}", {"data": [*data]})
        if asked.status_code != 200:
            return "refused", asked.status_code
        text = self.get(f"/gradio_api/call/{name}/{asked.json()['event_id']}").text
        event, said = text.strip().splitlines()[-2:]
        return event.removeprefix("event: "), json.loads(said.removeprefix("data: "))

    # what it sees

    def cards(self) -> list[dict[str, Any]]:
        answer = self.get(f"{STUDIO}/tasks")
        assert answer.status_code == 200, answer.text
        return list(answer.json()["tasks"])

    def card(self, task: str) -> dict[str, Any]:
        return next(one for one in self.cards() if one["id"] == task)

    def state(self, task: str) -> str:
        return str(self.card(task)["state"])

    def ended(self, task: str, *, within: float = 30.0) -> dict[str, Any]:
        """The card of a task that is over."""
        eventually(lambda: self.state(task) in OVER, within=within)
        return self.card(task)

    def sent(self, task: str) -> dict[str, Any]:
        """The card of a task that is no longer waiting."""
        eventually(lambda: self.state(task) != "queued")
        return self.card(task)

    def account(self) -> dict[str, Any]:
        answer = self.get(f"{STUDIO}/account")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    # keys

    def bring(self, key: Any, **options: Any) -> str:
        """What is wrong with it; empty when it was taken."""
        answer = self.post(f"{STUDIO}/key", {"key": key}, **options)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["problem"])

    def forget(self) -> None:
        answer = self.http.delete(f"{STUDIO}/key")
        assert (answer.status_code, answer.json()) == (200, {"problem": ""})

    @contextmanager
    def listening(self, path: str, **options: Any) -> Iterator[Iterator[str]]:
        """The lines of a stream."""
        with self.http.stream("GET", path, **options) as stream:
            yield stream.iter_lines()
