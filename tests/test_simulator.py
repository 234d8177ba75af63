"""The simulator speaks the wire of Kling, as of 2026-11-22 (section 12 of the contract)."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import signal
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import httpx
import jwt
import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat

from kling_ui.catalog import MODELS
from kling_ui.simulator import Fault, Options, build, painter
from kling_ui.simulator.callbacks import is_loopback, signature
from kling_ui.simulator.order import Order, order
from kling_ui.simulator.sizes import fitted
from kling_ui.simulator.wire import Refusal

PATH = "/v1/images/generations"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="
PAIR = {"access": "a-secret-key-of-at-least-32-bytes"}
SHIPPED = Path(__file__).parents[1]


@dataclass
class Clock:
    """Unix seconds that pass only when somebody sleeps."""

    now: float = 1_800_000_000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


class Caller:
    """An API client with the simulator inside the process."""

    def __init__(self, clock: Clock, options: Options, key: str = "key") -> None:
        self.clock = clock
        self.app = build(replace(options, clock=clock, sleep=clock.sleep))
        self.simulator = self.app.state.simulator
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app),
            base_url="http://demo",
            headers={"Authorization": f"Bearer {key}"},
        )

    async def post(self, prompt: str = "a fox", *, at: str = PATH, **fields: Any) -> httpx.Response:
        return await self.http.post(at, json={"prompt": prompt, **fields})

    async def make(self, prompt: str = "a fox", **fields: Any) -> str:
        reply = await self.post(prompt, **fields)
        assert reply.status_code == 200, reply.text
        return str(reply.json()["data"]["task_id"])

    async def task(self, wanted: str) -> dict[str, Any]:
        reply = await self.http.get(f"{PATH}/{wanted}")
        assert reply.status_code == 200, reply.text
        return dict(reply.json()["data"])

    async def done(self, wanted: str) -> dict[str, Any]:
        self.clock.now += 90
        return await self.task(wanted)


@asynccontextmanager
async def calling(*, clock: Clock | None = None, **options: Any) -> AsyncIterator[Caller]:
    caller = Caller(clock or Clock(), Options(**options))
    async with caller.http:
        yield caller


@contextmanager
def serving(options: Options) -> Iterator[tuple[str, Any]]:
    """The simulator behind a real socket: its address, and itself."""
    app = build(options)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}", app.state.simulator
    finally:
        server.should_exit = True
        thread.join()


def picture(width: int = 800, height: int = 600, kind: str = "PNG", **more: Any) -> str:
    file = BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(file, kind, **more)
    return base64.b64encode(file.getvalue()).decode()


def refused(reply: httpx.Response, status: int, code: int, message: str) -> None:
    body = reply.json()
    assert (reply.status_code, body["code"], body["message"]) == (status, code, message)
    assert set(body) == {"code", "message", "request_id"} and UUID.fullmatch(body["request_id"])


def opened(reply: httpx.Response) -> Image.Image:
    assert reply.headers["content-type"] == "image/png", reply.text
    return Image.open(BytesIO(reply.content), formats=("PNG",)).convert("RGB")


@pytest.fixture
def sketches(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the painter was asked for; it paints one colour, for speed."""
    asked: list[dict[str, Any]] = []

    def paint(**details: Any) -> bytes:
        asked.append(details)
        file = BytesIO()
        Image.new("RGB", (details["width"], details["height"]), "navy").save(file, "PNG")
        return file.getvalue()

    monkeypatch.setattr(painter, "paint", paint)
    return asked


@pytest.mark.parametrize("prefix", ["", "/kling"])
async def test_create_answers_as_kling_does(prefix: str) -> None:
    async with calling() as caller:
        reply = await caller.post(at=prefix + PATH, external_task_id="mine")
        body = reply.json()
        assert reply.status_code == 200 and set(body) == {"code", "message", "request_id", "data"}
        assert (body["code"], body["message"]) == (0, "SUCCEED")
        assert UUID.fullmatch(body["request_id"])
        assert re.fullmatch(r"[1-9]\d{17}", body["data"].pop("task_id"))
        assert body["data"] == {
            "task_status": "submitted",
            "task_info": {"external_task_id": "mine"},
            "created_at": 1_800_000_000_000,
            "updated_at": 1_800_000_000_000,
        }


async def test_a_task_goes_from_submitted_over_processing_to_its_pictures() -> None:
    async with calling(seconds=(10.0, 10.0)) as caller:
        made = await caller.make(n=2, external_task_id="mine", model_name="kling-v2-1")
        seen = []
        for second in (0, 1.4, 1.6, 9.9, 10.1):
            caller.clock.now = 1_800_000_000 + second
            task = await caller.task(made)
            assert task == await caller.task("mine")
            seen.append((task["task_status"], task["updated_at"] - task["created_at"]))
        assert seen == [
            ("submitted", 0),
            ("submitted", 0),
            ("processing", 1500),
            ("processing", 1500),
            ("succeed", 10_000),
        ]
        assert task == {
            "task_id": made,
            "task_status": "succeed",
            "task_status_msg": "",
            "task_info": {"external_task_id": "mine"},
            "created_at": 1_800_000_000_000,
            "updated_at": 1_800_000_010_000,
            "final_unit_deduction": "8",
            "task_result": {
                "images": [
                    {"index": i, "url": f"http://demo/pictures/{made}-{i}.png"} for i in (0, 1)
                ]
            },
        }


async def test_before_the_end_there_are_neither_pictures_nor_a_price() -> None:
    async with calling() as caller:
        task = await caller.task(await caller.make())
        assert task["task_result"] == {} and "final_unit_deduction" not in task
        assert task["task_info"] == {} and "watermark_info" not in task


