"""The dependency rules, executable: who may import whom, one door per library, pure rooms, the size of a file.

The tables are edited in the same commit as the import they allow. A rule is a function from one module's source to the
ways it breaks the rule, so that the second half of this file can show that each rule does catch something.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "feedservice"
LONGEST = 400

NOUNS = ("model", "cutting", "deliveries", "errors", "taxonomy", "globs")
PURE = (*NOUNS, "dates")
SETTINGS = (*PURE, "config", "config.*")
WINGS = ("posts", "posts.*", "feeds", "feeds.*", "push", "push.*")

# Room → the modules of ours that its modules may import, beside those of the room itself. Patterns are read by fnmatch.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "__init__": (),
    "__main__": ("cli",),
    "model": (),
    "cutting": ("model",),
    "deliveries": ("model",),
    "errors": ("model",),
    "taxonomy": (),
    "globs": (),
    "dates": NOUNS,
    "config": PURE,
    "posts": (*PURE, "config", "config.schema"),
    # The guard reads its limits from its own section.
    "feeds": (*PURE, "config", "config.schema", "config.guard", "config.sections"),
    "push": (*PURE, "config", "config.schema", "config.announce", "config.sections"),
    "store": (*PURE, "config", "config.schema"),
    "service": ("__init__", *SETTINGS, *WINGS, "store", "store.outbox", "store.history"),
    "web": (*SETTINGS, *WINGS, "store", "store.outbox"),
    "cli": ("__init__", *SETTINGS, *WINGS, "store", "store.*", "service", "service.*", "web", "web.*"),
}

# Rooms that take values and return values: no clock, no randomness, no file, no socket.
PURE_ROOMS = frozenset({"model", "cutting", "deliveries", "errors", "taxonomy", "globs", "dates", "posts", "feeds", "push"})

# Third-party library → the only modules that may import it.
DOORS: dict[str, tuple[str, ...]] = {
    "pytz": ("dates.zones",),
    "yaml": ("config.document", "posts.yamltext"),
    "pydantic": ("config.*",),
    "pydantic_core": ("config.*",),
    "frontmatter": ("posts.frontmatter",),
    "comrak": ("posts.markup",),
    "nh3": ("posts.markup", "posts.excerpt"),
    "liquid": ("posts.liquid",),
    "regex": ("posts.excerpt",),
    # Signatures are pure; secrets at rest are the store's affair.
    "cryptography": ("push.ed25519", "store.seal"),
    "feedgen": ("feeds.syndication",),
    "lxml": ("feeds.elements",),
    "jinja2": ("feeds.pages",),
    "brotli": ("service.compress",),
    "deflate": ("service.compress",),
    "backports": ("service.compress",),
    "compression": ("service.compress",),
    "markupsafe": ("feeds.pages",),
    "sqlalchemy": ("store.*",),
    "alembic": ("store.*",),
    # The transport is httpx's kind; the sender and what fetches old feeds make its requests and read its errors.
    "httpx": ("service.transport", "service.sender", "service.fetch"),
    "httptools": ("service.exchange", "web.connection"),
    "structlog": ("service.journal",),
    "watchfiles": ("service.watch",),
    "apscheduler": ("service.timetable",),
    "uvicorn": ("web.connection", "web.protocol", "web.server"),
    "uvloop": ("cli.run",),
    "click": ("cli", "cli.*"),
    "rich": ("cli.output",),
}

# Modules that import by a name from a table of theirs: the command line loads a verb when it is called.
LAZY = frozenset({"cli"})

# A pure room may use the standard library, except what reaches outside the process or differs from run to run. A module
# that is half pure has the names that are fine.
IMPURE: dict[str, frozenset[str]] = {
    **dict.fromkeys(("asyncio", "concurrent", "multiprocessing", "subprocess", "threading", "signal", "select"), frozenset()),
    **dict.fromkeys(("ftplib", "http", "smtplib", "socket", "socketserver", "ssl", "urllib.request"), frozenset()),
    **dict.fromkeys(("getpass", "glob", "mmap", "os", "platform", "shutil", "sqlite3", "sys", "tempfile"), frozenset()),
    **dict.fromkeys(("importlib", "locale", "logging", "random", "secrets", "time"), frozenset()),
    "io": frozenset({"BytesIO", "StringIO"}),
    "pathlib": frozenset({"PurePath", "PurePosixPath"}),
    "uuid": frozenset({"UUID", "uuid3", "uuid5", "NAMESPACE_DNS", "NAMESPACE_URL"}),
}
# hash() of a string differs from process to process, id() from run to run.
IMPURE_CALLS = frozenset({"open", "input", "print", "hash", "id", "eval", "exec", "compile", "__import__"})
IMPURE_METHODS = frozenset(
    {"now", "utcnow", "today", "localtime", "uuid1", "uuid4", "read_text", "read_bytes", "write_text", "write_bytes"}
)

COMPUTED = frozenset({"__import__", "importlib.import_module", "import_module"})

NAMELESS = frozenset({"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"})


def name_of(path: Path) -> str:
    """``feeds/lint.py`` is ``feeds.lint``, ``feeds/__init__.py`` is ``feeds``, the package's own is ``__init__``."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1]) if len(parts) > 1 and parts[-1] == "__init__" else ".".join(parts)


