"""What stands in the history when the page is looked at: a task in every state."""

from __future__ import annotations

from itertools import product

from kling_ui.task import Cell, State

from .sample import Piece

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
RISK = "Failure to pass the risk control system"

MAIN = {  # the page as README shows it
    "processing": Piece(
        en="A lighthouse on a basalt cliff at dusk, long exposure sea, film grain",
        zh="黄昏时分玄武岩悬崖上的灯塔，长曝光海面，胶片颗粒",
        age=12.2, state=State.PROCESSING, n=4, ratio="16:9",
    ),
    "waiting": Piece(
        en="Glass tea house in the rain, reflections on wet stone",
        zh="雨中的玻璃茶室，湿石板上的倒影",
        age=15, state=State.QUEUED, n=2, ratio="3:4",
    ),
    "four": Piece(
        en="Paper-cut fox in a birch forest, layered, soft light",
        zh="白桦林里的剪纸狐狸，层层叠叠，柔和光线",
        age=2 * MINUTE, n=4, came=4, notes={"starred": True, "deduction": "16"},
    ),
    "unconfirmed": Piece(
        en="Bamboo grove, morning mist", zh="竹林，晨雾",
        age=3 * MINUTE, state=State.UNCONFIRMED, n=2, ratio="3:2", notes={"case": "no_answer"},
    ),
    "library": Piece(
        en="Underwater library, volumetric light, drifting pages",
        zh="水下图书馆，体积光，飘动的书页",
        age=5 * MINUTE, n=4, came=4, ratio="4:3",
    ),
    "rejected": Piece(
        en="A famous actor as a superhero", zh="某著名演员扮演超级英雄",
        age=6 * MINUTE, state=State.REJECTED,
        notes={"case": "1301", "detail": "Risk control: content was refused"},
    ),
    "cave": Piece(
        en="Crystal cave, violet", zh="水晶洞穴，紫色", age=8 * MINUTE, n=2, came=2, ratio="3:4"
    ),
    "one": Piece(
        en="Desert highway at noon", zh="正午的沙漠公路", age=DAY + HOUR, came=1, ratio="4:3"
    ),
}  # fmt: skip

OTHERS = {  # one of which is seen among those
    "sending": Piece(
        en="Poppy field at dawn, dew", zh="黎明的罂粟花田，露珠", age=1.4, state=State.SENDING, n=2
    ),
    "submitted": Piece(
        en="Neon alley after the rain, umbrellas", zh="雨后的霓虹小巷，雨伞",
        age=4, state=State.SUBMITTED, n=3, ratio="9:16",
    ),
    "saving": Piece(
        en="Sand dunes at sunrise, long shadows", zh="日出时的沙丘，长长的影子",
        age=20, state=State.SAVING, n=4, came=2, ratio="3:2",
    ),
    "held": Piece(
        en="Ink-wash mountains above a sea of clouds", zh="云海之上的水墨群山",
        age=40 * MINUTE, state=State.QUEUED, notes={"case": "held"},
    ),
    "away": Piece(
        en="A quiet harbour, blue hour", zh="静谧的港湾，蓝调时刻",
        age=50 * MINUTE, state=State.PROCESSING, ratio="16:9", away=True,
    ),
    "stalled": Piece(
        en="Red maple valley in autumn haze", zh="秋雾中的红枫山谷",
        age=25 * HOUR, state=State.STALLED, n=2, ratio="16:9",
    ),
    "traceless": Piece(
        en="Cherry blossom over a stone bridge", zh="石桥上的樱花",
        age=14 * MINUTE, state=State.UNCONFIRMED, ratio="16:9", notes={"case": "not_found"},
    ),
    "failed": Piece(
        en="A singer on a stage, portrait of a real person", zh="舞台上的歌手，真人肖像",
        age=16 * MINUTE, state=State.FAILED, n=2, notes={"case": "risk_control", "detail": RISK},
    ),
    "cancelled": Piece(
        en="Low-poly island", zh="低多边形岛屿",
        age=18 * MINUTE, state=State.CANCELLED, notes={"case": "cancelled"},
    ),
    "expired": Piece(
        en="Northern lights over a cabin", zh="小木屋上空的极光",
        age=22 * MINUTE, state=State.EXPIRED, notes={"case": "expired"},
    ),
    "nine": Piece(
        en="Aurora over a frozen lake, starry night", zh="冰湖上空的极光，星夜",
        age=9 * MINUTE, n=9, came=9,
    ),
    "fewer": Piece(
        en="Café window on a rainy evening, neon reflections", zh="雨夜咖啡馆的窗边，霓虹倒影",
        age=26 * MINUTE, n=4, came=2, ratio="3:2", notes={"case": "some_missing"},
    ),
    "missing": Piece(
        en="A picture whose file is gone", zh="文件已丢失的图片", age=2 * HOUR, ratio="16:9"
    ),
    "found": Piece(age=5 * HOUR, came=1, ratio="2:3"),
    "endless": Piece(
        en="A_prompt_without_any_space_that_goes_on_" * 5, zh="没有标点的很长的提示词" * 12,
        age=3 * DAY, came=1, ratio="21:9", model="kling-v3",
    ),
}  # fmt: skip

RESENT = {
    "superseded": Piece(
        en="A whale above the city at night", zh="夜晚城市上空的鲸鱼",
        age=12 * MINUTE, state=State.UNCONFIRMED, notes={"case": "not_found"},
    ),
    "successor": Piece(
        en="A whale above the city at night", zh="夜晚城市上空的鲸鱼",
        age=30, state=State.PROCESSING, after="superseded",
    ),
}  # fmt: skip


def _grid(name: str, en: str, zh: str, age: float, *states: State) -> dict[str, Piece]:
    """Two models by three shapes, row by row."""
    comparison = (name.encode().hex() * 32)[:32]
    places = product(enumerate(("kling-v2-1", "kling-v3")), enumerate(("1:1", "3:2", "9:16")))
    return {
        f"{name}-{row}-{column}": Piece(
            en=en, zh=zh, age=age - row - column / 10, ratio=ratio, model=model, state=state,
            came=int(state is State.SUCCEEDED),
            cell=Cell(comparison, row, column, model, ratio),
            notes={"case": "risk_control", "detail": RISK} if state is State.FAILED else {},
        )
        for ((row, model), (column, ratio)), state in zip(places, states, strict=True)
    }  # fmt: skip


_DONE, _RUNS, _LOST = State.SUCCEEDED, State.PROCESSING, State.FAILED
GRIDS = {
    **_grid(
        "running", "Tulip meadow, low sun", "郁金香草地，低垂的太阳", 9,
        *(_DONE, _RUNS, _RUNS, _DONE, State.QUEUED, State.QUEUED),
    ),
    **_grid("done", "Alpine lake at sunrise", "日出时的高山湖泊", 30 * MINUTE, *[_DONE] * 6),
    **_grid(
        "spoiled", "Koi pond from above, silk and ink", "俯瞰锦鲤池，丝绸与水墨", HOUR,
        *(_DONE, _LOST, _DONE, _DONE, _DONE, _LOST),
    ),
}  # fmt: skip
PIECES = MAIN | OTHERS | RESENT | GRIDS