async def test_tasks_take_between_the_shortest_and_the_longest_time() -> None:
    async with calling(quota=300, seconds=(4.0, 9.0)) as caller:
        made = [await caller.make() for _ in range(200)]
        caller.clock.now += 10
        tasks = [await caller.task(task) for task in made]
        lives = sorted((task["updated_at"] - task["created_at"]) / 1000 for task in tasks)
        assert 4 <= lives[0] < 4.8 and 7.5 < lives[-1] <= 9 and 4.8 < lives[100] < 6.5


async def test_lives_take_the_place_of_seconds_and_are_drawn_from_the_id() -> None:
    def lives(random: Random) -> tuple[float, float]:
        return 0.2, random.uniform(20, 30)

    async with calling(quota=300, seconds=(4.0, 9.0), lives=lives) as caller:
        made = [await caller.make() for _ in range(20)]
        caller.clock.now += 0.25
        assert {(await caller.task(one))["task_status"] for one in made} == {"processing"}
        caller.clock.now += 30
        for one in made:
            task = await caller.task(one)
            assert task["updated_at"] - task["created_at"] == round(lives(Random(one))[1] * 1000)


async def test_prompt_words_decide_over_lives() -> None:
    async with calling(quota=300, lives=lambda _: (0.2, 20.0)) as caller:
        slow, failing = await caller.make("#slow fox"), await caller.make("#fail fox")
        caller.clock.now += 5
        assert (await caller.task(failing))["task_status"] == "failed"
        caller.clock.now += 50
        assert (await caller.task(slow))["task_status"] == "processing"


@pytest.mark.parametrize(
    ("fields", "units"),
    [
        ({"model_name": "kling-v2-1", "n": 3}, "12"),
        ({"model_name": "kling-v2-1", "image": "https://example.com/x.png"}, "8"),
        ({"model_name": "kling-v3", "n": 9}, "72"),
        ({}, "8"),
        ({"model_name": "kling-v1", "at": "/kling" + PATH}, "1"),
        ({"model_name": "kling-v1-6", "at": "/kling" + PATH}, None),
    ],
)
async def test_units_are_charged_per_picture(fields: dict[str, Any], units: str | None) -> None:
    async with calling() as caller:
        task = await caller.done(await caller.make(**fields))
        assert task.get("final_unit_deduction") == units


async def test_a_task_belongs_to_the_key_that_made_it() -> None:
    async with calling() as caller:
        made = await caller.make(external_task_id="mine")
        caller.http.headers["Authorization"] = "Bearer other"
        for wanted in (made, "mine"):
            message = f"Task not found by id/external id: {wanted}"
            refused(await caller.http.get(f"{PATH}/{wanted}"), 400, 1201, message)
        assert (await caller.http.get(PATH)).json()["data"] == []
        await caller.make(external_task_id="mine")  # unique within an account only


async def test_a_used_external_id_is_refused_even_after_the_end() -> None:
    async with calling() as caller:
        made = await caller.make(external_task_id="mine")
        await caller.done(made)
        reply = await caller.post("another", external_task_id="mine")
        refused(reply, 400, 1201, "External_task_id mine already exists")
        assert len((await caller.http.get(PATH)).json()["data"]) == 1


async def test_external_ids_need_not_be_unique_everywhere() -> None:
    async with calling(external_ids_unique=False) as caller:
        await caller.make(external_task_id="mine")
        second = await caller.make(external_task_id="mine")
        assert (await caller.task("mine"))["task_id"] == second


async def test_the_list_is_a_bare_array_newest_first() -> None:
    async with calling(quota=100) as caller:
        assert (await caller.http.get(PATH)).json()["data"] == []
        made = [await caller.make() for _ in range(35)][::-1]

        async def page(**query: Any) -> list[str]:
            data = (await caller.http.get(PATH, params=query)).json()["data"]
            return [task["task_id"] for task in data]

        assert await page() == made[:30]
        assert await page(pageNum=2) == made[30:]
        assert await page(pageNum=3, pageSize=10) == made[20:30]
        assert await page(pageNum=1000, pageSize=500) == []
        assert (await caller.http.get(PATH)).json()["data"][0] == await caller.task(made[0])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("pageNum", v) for v in ("0", "1001", "-1", "x", "1.5", "")),
        *(("pageSize", v) for v in ("0", "501", "٣")),
    ],
)
async def test_a_wrong_page_is_refused(name: str, value: str) -> None:
    async with calling() as caller:
        reply = await caller.http.get(PATH, params={name: value})
        refused(reply, 400, 1201, f"{name} value '{value}' is invalid")


async def test_a_gateway_may_know_no_list() -> None:
    async with calling(listing=False) as caller:
        await caller.make(external_task_id="mine")
        assert (await caller.http.get(PATH)).json()["error"] == "Not Found"
        assert (await caller.task("mine"))["task_status"] == "submitted"


async def test_a_gateway_may_know_neither_list_nor_external_ids() -> None:
    async with calling(lookup=False) as caller:
        made = await caller.make(external_task_id="mine")
        await caller.make(external_task_id="mine")
        assert (await caller.http.get(PATH)).status_code == 404
        message = "Task not found by id/external id: mine"
        refused(await caller.http.get(f"{PATH}/mine"), 400, 1201, message)
        assert (await caller.task(made))["task_info"] == {}


