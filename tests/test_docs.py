"""What README claims is generated or tested.

``python -m tests.test_docs --write`` writes the table of fields into README."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from app import VISITORS_DRAW, VISITORS_TASKS
from kling_ui.catalog import MAX_ELEMENTS, MODELS, NO
from kling_ui.fields import KINDS, NEEDS_PICTURE, Situation
from kling_ui.pictures.reference import MOST_BYTES, MOST_PIXELS
from kling_ui.request import SPECS, ImageRequest
from kling_ui.studio import KEPT_HOURS
from kling_ui.studio.allowance import ATTEMPTS, NEIGHBOURS

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = ("README.md", "CHANGELOG.md")


# the table of fields


def field_table() -> str:
    """Every request field as a row of Markdown."""
    blank = ImageRequest()
    rows = [
        (f"`{name}`", SPECS[name].help.en, _limits(name), _shown(getattr(blank, name)))
        for name in SPECS
    ]
    head = [("Field", "Meaning", "Limits", "Default"), ("---",) * 4]
    return "\n".join(f"| {' | '.join(row)} |" for row in (*head, *rows))


def _limits(name: str) -> str:
    spec, plain = SPECS[name], Situation(MODELS["kling-v2-1"], False, "")
    parts = ["required"] if spec.required else []
    if spec.when(plain).reason == NEEDS_PICTURE:
        parts.append("only beside `image`")
    if spec.length:
        by_model = {m.name: spec.length(Situation(m, False, "")) for m in MODELS.values()}
        parts.append(_by_model({m: f"at most {limit} characters" for m, limit in by_model.items()}))
    if spec.bounds:
        parts.append("{:g} to {:g}".format(*spec.bounds))
    if spec.switch:
        parts.append("yes or no")
    if spec.choices:
        offers = {
            model.name: _listed(
                choice
                for picture in (False, True)
                for choice in _offered(name, Situation(model, picture, KINDS[-1]))
            )
            for model in MODELS.values()
        }
        parts.append(_by_model(offers))
    elif name == "element_list":
        takers = [model.name for model in MODELS.values() if model.element_list is not NO]
        parts.append(f"only {_listed(takers)}; at most {MAX_ELEMENTS} with the image")
    return "; ".join(parts) or "–"


def _offered(name: str, situation: Situation) -> list[str]:
    spec = SPECS[name]
    taken = spec.when(situation).support is not NO
    return (
        [choice for choice in spec.choices(situation) if choice] if spec.choices and taken else []
    )


def _by_model(said: dict[str, str]) -> str:
    """What holds for the first model, and by name the models it does not hold for."""
    groups: dict[str, list[str]] = {}
    for name, text in said.items():
        groups.setdefault(text, []).append(name)
    most, *others = groups
    notes = [f"{_listed(groups[text])}: {text}" for text in others]
    return most + (f" ({'; '.join(notes)})" if notes else "")


def _listed(words: Any) -> str:
    return ", ".join(f"`{word}`" for word in dict.fromkeys(words)) or "none"


def _shown(value: Any) -> str:
    return "–" if value in ("", None) else "no" if value is False else f"`{value}`"


def between(name: str, text: str) -> str:
    """What stands between a pair of markers."""
    _, start, rest = text.partition(f"<!-- {name}:start -->")
    inner, end, _ = rest.partition(f"<!-- {name}:end -->")
    assert start and end, f"README has no pair of markers for {name}"
    return inner.strip()


def write() -> None:
    text, table = README.read_text(encoding="utf-8"), field_table()
    between("fields", text)
    marked = re.compile("(<!-- fields:start -->).*?(<!-- fields:end -->)", re.S)
    text = marked.sub(lambda found: f"{found[1]}\n{table}\n{found[2]}", text)
    README.write_text(text, encoding="utf-8")


# what is true of README


def section(title: str, text: str) -> str:
    """What stands below a heading, up to the next one of its rank or above."""
    found = re.search(rf"^(#+) +{re.escape(title)}.*$", text, re.M)
    assert found, f"README has no heading {title!r}"
    rest = text[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", _without_code(rest), re.M)
    return rest[: end.start()] if end else rest


def _without_code(text: str) -> str:
    """The same length, code blanked out: a comment in code is no heading, a list no link."""
    return re.sub(r"```.*?```|`[^`\n]*`", lambda found: " " * len(found[0]), text, flags=re.S)


@pytest.fixture
def readme() -> str:
    return README.read_text(encoding="utf-8")


def requirements() -> list[Requirement]:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]


def test_a_space_is_given_the_gradio_that_was_tested(readme: str) -> None:
    before, front, _ = readme.split("---\n", 2)
    assert before == ""
    facts = yaml.safe_load(front)
    assert facts["sdk"] == "gradio"
    assert (ROOT / facts["app_file"]).is_file()
    assert facts["app_file"] == "app.py"
    tested = str(facts["sdk_version"])
    (pin,) = [one for one in requirements() if one.name == "gradio"]
    assert pin.specifier.contains(tested)
    assert tested.split(".")[:2] == version("gradio").split(".")[:2]


def test_the_table_of_fields_is_fresh(readme: str) -> None:
    stale = "run python -m tests.test_docs --write"
    assert between("fields", readme) == field_table(), stale


def test_the_table_has_a_row_for_every_field_and_no_limit_twice() -> None:
    lines = field_table().splitlines()
    assert [line.split("`")[1] for line in lines[2:]] == list(SPECS)
    assert {line.count(" | ") for line in lines} == {3}


def environment() -> set[str]:
    """Every variable that `settings` names."""
    code = (ROOT / "kling_ui" / "settings" / "settings.py").read_text()
    constants = (node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant))
    named = (value for value in constants if isinstance(value, str))
    return {name for name in named if re.fullmatch(r"[A-Z][A-Z0-9]*_[A-Z0-9_]+", name)}


def test_every_setting_is_told_and_none_is_invented(readme: str) -> None:
    told = set(re.findall(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b", between("settings", readme)))
    assert environment() <= told
    assert {name for name in told if name.startswith("KLING_")} <= environment()


def test_a_setting_is_found_where_settings_reads_it() -> None:
    assert {"KLING_API_KEY", "KLING_UI_DATA_DIR", "SPACE_ID"} <= environment()


def house(text: str) -> Iterator[str]:
    """The paths of the map: a name at the head of a line, below what is indented less, and the
    files and folders that a folder's line goes on to name."""
    block = re.search(r"```[^\n]*\n(.*?)```", section("The house", text), re.S)
    assert block, "no map below the heading"
    above: list[tuple[int, str]] = []
    for line in re.sub("[│├└─]", " ", block[1]).splitlines():
        found = re.match(r"( *)([\w-]+/|[\w.-]+\.\w+)(?= |$)(.*)", line)
        if not found:
            continue  # a sentence that goes on
        depth, name = len(found[1]), found[2]
        above = [(d, folder) for d, folder in above if d < depth]
        path = "".join(folder for _, folder in above) + name
        yield path
        if name.endswith("/"):
            above.append((depth, name))
            more = re.findall(r"(?<![\w/.-])[\w-]+(?:\.(?:py|js|css)\b|/(?!\w))", found[3])
            yield from (path + other for other in more)


