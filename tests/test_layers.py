"""The import graph is the architecture, and this is its only copy."""

from __future__ import annotations

import ast
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
LAYERS = (  # a module knows the lines above its own and nothing beside it
    ("text", "task", "version"),
    ("settings", "errors", "catalog", "addresses"),
    ("fields", "prices"),
    ("request", "reply"),
    ("comparison", "client", "simulator", "pictures", "history"),
    ("studio",),
    ("web",),
    ("ui",),
    ("app", "backup"),
)
TEXT_ONLY = {"settings", "errors", "catalog", "addresses"}
OWNERS = {  # every library from elsewhere; numpy, fastapi and brotli come with Gradio
    "gradio": {"ui", "app"},
    "sqlite3": {"history"},
    "httpx": {"client", "pictures", "simulator", "app"},
    "starlette": {"web", "simulator"},
    "fastapi": {"web"},
    "brotli": {"web"},
    "uvicorn": {"simulator"},
    "PIL": {"pictures", "simulator"},
    "numpy": {"pictures", "simulator"},
    "jwt": {"client", "simulator"},
    "filelock": {"app", "backup"},
    "dotenv": {"settings"},
}
VAGUE = {"utils", "util", "helpers", "helper", "common", "base", "core", "manager", "misc"}
ENVIRONMENT = {"environ", "environb", "getenv", "putenv"}
TREES = {
    file: ast.parse(file.read_bytes())
    for file in (ROOT / "app.py", *sorted(ROOT.glob("kling_ui/**/*.py")))
}


def room(file: Path) -> str:
    """The module or package of the list that a file belongs to."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return parts[1] if parts[0] == "kling_ui" else parts[0]


def imports(file: Path) -> Iterator[str]:
    """Absolute dotted names of everything imported, inside functions too."""
    package = file.relative_to(ROOT).parent.parts
    for node in ast.walk(TREES[file]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{stem}.{alias.name}" for alias in node.names)


def below(own: str) -> set[str]:
    if own in TEXT_ONLY:
        return {"text"}
    lower = itertools.takewhile(lambda layer: own not in layer, LAYERS)
    return {name for layer in lower for name in layer}


def test_every_room_of_the_house_is_on_the_list_and_no_other() -> None:
    rooms = {room(file) for file in TREES} - {"__init__"}
    assert sorted(rooms) == sorted(name for layer in LAYERS for name in layer)


def test_imports_point_down() -> None:
    for file in TREES:
        ours = {name.split(".")[1] for name in imports(file) if name.startswith("kling_ui.")}
        assert ours - {room(file)} <= below(room(file)), file


def test_each_library_has_one_owner() -> None:
    for file in TREES:
        for library in {name.split(".")[0] for name in imports(file)} - {"kling_ui"}:
            if library in OWNERS or library not in sys.stdlib_module_names:
                assert room(file) in OWNERS.get(library, ()), f"{library} in {file}"


def test_only_settings_looks_at_the_environment() -> None:
    for file, tree in TREES.items():
        nodes = {getattr(node, "attr", getattr(node, "id", "")) for node in ast.walk(tree)}
        names = nodes | {name.split(".")[-1] for name in imports(file)}
        assert room(file) == "settings" or not names & ENVIRONMENT, file


def test_no_name_says_nothing() -> None:
    for file in TREES:
        assert not VAGUE & {*file.relative_to(ROOT).with_suffix("").parts}, file