IMAGE = picture(300, 300)
V21 = {"model_name": "kling-v2-1"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"prompt": None}, "prompt can not be null"),
        ({"prompt": ""}, "prompt can not be null"),
        ({"prompt": "  \n"}, "prompt can not be null"),
        ({"prompt": 5}, "prompt value '5' is invalid"),
        ({"prompt": "x" * 2501}, "prompt value length exceeds the limit"),
        ({"negative_prompt": "x" * 2501}, "negative_prompt value length exceeds the limit"),
        ({"model_name": "kling-v3-0"}, "model_name value 'kling-v3-0' is invalid"),
        ({"model_name": "kling-v1"}, "model_name value 'kling-v1' is invalid"),
        ({"model_name": ["x"]}, "model_name value '[\"x\"]' is invalid"),
        ({"n": 0}, "n value '0' is invalid"),
        ({"n": 10}, "n value '10' is invalid"),
        ({"n": 1.0}, "n value '1.0' is invalid"),
        ({"n": True}, "n value 'true' is invalid"),
        ({"n": "2"}, "n value '2' is invalid"),
        ({"aspect_ratio": "5:4"}, "aspect_ratio value '5:4' is invalid"),
        ({"resolution": "4k"}, "resolution value '4k' is invalid"),
        ({"resolution": "1K"}, "resolution value '1K' is invalid"),
        (
            {**V21, "resolution": "2k", "image": IMAGE},
            "resolution value '2k' is not supported",
        ),
        ({"image": "data:image/png;base64," + IMAGE}, "File is not in a valid base64 format"),
        ({"image": IMAGE[:-3] + "é=="}, "File is not in a valid base64 format"),
        ({"image": IMAGE[:40] + "\n" + IMAGE[40:]}, "File is not in a valid base64 format"),
        ({"image": "aGVsbG8="}, "File is not in a valid base64 format"),
        ({"image": picture(300, 300, "WEBP")}, "File is not in a valid base64 format"),
        ({"image": base64.b64encode(bytes(10485761)).decode()}, "image size exceeds the limit"),
        ({"image": 7}, "image value '7' is invalid"),
        (
            {"image": IMAGE, "negative_prompt": "rain"},
            "negative_prompt value 'rain' is not supported",
        ),
        ({"image_reference": "face"}, "image can not be null"),
        (
            {**V21, "image": IMAGE, "image_reference": "style"},
            "image_reference value 'style' is invalid",
        ),
        ({"image_fidelity": 1.1}, "image_fidelity value '1.1' is invalid"),
        ({"human_fidelity": -0.1}, "human_fidelity value '-0.1' is invalid"),
        ({"human_fidelity": "0.5"}, "human_fidelity value '0.5' is invalid"),
        (
            {"element_list": [{"element_id": "1"}]},
            'element_list value \'[{"element_id": "1"}]\' is invalid',
        ),
        (
            {"element_list": [{"element_id": 1}] * 10, "image": IMAGE},
            "The number of images and elements exceeds the limit, max number is 10",
        ),
        (
            {**V21, "element_list": [{"element_id": 1}]},
            "element_list value '[{\"element_id\": 1}]' is not supported",
        ),
        ({"watermark_info": True}, "watermark_info value 'true' is invalid"),
        ({"watermark_info": {"enabled": 1}}, "watermark_info value '{\"enabled\": 1}' is invalid"),
        ({"callback_url": "ftp://x"}, "callback_url value 'ftp://x' is invalid"),
        ({"external_task_id": 5}, "external_task_id value '5' is invalid"),
    ],
)
async def test_a_wrong_value_is_refused_in_kling_s_words(
    fields: dict[str, Any], message: str
) -> None:
    async with calling() as caller:
        refused(await caller.post(**{"prompt": "a fox", **fields}), 400, 1201, message)
        assert (await caller.http.get(PATH)).json()["data"] == []


async def test_old_models_stand_below_kling_with_their_own_limits() -> None:
    async with calling(quota=100) as caller:
        for name in MODELS:
            if name != "kling-v2-new":
                await caller.make(at="/kling" + PATH, model_name=name)
        old = {"at": "/kling" + PATH, "model_name": "kling-v1"}
        await caller.make("x" * 500, **old)
        reply = await caller.post("x" * 501, **old)
        refused(reply, 400, 1201, "prompt value length exceeds the limit")
        reply = await caller.post(aspect_ratio="21:9", **old)
        refused(reply, 400, 1201, "aspect_ratio value '21:9' is invalid")
        reply = await caller.post(at="/kling" + PATH, model_name="kling-v2-new")
        refused(reply, 400, 1201, "image can not be null")


async def test_the_model_list_can_be_another() -> None:
    async with calling(models=("house-model", "kling-v1")) as caller:
        await caller.make(model_name="kling-v1")
        task = await caller.done(await caller.make("x" * 9000, negative_prompt="y" * 9000))
        assert "final_unit_deduction" not in task  # house-model, of which nothing is known
        reply = await caller.post(model_name="kling-v3")
        refused(reply, 400, 1201, "model_name value 'kling-v3' is invalid")


async def test_blanks_are_absent_and_unknown_fields_are_let_through() -> None:
    blank = dict.fromkeys(
        ("negative_prompt", "callback_url", "external_task_id", "image_reference", "resolution"), ""
    )
    async with calling() as caller:
        for empty in ("", None):
            fields = dict.fromkeys(blank, empty) | {"image": IMAGE, "mode": "pro", "model": "x"}
            await caller.make(**fields)
        await caller.make(image="", negative_prompt="rain", n=None, aspect_ratio=None)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"x"', b"\xff", b"[" * 100_000, b'{"n":' + b"1" * 5000 + b"}"]
)
async def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    async with calling() as caller:
        reply = await caller.http.post(PATH, content=body)
        refused(reply, 400, 1200, "Request parameters are invalid")


async def test_a_body_over_20_mb_is_refused() -> None:
    async with calling() as caller:
        reply = await caller.http.post(PATH, content=bytes(20_000_001))
        assert reply.status_code == 413 and "json" not in reply.headers["content-type"]
        assert caller.simulator.calls[-1].status == 413


