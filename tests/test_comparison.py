"""One press, many tasks: how a prompt's variants, models and shapes become a grid."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kling_ui.comparison import MOST_CELLS, compare, variants
from kling_ui.fields import LONGEST
from kling_ui.request import ImageRequest
from kling_ui.studio import Studio
from kling_ui.task import Task

from .conftest import OWNER, open_studio
from .test_page import NOBODY

NONCE = "0123456789abcdef" * 2


def draft(**values: object) -> ImageRequest:
    return ImageRequest.draft({"prompt": "a fox", **values})


@pytest.mark.parametrize(
    ("prompt", "read"),
    [
        ("a fox", {}),
        ("a {red} fox", {}),
        ('{"json": 1}', {}),
        ("a {red|blue} fox", {"red": "a red fox", "blue": "a blue fox"}),
        ("a { red | blue } fox", {"red": "a red fox", "blue": "a blue fox"}),
        ("a fox {in snow|}", {"in snow": "a fox in snow", "–": "a fox"}),
        (
            "{red|blue} {fox|owl}",
            {
                "red · fox": "red fox",
                "red · owl": "red owl",
                "blue · fox": "blue fox",
                "blue · owl": "blue owl",
            },
        ),
        ("{a|a}", {"a": "a"}),
    ],
)
def test_a_choice_in_braces_is_every_way_to_read_it(prompt: str, read: dict[str, str]) -> None:
    assert {label: change["prompt"] for label, change in variants(prompt).items()} == read


@pytest.mark.parametrize("many", ["{" + "|" * 5000, "{|" * 5000, "{a|b}" * 2000, "{" * 10_000])
def test_braces_without_end_are_read_once(many: str) -> None:
    assert len(many) <= LONGEST + 1
    assert len(variants(many[:LONGEST])) <= MOST_CELLS + 1
    assert variants("{a|b} " + "x" * LONGEST) == {}  # it is refused for its length


def test_of_a_grid_without_end_only_the_beginning_is_made() -> None:
    names, shapes = [f"model-{k}" for k in range(5000)], [f"{k}:1" for k in range(5000)]
    grid = compare(draft(), models=names, ratios=shapes)
    assert len(grid.places) == MOST_CELLS + 1
    assert len(grid.rows) == len(grid.columns) == MOST_CELLS + 1
    assert len(compare(draft(prompt="{a|b}"), models=names[:18]).places) == MOST_CELLS
    assert len(compare(draft(prompt="{a|b}"), models=names[:19]).places) == MOST_CELLS + 1


@pytest.mark.parametrize(
    ("prompt", "models", "ratios", "rows", "columns"),
    [
        ("a fox", (), (), ("",), ("",)),
        ("a fox", ("kling-v3", "kling-v2-1"), (), ("",), ("kling-v3", "kling-v2-1")),
        ("a fox", (), ("1:1", "3:2"), ("",), ("1:1", "3:2")),
        ("{a|b}", (), (), ("",), ("a", "b")),
        (
            "a fox",
            ("kling-v3", "kling-v2"),
            ("1:1", "3:2"),
            ("kling-v3", "kling-v2"),
            ("1:1", "3:2"),
        ),
        ("{a|b}", ("kling-v3",), ("1:1", "3:2"), ("a", "b"), ("1:1", "3:2")),
        (
            "{a|b}",
            ("kling-v3", "kling-v2"),
            ("1:1", "3:2"),
            ("a", "b"),
            ("kling-v3 · 1:1", "kling-v3 · 3:2", "kling-v2 · 1:1", "kling-v2 · 3:2"),
        ),
    ],
)
def test_what_varies_first_makes_the_rows(
    prompt: str,
    models: tuple[str, ...],
    ratios: tuple[str, ...],
    rows: tuple[str, ...],
    columns: tuple[str, ...],
) -> None:
    grid = compare(draft(prompt=prompt), models=models, ratios=ratios)
    assert (grid.rows, grid.columns) == (rows, columns)
    places = [(place.row, place.column) for place in grid.places]
    assert places == [(row, column) for row in range(len(rows)) for column in range(len(columns))]


def test_one_choice_is_made_without_a_grid_and_an_own_id_stays_with_one_task() -> None:
    one = compare(draft(external_task_id="mine"), models=["kling-v3"]).places
    assert [(place.request.model_name, place.request.external_task_id) for place in one] == [
        ("kling-v3", "mine")
    ]
    two = compare(draft(external_task_id="mine"), models=["kling-v3", "kling-v2-1"]).places
    assert [place.request.external_task_id for place in two] == ["", ""]


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    async with open_studio(tmp_path, NOBODY, run=False) as studio:
        yield studio


async def test_a_press_is_all_its_tasks_once(studio: Studio) -> None:
    grid = compare(draft(prompt="{a|b}"), models=["kling-v3", "kling-v2-1"])
    first = [await studio.compare(grid, owner=OWNER, nonce=NONCE) for _ in range(2)]
    assert first[0] == first[1]
    tasks = await studio.tasks(owner=OWNER)
    assert len(tasks) == 4
    cells = [task.cell for task in tasks if task.cell]
    assert {(cell.row_label, cell.column_label) for cell in cells} == {
        (row, column) for row in "ab" for column in ("kling-v3", "kling-v2-1")
    }
    (comparison,) = {cell.comparison for cell in cells}
    assert [t.id for t in await studio.comparison(comparison, owner=OWNER)] == [
        t.id for t in reversed(tasks)
    ]
    assert await studio.comparison(comparison, owner="another") == []


async def test_one_wrong_place_keeps_all_from_being_sent_and_says_where(studio: Studio) -> None:
    grid = compare(draft(), models=["kling-v3", "kling-v2-new"])
    problems = await studio.compare(grid, owner=OWNER, nonce=NONCE)
    assert not isinstance(problems, Task)
    assert problems["image"].en.startswith("kling-v2-new: ")
    assert await studio.tasks(owner=OWNER) == []


@pytest.mark.parametrize("prompt", ["{a|b}" * 20, "{" + "|".join(map(str, range(99))) + "}"])
async def test_too_many_are_refused_without_being_made(studio: Studio, prompt: str) -> None:
    grid = compare(draft(prompt=prompt))
    assert len(grid.places) == MOST_CELLS + 1
    problems = await studio.compare(grid, owner=OWNER, nonce=NONCE)
    assert not isinstance(problems, Task)
    assert str(MOST_CELLS) in problems[""].en


async def test_a_cell_that_is_sent_again_keeps_its_place(studio: Studio) -> None:
    await studio.compare(compare(draft(prompt="{a|b}")), owner=OWNER, nonce=NONCE)
    former = (await studio.tasks(owner=OWNER))[0]
    await studio.cancel(former.id, owner=OWNER)
    new = await studio.again(former.id, owner=OWNER)
    assert isinstance(new, Task)
    assert new.cell == former.cell