FILES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
ROOMS = {name for name, path in FILES.items() if path.name == "__init__.py" and name != "__init__"}


def room_of(module: str) -> str:
    return module.partition(".")[0]


def allowed(module: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(module, pattern) for pattern in patterns)


def imports(module: str, tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield (module, name) of every static import, wherever it stands; relative ones are resolved."""
    here = ("feedservice", *module.split(".")) if module != "__init__" else ("feedservice",)
    package = here if module in ROOMS or module == "__init__" else here[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            source = ".".join((*base, *((node.module,) if node.module else ())))
            yield from ((source, alias.name) for alias in node.names)


def target_of(source: str, name: str, modules: frozenset[str]) -> str:
    """Name the module of ours that ``from source import name`` reaches."""
    inside = source.removeprefix("feedservice").lstrip(".")
    deeper = f"{inside}.{name}".strip(".")
    return deeper if deeper in modules or deeper in MAY_IMPORT else inside or "__init__"


def forbidden_imports(module: str, tree: ast.Module, modules: frozenset[str]) -> Iterator[str]:
    room = room_of(module)
    if room not in MAY_IMPORT:
        yield f"{module}: the room {room} has no row in MAY_IMPORT"
        return
    for source, name in imports(module, tree):
        top = source.partition(".")[0]
        if top == "feedservice":
            target = target_of(source, name, modules)
            if room_of(target) != room and not allowed(target, MAY_IMPORT[room]):
                yield f"{module} must not import {target}"
        elif top not in sys.stdlib_module_names:
            if top not in DOORS:
                yield f"{module} imports {top}, which has no row in DOORS"
            elif not allowed(module, DOORS[top]):
                yield f"{module} must not import {top}: its door is {' or '.join(DOORS[top])}"


def impurities(module: str, tree: ast.Module) -> Iterator[str]:
    if room_of(module) not in PURE_ROOMS:
        return
    for source, name in imports(module, tree):
        outside = next((key for key in IMPURE if source == key or source.startswith(f"{key}.")), None)
        if outside is not None and name not in IMPURE[outside]:
            yield f"{module} is pure and must not import {source}{'.' if name else ''}{name}"
        if f"{source}.{name}" in IMPURE:
            yield f"{module} is pure and must not import {source}.{name}"
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id in IMPURE_CALLS:
            yield f"{module}:{node.lineno} is pure and must not call {called.id}()"
        elif isinstance(called, ast.Attribute) and called.attr in IMPURE_METHODS:
            yield f"{module}:{node.lineno} is pure and must not call .{called.attr}()"


def hidden_wiring(module: str, tree: ast.Module) -> Iterator[str]:
    """State of a module, and imports that the tables above cannot see."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            yield f"{module}:{node.lineno} rebinds module state with global {', '.join(node.names)}"
        elif module not in LAZY and isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) in COMPUTED:
            yield f"{module}:{node.lineno} imports by a computed name"


def parse(module: str) -> ast.Module:
    return ast.parse(FILES[module].read_text(encoding="utf-8"))