async def test_a_lone_surrogate_comes_back_as_a_question_mark() -> None:
    async with calling() as caller:
        body = b'{"prompt": "fox \\ud800", "external_task_id": "\\ud800"}'
        assert (await caller.http.post(PATH, content=body)).status_code == 200
        assert (await caller.task("%3F"))["task_info"] == {"external_task_id": "?"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
field_names = st.sampled_from(
    sorted(
        {"model_name", "prompt", "negative_prompt", "image", "image_reference", "image_fidelity"}
        | {"human_fidelity", "element_list", "resolution", "n", "aspect_ratio", "watermark_info"}
        | {"callback_url", "external_task_id"}
    )
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(field_names, json_values))
def test_any_body_is_an_order_or_a_refusal(body: dict[str, Any]) -> None:
    try:
        assert isinstance(order({"prompt": "a fox", **body}, models=tuple(MODELS)), Order)
    except Refusal as refusal:
        assert refusal.code == 1201 and len(refusal.message) < 200


@pytest.mark.parametrize(
    ("header", "code", "message"),
    [
        (None, 1001, "Authorization is empty"),
        ("", 1001, "Authorization is empty"),
        ("right", 1002, "Authorization is invalid"),
        ("Basic right", 1002, "Authorization is invalid"),
        ("Bearer  right", 1002, "Authorization is invalid"),
        ("Bearer ri ght", 1002, "Authorization is invalid"),
        ("Bearer wrong", 1002, "api key not found"),
        ("Bearer right", 0, ""),
    ],
)
async def test_keys(header: str | None, code: int, message: str) -> None:
    async with calling(keys=frozenset({"right"})) as caller:
        del caller.http.headers["Authorization"]
        headers = {} if header is None else {"Authorization": header}
        for verb, path in (("POST", PATH), ("GET", PATH), ("GET", PATH + "/1")):
            reply = await caller.http.request(verb, path, headers=headers, json={"prompt": "fox"})
            if code:
                refused(reply, 401, code, message)
            else:
                assert reply.status_code == 200 or "Task not found" in reply.text


def token(clock: Clock, *, secret: str = PAIR["access"], **claims: Any) -> str:
    now = int(clock.now)
    usual = {"iss": "access", "exp": now + 1800, "nbf": now - 5}
    return jwt.encode(usual | claims, secret, algorithm="HS256")


@pytest.mark.parametrize(
    ("claims", "code", "message"),
    [
        ({}, 0, ""),
        ({"nbf": 1_800_000_000}, 0, ""),
        ({"nbf": 1_800_000_001}, 1003, "Authorization is not yet valid"),
        ({"exp": 1_800_000_001}, 0, ""),
        ({"exp": 1_800_000_000}, 1004, "Authorization has expired"),
        ({"exp": "soon"}, 1002, "Authorization is invalid"),
        ({"secret": "another-secret-of-at-least-32-bytes"}, 1002, "Authorization is invalid"),
        ({"iss": "stranger"}, 1002, "api key not found"),
    ],
)
async def test_tokens(claims: dict[str, Any], code: int, message: str) -> None:
    async with calling(pairs=PAIR, keys=frozenset({"right"})) as caller:
        headers = {"Authorization": f"Bearer {token(caller.clock, **claims)}"}
        reply = await caller.http.get(PATH, headers=headers)
        if code:
            refused(reply, 401, code, message)
        else:
            assert reply.json()["data"] == []


@pytest.mark.parametrize("pairs", [PAIR, {}])
async def test_a_new_token_is_the_same_account(pairs: dict[str, str]) -> None:
    async with calling(pairs=pairs) as caller:
        caller.http.headers["Authorization"] = f"Bearer {token(caller.clock)}"
        made = await caller.make()
        caller.clock.now += 60
        caller.http.headers["Authorization"] = f"Bearer {token(caller.clock)}"
        assert (await caller.task(made))["task_id"] == made


async def test_unsigned_tokens_are_refused() -> None:
    async with calling(pairs=PAIR) as caller:
        claims = {"iss": "access", "exp": 1_800_000_900}
        forged = jwt.encode(claims, None, algorithm="none")
        reply = await caller.http.get(PATH, headers={"Authorization": f"Bearer {forged}"})
        refused(reply, 401, 1002, "Authorization is invalid")


@pytest.mark.parametrize(
    "path", ["/v1/models", "/v1/images/omni-image", PATH + "/", "/", "/kling", PATH + "/a/b"]
)
async def test_an_unknown_path_is_answered_by_the_router(path: str) -> None:
    async with calling() as caller:
        reply = await caller.http.get(path)
        body = reply.json()
        assert reply.status_code == 404
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", body.pop("timestamp"))
        assert body == {
            "status": 404,
            "error": "Not Found",
            "message": "No message available",
            "path": path,
        }


@pytest.mark.parametrize(
    ("verb", "path"), [("DELETE", PATH), ("PUT", "/kling" + PATH), ("POST", PATH + "/1")]
)
async def test_a_wrong_method_is_refused(verb: str, path: str) -> None:
    async with calling() as caller:
        reply = await caller.http.request(verb, path)
        refused(reply, 404, 1202, f"Request method '{verb}' is not supported")


@pytest.mark.parametrize("prefix", ["", "/kling"])
async def test_the_costs_know_what_was_spent(prefix: str) -> None:
    async with calling() as caller:
        await caller.done(await caller.make(n=2))
        path = prefix + "/account/costs"
        reply = await caller.http.get(path, params={"start_time": 1, "end_time": 2})
        data = reply.json()["data"]
        (pack,) = data["resource_pack_subscribe_infos"]
        assert (data["code"], data["msg"]) == (0, "success")
        assert (pack["total_quantity"], pack["remaining_quantity"]) == (100_000, 99_984)
        refused(await caller.http.get(path), 400, 1201, "start_time can not be null")


async def test_the_quota_counts_pictures_in_flight() -> None:
    async with calling(quota=9, models=("kling-v3", "kling-v2-1")) as caller:
        await caller.make(n=5)
        full = 429, 1303, "parallel task over resource pack limit"
        refused(await caller.post(n=5), *full)
        last = await caller.make("#slow fox", n=4)
        refused(await caller.post(), *full)
        await caller.make(model_name="kling-v2-1", n=9)  # each model has its own
        caller.clock.now += 10  # the first has ended, #slow has not
        refused(await caller.post(n=6), *full)
        await caller.make(n=5)
        await caller.done(last)
        await caller.make(n=9)


async def test_twenty_tasks_of_one_picture_run_at_once_by_default() -> None:
    async with calling() as caller:
        replies = await asyncio.gather(*(caller.post() for _ in range(21)))
        assert sorted(reply.status_code for reply in replies) == [200] * 20 + [429]
        caller.http.headers["Authorization"] = "Bearer other"
        await caller.make()  # each account has its own


async def test_simultaneous_creates_with_one_external_id_make_one_task() -> None:
    async with calling() as caller:
        replies = await asyncio.gather(*(caller.post(external_task_id="one") for _ in range(10)))
        assert sorted(reply.status_code for reply in replies) == [200] + [400] * 9


async def test_word_policy() -> None:
    async with calling() as caller:
        reply = await caller.post("a fox #Policy")
        refused(reply, 400, 1301, "The content violates the content safety policy")


async def test_word_429() -> None:
    async with calling() as caller:
        full = 429, 1303, "parallel task over resource pack limit"
        for _ in range(2):
            refused(await caller.post("#429 fox", external_task_id="a"), *full)
            caller.clock.now += 5
        refused(await caller.post("#429 fox", external_task_id="b"), *full)
        await caller.make("#429 fox", external_task_id="a")
        refused(await caller.post("#429 fox", external_task_id="c"), *full)
        caller.clock.now += 30
        await caller.make("#429 fox", external_task_id="c")


async def test_word_fail() -> None:
    async with calling() as caller:
        made = await caller.make("狐狸#FAIL雪", n=2)
        caller.clock.now += 1.9
        assert (await caller.task(made))["task_status"] == "processing"
        caller.clock.now += 2.2
        reply = (await caller.http.get(f"{PATH}/{made}")).json()
        task = reply["data"]
        assert (reply["code"], reply["message"]) == (0, "SUCCEED")
        assert task["task_status"] == "failed" and task["task_result"] == {}
        assert task["task_status_msg"] == "Failure to pass the risk control system"
        assert task["final_unit_deduction"] == "0"


async def test_word_slow() -> None:
    async with calling() as caller:
        made = await caller.make("#slow fox")
        caller.clock.now += 59
        assert (await caller.task(made))["task_status"] == "processing"
        caller.clock.now += 31
        assert (await caller.task(made))["task_status"] == "succeed"


async def test_word_timeout() -> None:
    async with calling() as caller:
        reply = await caller.post("#timeout fox", external_task_id="mine")
        refused(reply, 504, 5002, "Service internal timeout")
        assert caller.clock.slept == [2.0]
        for later in (0, 11.9):
            caller.clock.now = 1_800_000_002 + later
            assert "Task not found" in (await caller.http.get(f"{PATH}/mine")).text
            assert (await caller.http.get(PATH)).json()["data"] == []
        again = await caller.post("#timeout fox", external_task_id="mine")
        refused(again, 400, 1201, "External_task_id mine already exists")
        caller.clock.now = 1_800_000_014
        assert (await caller.task("mine"))["task_status"] == "succeed"
        assert len((await caller.http.get(PATH)).json()["data"]) == 1


async def test_other_words_are_only_words(sketches: list[dict[str, Any]]) -> None:
    async with calling() as caller:
        for prompt in ("#failure", "#slowly", "fail", "#4290", "#timeouts", "# policy"):
            task = await caller.task(await caller.make(prompt))
            caller.clock.now += 9.1
            task = await caller.task(task["task_id"])
            assert task["task_status"] == "succeed"
            await caller.http.get(task["task_result"]["images"][0]["url"])
            assert sketches[-1]["prompt"] == prompt


async def test_the_painter_never_sees_the_words(sketches: list[dict[str, Any]]) -> None:
    async with calling() as caller:
        task = await caller.done(await caller.make("a #slow fox\n#SLOW雪"))
        await caller.http.get(task["task_result"]["images"][0]["url"])
        assert sketches[-1]["prompt"] == "a fox 雪"


async def test_pictures_are_painted_and_marked() -> None:
    async with calling() as caller:
        made = await caller.make("a fox", watermark_info={"enabled": True}, aspect_ratio="1:1")
        task = await caller.done(made)
        assert task["watermark_info"] == {"enabled": True}
        (image,) = task["task_result"]["images"]
        del caller.http.headers["Authorization"]
        plain = opened(await caller.http.get(image["url"]))
        marked = opened(await caller.http.get(image["watermark_url"]))
        assert plain.size == marked.size == (1008, 1008)
        left, top, right, bottom = ImageChops.difference(plain, marked).getbbox() or (0, 0, 0, 0)
        assert left > 0 and right < 504 < top and bottom < 1008
        assert ImageStat.Stat(plain).stddev[0] > 10


async def test_a_reference_picture_can_be_seen_in_the_result(tmp_path: Path) -> None:
    async with calling(folder=tmp_path) as caller:
        half = Image.new("RGB", (800, 600), "white")
        half.paste("black", (0, 0, 400, 600))
        file = BytesIO()
        half.save(file, "JPEG")
        image = base64.b64encode(file.getvalue()).decode()
        task = await caller.done(await caller.make(image=image, aspect_ratio="9:16"))
        result = opened(await caller.http.get(task["task_result"]["images"][0]["url"]))
        assert result.size == (1168, 864)
        light = result.convert("L").resize((4, 1), Image.Resampling.BOX).tobytes()
        assert light[0] + 60 < light[3]


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({}, (1344, 752)),
        ({"resolution": "2k"}, (2720, 1536)),
        ({"aspect_ratio": "9:16", "resolution": "2k"}, (1536, 2720)),
        ({"aspect_ratio": "21:9"}, (1536, 656)),
        ({"image": picture(800, 600), "resolution": "2k", "aspect_ratio": "1:1"}, (1168, 864)),
        ({"image": picture(300, 750)}, (640, 1584)),
        (
            {
                "image": picture(
                    600,
                    300,
                    "JPEG",
                    exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0",
                )
            },
            (704, 1424),
        ),
        ({"image": "https://example.com/cat.png", "aspect_ratio": "1:1"}, (1008, 1008)),
    ],
)
async def test_sizes(
    fields: dict[str, Any], size: tuple[int, int], sketches: list[dict[str, Any]]
) -> None:
    async with calling() as caller:
        task = await caller.done(await caller.make(**fields))
        result = opened(await caller.http.get(task["task_result"]["images"][0]["url"]))
        assert result.size == size


