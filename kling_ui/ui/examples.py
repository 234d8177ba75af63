"""Prompts to begin with, and styles to try."""

from __future__ import annotations

from dataclasses import dataclass

from ..text import Text


@dataclass(frozen=True, slots=True)
class Example:
    """Fills the whole form: what it does not name is left blank."""

    name: Text
    prompt: Text
    aspect_ratio: str
    n: int = 1
    negative_prompt: Text = Text("", "")


FIRST_PROMPT = Text(
    "A lighthouse on a basalt cliff at dusk, long exposure sea, film grain",
    "黄昏时分玄武岩悬崖上的灯塔，长曝光海面，胶片颗粒",
)
EXAMPLES = (
    Example(
        Text("Café window", "咖啡馆窗边"),
        Text(
            "Café window on a rainy evening, neon reflections, bokeh",
            "雨夜咖啡馆的窗边，霓虹倒影，柔焦光斑",
        ),
        "3:2",
        n=2,
    ),
    Example(
        Text("Alpine lake", "高山湖泊"),
        Text(
            "Alpine lake at sunrise, mirror-still water, drifting mist",
            "日出时的高山湖泊，水面如镜，薄雾飘动",
        ),
        "16:9",
        negative_prompt=Text("people, boats, text", "人物，船只，文字"),
    ),
    Example(
        Text("Paper fox", "剪纸狐狸"),
        Text(
            "Paper-cut fox in a birch forest, layered, soft light",
            "白桦林里的剪纸狐狸，层层叠叠，柔和光线",
        ),
        "1:1",
        n=4,
    ),
)
STYLES = (  # appended to the prompt, where everybody can see and change it
    Text("film grain", "胶片颗粒"),
    Text("watercolour", "水彩"),
    Text("isometric", "等距视角"),
    Text("ink wash", "水墨"),
    Text("golden hour", "黄金时刻光线"),
)