@pytest.mark.parametrize("module", FILES)
def test_a_module_imports_only_what_its_room_may(module: str) -> None:
    assert list(forbidden_imports(module, parse(module), frozenset(FILES))) == []


@pytest.mark.parametrize("module", [module for module in FILES if room_of(module) in PURE_ROOMS])
def test_a_pure_room_reaches_for_nothing_outside(module: str) -> None:
    assert list(impurities(module, parse(module))) == []


@pytest.mark.parametrize("module", FILES)
def test_a_module_has_no_hidden_wiring(module: str) -> None:
    assert list(hidden_wiring(module, parse(module))) == []


@pytest.mark.parametrize("module", FILES)
def test_a_file_is_one_room(module: str) -> None:
    lines = len(FILES[module].read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST, f"{module} has {lines} lines and wants to be two modules"


@pytest.mark.parametrize("module", FILES)
def test_a_module_is_named_for_what_it_does(module: str) -> None:
    assert not NAMELESS.intersection(part.strip("_") for part in module.split("."))


PLANTED_IMPORTS = [
    ("posts.parse", "from feedservice.feeds import selection", "posts.parse must not import feeds.selection"),
    ("feeds.lint", "import feedservice.push.hub", "feeds.lint must not import push.hub"),
    ("posts.parse", "from feedservice.config.load import load", "posts.parse must not import config.load"),
    ("posts.parse", "from ..service import publish", "posts.parse must not import service.publish"),
    ("web.app", "from feedservice.service.publish import publish", "web.app must not import service.publish"),
    ("service.deliver", "from feedservice.store.sql import Engine", "service.deliver must not import store.sql"),
    ("model", "if TYPE_CHECKING:\n    from feedservice.errors import ConfigError", "model must not import errors"),
    ("posts.parse", "def late():\n    import pytz", "posts.parse must not import pytz: its door is dates.zones"),
    ("feeds.jsonfeed", "import simplejson", "feeds.jsonfeed imports simplejson, which has no row in DOORS"),
    ("attic.box", "x = 1", "attic.box: the room attic has no row in MAY_IMPORT"),
]

PLANTED_IMPURITIES = [
    ("import os", "posts.x is pure and must not import os"),
    ("from os import environ", "posts.x is pure and must not import os.environ"),
    ("from pathlib import Path", "posts.x is pure and must not import pathlib.Path"),
    ("from urllib.request import urlopen", "posts.x is pure and must not import urllib.request.urlopen"),
    ("from urllib import request", "posts.x is pure and must not import urllib.request"),
    ("import random", "posts.x is pure and must not import random"),
    ("x = datetime.now(UTC)", "posts.x:1 is pure and must not call .now()"),
    ("x = open('f')", "posts.x:1 is pure and must not call open()"),
    ("x = hash('f')", "posts.x:1 is pure and must not call hash()"),
]


@pytest.mark.parametrize(("module", "source", "complaint"), PLANTED_IMPORTS)
def test_a_forbidden_import_is_seen(module: str, source: str, complaint: str) -> None:
    modules = frozenset({"feeds.selection", "push.hub", "config.load", "service.publish", "store.sql"})
    assert list(forbidden_imports(module, ast.parse(source), modules)) == [complaint]


@pytest.mark.parametrize(("source", "complaint"), PLANTED_IMPURITIES)
def test_an_impurity_is_seen(source: str, complaint: str) -> None:
    assert list(impurities("posts.x", ast.parse(source))) == [complaint]


@pytest.mark.parametrize(
    "source",
    [
        "from pathlib import PurePosixPath",
        "from io import BytesIO",
        "from uuid import uuid5",
        "from datetime import time",
        "from urllib.parse import quote",
    ],
)
def test_the_pure_half_of_a_module_is_free(source: str) -> None:
    assert list(impurities("posts.x", ast.parse(source))) == []


@pytest.mark.parametrize(
    "source",
    ["def f():\n    global x\n    x = 1", "m = importlib.import_module('os')", "m = import_module('os')", "m = __import__('os')"],
)
def test_hidden_wiring_is_seen(source: str) -> None:
    assert len(list(hidden_wiring("service.x", ast.parse(source)))) == 1