def test_every_ratio_has_about_the_right_shape_and_area() -> None:
    for resolution, area in (("1k", 1e6), ("2k", 4.18e6)):
        for wide, tall in ((16, 9), (9, 16), (1, 1), (4, 3), (3, 4), (3, 2), (2, 3), (21, 9)):
            width, height = fitted(wide / tall, resolution)
            assert width % 16 == height % 16 == 0
            assert abs(width * height / area - 1) < 0.03
            assert abs(width / height / (wide / tall) - 1) < 0.02


async def test_the_painter_gets_the_picture_once(
    tmp_path: Path, sketches: list[dict[str, Any]]
) -> None:
    async with calling(folder=tmp_path) as caller:
        image = picture()
        task = await caller.done(await caller.make("fox", n=2, image=image))
        urls = [entry["url"] for entry in task["task_result"]["images"]]
        for url in (*urls, *urls):
            assert (await caller.http.get(url)).status_code == 200
        first, second = sketches
        assert second["index"] == first["index"] + 1
        assert first["reference"] == base64.b64decode(image)


async def test_the_same_words_twice_give_two_pictures(sketches: list[dict[str, Any]]) -> None:
    async with calling() as caller:
        for _ in range(5):
            task = await caller.done(await caller.make("fox", n=2))
            for image in task["task_result"]["images"]:
                await caller.http.get(image["url"])
        assert len({asked["index"] for asked in sketches}) > 5