def test_the_map_shows_the_house_as_it_is(readme: str) -> None:
    shown = set(house(readme))
    assert {path for path in shown if not (ROOT / path).exists()} == set()
    rooms = {
        f"kling_ui/{entry.name}{'/' if entry.is_dir() else ''}"
        for entry in (ROOT / "kling_ui").iterdir()
        if entry.name[0] not in "._"
    }
    assert rooms <= shown


def test_the_numbers_in_it_are_those_of_the_program(readme: str) -> None:
    said = " ".join(readme.split())
    assert f"a visitor may draw {VISITORS_DRAW} pictures a day in the demo" in said
    assert f"make {VISITORS_TASKS} tasks a day in all" in said
    assert f"memory for {KEPT_HOURS} hours after its last use" in said
    assert f"at most {MOST_BYTES // 1_000_000} MB and {MOST_PIXELS // 1_000_000} million" in said
    assert ATTEMPTS == NEIGHBOURS == 5
    assert "five times as many tasks, whatever becomes of them" in said
    assert "five times as much for all who come from one address" in said


@pytest.mark.parametrize("page", PAGES)
def test_every_link_inside_leads_somewhere(page: str) -> None:
    text = _without_code((ROOT / page).read_text(encoding="utf-8"))
    links = re.findall(r"\]\(\s*<?([^)\s>]+)", text)
    links += re.findall(r"^\[[^\]]+\]:\s+(\S+)", text, re.M)
    links += re.findall(r"\b(?:src|srcset|href)=[\"']([^\"'\s]+)", text)
    inside = [link for link in links if not re.match(r"[a-z][a-z0-9+.-]*:|#|//", link, re.I)]
    missing = [link for link in inside if not (ROOT / page).parent.joinpath(_path(link)).exists()]
    assert missing == []


def _path(link: str) -> str:
    return re.split("[?#]", link)[0].lstrip("/")


def test_every_package_has_its_reason(readme: str) -> None:
    reasons = section("Why these packages", readme).lower()
    names = [one.name.lower() for one in requirements()]
    assert [n for n in names if not re.search(rf"(?<![\w-]){re.escape(n)}(?![\w-])", reasons)] == []


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python -m tests.test_docs --write")
    write()