async def test_a_reference_that_breaks_off_is_painted_from_its_text() -> None:
    async with calling() as caller:
        whole = base64.b64decode(picture(400, 300, "JPEG"))
        image = base64.b64encode(whole[: len(whole) // 2]).decode()
        task = await caller.done(await caller.make(image=image))
        result = opened(await caller.http.get(task["task_result"]["images"][0]["url"]))
        assert result.size == (1168, 864)


async def test_there_are_no_pictures_but_those_of_finished_tasks() -> None:
    async with calling() as caller:
        made, failing = await caller.make(), await caller.make("#fail")
        early = await caller.http.get(f"/pictures/{made}-0.png")
        caller.clock.now += 10
        names = (f"{made}-1", f"{made}-0-watermark", f"{failing}-0", "1" * 18 + "-0", "x")
        late = [await caller.http.get(f"/pictures/{name}.png") for name in names]
        assert [reply.status_code for reply in (early, *late)] == [404] * 6


async def test_painting_does_not_hold_up_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, most, lock = 0, 0, threading.Lock()
    begun, answered = threading.Semaphore(0), threading.Event()

    def paint(**details: Any) -> bytes:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        begun.release()
        assert answered.wait(timeout=30)
        with lock:
            at_once -= 1
        return b"png"

    monkeypatch.setattr(painter, "paint", paint)
    async with calling() as caller:
        task = await caller.done(await caller.make(n=4))
        urls = [image["url"] for image in task["task_result"]["images"]]
        pictures = asyncio.gather(*(caller.http.get(url) for url in urls))
        for _ in range(2):
            assert await asyncio.to_thread(begun.acquire, timeout=30)
        await caller.task(task["task_id"])  # while they are painted
        answered.set()
        await pictures
        assert most == 2


def bomb(width: int, height: int) -> str:
    """A PNG that says it is large."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header
    data = b"IDAT" + zlib.compress(b"\0")
    pieces = struct.pack(">I", zlib.crc32(header)), struct.pack(">I", len(data) - 4), data
    return base64.b64encode(start + b"".join(pieces) + struct.pack(">I", zlib.crc32(data))).decode()


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (picture(299, 400), "Image pixel is invalid"),
        (picture(5, 5), "Image pixel is invalid"),
        (bomb(10_000, 10_000), "Image pixel is invalid"),
        (bomb(60_000, 60_000), "Image pixel is invalid"),
        (
            picture(300, 751),
            "The resolution or aspect ratio of the input image is invalid. "
            "Please ensure it meets the required specifications.",
        ),
    ],
)
async def test_a_picture_of_the_wrong_size_fails_late(image: str, message: str) -> None:
    async with calling() as caller:
        made = await caller.make(image=image)
        assert (await caller.task(made))["task_status"] == "submitted"
        task = await caller.done(made)
        assert (task["task_status"], task["task_status_msg"]) == ("failed", message)
        assert task["final_unit_deduction"] == "0"


async def test_a_restart_finishes_what_was_begun(
    tmp_path: Path, sketches: list[dict[str, Any]]
) -> None:
    clock, image = Clock(), picture()
    async with calling(clock=clock, folder=tmp_path / "new") as caller:
        first = await caller.make("fox", external_task_id="mine", image=image)
        clock.now += 1
        second = await caller.make("#fail hare")
        before = await caller.task(first)
    async with calling(clock=clock, folder=tmp_path / "new", seconds=(99.0, 99.0)) as caller:
        assert await caller.task(first) == before
        listed = (await caller.http.get(PATH)).json()["data"]
        assert [task["task_id"] for task in listed] == [second, first]
        again = await caller.post(external_task_id="mine")
        refused(again, 400, 1201, "External_task_id mine already exists")
        clock.now += 9
        assert (await caller.task(second))["task_status"] == "failed"
        task = await caller.task("mine")
        await caller.http.get(task["task_result"]["images"][0]["url"])
        assert sketches[-1]["reference"] == base64.b64decode(image)


async def test_the_folder_holds_no_key_and_nothing_half_written(tmp_path: Path) -> None:
    async with calling(folder=tmp_path) as caller:
        caller.http.headers["Authorization"] = "Bearer canary-key"
        made = await caller.make(image=IMAGE)
        assert {file.name for file in tmp_path.iterdir()} == {f"{made}.json", f"{made}.reference"}
        assert b"canary" not in (tmp_path / f"{made}.json").read_bytes()


async def test_old_tasks_and_foreign_files(tmp_path: Path) -> None:
    clock = Clock()
    async with calling(clock=clock, folder=tmp_path) as caller:
        old = await caller.make(image=IMAGE)
        clock.now += 24 * 3600
        young = await caller.make(image=IMAGE)
    for name, text in (("a", "{"), ("b", "[]"), ("c", '{"id": "c"}'), ("d", "null")):
        (tmp_path / f"{name}.json").write_text(text)
    clock.now += 29 * 24 * 3600 + 1
    async with calling(clock=clock, folder=tmp_path) as caller:
        listed = (await caller.http.get(PATH)).json()["data"]
        assert [task["task_id"] for task in listed] == [young]
    assert not list(tmp_path.glob(f"{old}*")) and (tmp_path / "a.json").exists()


async def test_what_cannot_be_kept_is_not_accepted(tmp_path: Path) -> None:
    async with calling(folder=tmp_path / "gone") as caller:
        (tmp_path / "gone").rmdir()
        reply = await caller.post(external_task_id="mine")
        assert (reply.status_code, reply.json()["code"]) == (500, 5000)
        assert (await caller.http.get(PATH)).json()["data"] == []


async def test_every_call_is_noted() -> None:
    async with calling() as caller:
        made = await caller.make(external_task_id="mine", image=IMAGE, n=2)
        await caller.post("#policy", external_task_id="other")
        await caller.http.post(PATH, content=b"{", headers={"Authorization": ""})
        await caller.task(made)
        assert [tuple(call) for call in caller.simulator.calls] == [
            ("POST", PATH, "mine", 200),
            ("POST", PATH, "other", 400),
            ("POST", PATH, "", 401),
            ("GET", f"{PATH}/{made}", made, 200),
        ]
        sent = caller.simulator.creates[0]
        assert sent["n"] == 2 and sent["prompt"] == "a fox"
        assert re.fullmatch(rf"sha256:[0-9a-f]{{64}}:{len(IMAGE)}", sent["image"])
        assert caller.simulator.creates[2] == {}
        assert caller.simulator.headers[0]["content-type"] == "application/json"
        assert "key" not in caller.simulator.headers[0]["authorization"]


async def test_the_journal_does_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kling_ui.simulator.journal.KEPT", 3)
    async with calling() as caller:
        calls = caller.simulator.calls
        for number in range(5):
            await caller.post(str(number))
        assert len(calls) == len(caller.simulator.headers) == 3
        assert [sent["prompt"] for sent in caller.simulator.creates] == ["2", "3", "4"]


async def test_faults_strike_where_they_are_told_to() -> None:
    asked: list[tuple[str, dict[str, Any]]] = []
    strikes: dict[str, Fault] = {}

    def faults(moment: str, info: Any) -> Fault | None:
        asked.append((moment, dict(info)))
        return strikes.get(moment)

    async with calling(faults=faults) as caller:
        strikes["create"] = Fault(status=502, body=b"<html>", content_type="text/html", delay=3)
        reply = await caller.post(external_task_id="mine")
        assert (reply.status_code, reply.text) == (502, "<html>") and caller.clock.slept == [3]
        assert "Task not found" in (await caller.http.get(f"{PATH}/mine")).text
        strikes["create"] = Fault(status=503, accept=True, headers={"Retry-After": "7"})
        reply = await caller.post(external_task_id="mine")
        assert reply.status_code == 503 and reply.headers["Retry-After"] == "7"
        del strikes["create"]
        made = (await caller.task("mine"))["task_id"]
        assert asked[-1][1]["answer"]["data"]["task_id"] == made and asked[-1][1]["id"] == "mine"
        strikes["get"] = Fault(delay=5)
        assert (await caller.task(made))["task_id"] == made and caller.clock.slept[-1] == 5
        strikes["list"] = Fault(drop=True)
        with pytest.raises(ConnectionResetError):
            await caller.http.get(PATH)
        assert caller.simulator.calls[-1].status == 0
        caller.clock.now += 10
        strikes["picture"] = Fault(status=403, body=b"gone")
        assert (await caller.http.get(f"/pictures/{made}-0.png")).status_code == 403
    assert [moment for moment, _ in asked] == ["create", "get"] * 2 + ["get", "list", "picture"]


def test_dropped_connections_and_large_bodies_over_a_socket() -> None:
    def faults(moment: str, info: Any) -> Fault | None:
        lost = info.get("external_task_id") == "lost"
        return Fault(drop=True, accept=True) if lost else None

    with serving(Options(faults=faults)) as (address, simulator):
        headers = {"Authorization": "Bearer x"}
        with httpx.Client(base_url=address, headers=headers) as http:
            with pytest.raises(httpx.TransportError):
                http.post(PATH, json={"prompt": "fox", "external_task_id": "lost"})
            assert http.get(f"{PATH}/lost").json()["data"]["task_status"] == "submitted"
            assert simulator.calls[0].status == 0
            assert http.post(PATH, content=bytes(25_000_000)).status_code == 413


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The program, which does not outlive a test that fails."""
    command = [sys.executable, "-m", "kling_ui.simulator", *arguments]
    with subprocess.Popen(
        command, cwd=SHIPPED, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        try:
            yield program
        finally:
            program.kill()


def test_the_program(tmp_path: Path) -> None:
    options = ["--key", "right", "--seconds", "0.01", "0.02", "--model", "kling-v1"]
    with running("--port", "0", "--folder", str(tmp_path), *options) as program:
        assert program.stdout and program.stderr
        line = program.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert address, program.stderr.read()
        with httpx.Client(base_url=address[0], headers={"Authorization": "Bearer right"}) as http:
            made = http.post("/kling" + PATH, json={"prompt": "fox"}).json()["data"]["task_id"]
            time.sleep(0.05)
            task = http.get(f"{PATH}/{made}").json()["data"]
            url = task["task_result"]["images"][0]["url"]
            assert url == f"{address[0]}/pictures/{made}-0.png"
            assert http.get(PATH, headers={"Authorization": "Bearer wrong"}).status_code == 401
            with Image.open(BytesIO(http.get(url, timeout=30).content)) as result:
                assert result.size == (1344, 752)
        program.send_signal(signal.SIGTERM)
        rest, errors = program.communicate(timeout=10)
        assert (rest, errors, program.returncode) == ("", "", 0)


@dataclass
class Receiver:
    """A web server on a free port that remembers what it is sent."""

    url: str = ""
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Receiver]:
        async with await asyncio.start_server(self._answer, "127.0.0.1", 0) as server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
            yield self

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = [line.partition(": ") for line in head.splitlines()[1:] if line]
        headers = {name.lower(): value for name, _, value in lines}
        self.bodies.append(await reader.readexactly(int(headers["content-length"])))
        self.headers.append(headers)
        self.news.set()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async def received(self, count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(5):
            while len(self.bodies) < count:
                await self.news.wait()
                self.news.clear()
        return [json.loads(body) for body in self.bodies]


async def test_a_callback_tells_every_change() -> None:
    async with (
        Receiver().listening() as receiver,
        calling(callbacks=True, webhook_secret=SECRET) as caller,
    ):
        made = await caller.make(callback_url=receiver.url, external_task_id="mine")
        told = await receiver.received(3)
        statuses = [body["task_status"] for body in told]
        assert statuses == ["submitted", "processing", "succeed"]
        assert told[2] == await caller.task(made)  # the bare task, no envelope
        for headers, body in zip(receiver.headers, receiver.bodies, strict=True):
            assert headers["content-type"] == "application/json"
            assert headers["webhook-signature"] == signature(
                SECRET,
                message_id=headers["webhook-id"],
                timestamp=int(headers["webhook-timestamp"]),
                body=body,
            )


async def test_callbacks_tell_of_failures_unsigned_without_a_secret() -> None:
    async with Receiver().listening() as receiver, calling(callbacks=True) as caller:
        await caller.make("#fail", callback_url=receiver.url)
        told = await receiver.received(3)
        assert told[2]["task_status_msg"] == "Failure to pass the risk control system"
        assert not any(name.startswith("webhook") for name in receiver.headers[0])


async def test_nobody_is_called_unless_asked_and_on_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called: list[str] = []

    async def send(_: object, request: httpx.Request) -> httpx.Response:
        called.append(str(request.url))
        return httpx.Response(200)

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", send)
    here, there = "http://localhost:1/x", "http://192.0.2.1/x"
    for callbacks, url in ((False, here), (True, there), (True, here)):
        async with calling(callbacks=callbacks) as caller:
            await caller.make(callback_url=url)
            await asyncio.sleep(0.1)
    assert called == [here] * 3


async def test_a_receiver_that_is_not_there_does_no_harm(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with calling(callbacks=True) as caller:
        made = await caller.make(callback_url="http://127.0.0.1:1/nobody")
        for _ in range(500):
            if len(caplog.messages) == 3:
                break
            await asyncio.sleep(0.01)
        assert caplog.messages == [f"callback of task {made} failed: ConnectError"] * 3
        assert (await caller.task(made))["task_status"] == "succeed"


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://localhost/x", True),
        ("http://LOCALHOST:80", True),
        ("https://127.0.0.1:8443/x", True),
        ("http://127.9.9.9/", True),
        ("http://[::1]:5/", True),
        ("http://localhost.example.com/", False),
        ("http://127.0.0.1@example.com/", False),
        ("http://127.0.0.1.example.com/", False),
        ("http://0.0.0.0/", False),
        ("http://192.168.0.1/", False),
        ("http://[::ffff:8.8.8.8]/", False),
        ("http://169.254.169.254/", False),
        ("http://[", False),
        ("", False),
    ],
)
def test_what_is_this_machine(url: str, loopback: bool) -> None:
    assert is_loopback(url) is loopback


def test_the_signature_of_the_contract() -> None:
    body = (
        b'{"id":"1234567890","status":"succeeded","message":"",'
        b'"create_time":1781080778802,"update_time":1781080794151}'
    )
    signed = signature(SECRET, message_id="9876543210", timestamp=1781080794, body=body)
    assert signed == "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4="


def test_options_keep_their_secrets_to_themselves() -> None:
    shown = repr(
        Options(keys=frozenset({"canary"}), pairs={"a": "canary"}, webhook_secret="canary")
    )
    assert "canary" not in shown
