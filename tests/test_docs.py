"""The documents of docs/ are true: links lead somewhere, names exist, what exists is named, and examples are accepted.

Conventions: a fence ```yaml config is (a part of) a configuration, a fence ```markdown post NAME is a post without problems,
in a fence ```sh or ```console a line that begins with ``feedservice`` is a command of this program.
"""

from __future__ import annotations

import ast
import re
import shlex
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from feedservice import cli, config
from feedservice.config import shapes
from feedservice.config.importers import IMPORTERS
from feedservice.config.schema import Config, IdScheme, get_args
from feedservice.feeds.identity import SCHEMES
from feedservice.model import Source
from feedservice.posts import parse, permalink
from feedservice.posts.keys import MEANINGS
from feedservice.taxonomy import fold_key

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [*DOCS, *(page for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md") if page.exists())]
PACKAGE = ROOT / "feedservice"

FENCE = re.compile(r"^([ ]*)```([^\n`]*)\n(.*?)^\1```[ ]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^()\s]+)\)")
CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
SETTING = re.compile(r"((?:site|content|feeds|announce)(?:\.[A-Za-z_-]+|\[\])+)(?::(?: .*)?)?", re.DOTALL)
RULE = re.compile(r"[a-z]+\.[a-z][a-z0-9-]*")
SITE = "site: {title: T, url: https://example.org}\n"


def prose(page: Path) -> str:
    """Return a page without its fences; what is left out keeps its line ends."""
    return FENCE.sub(lambda match: "\n" * match[0].count("\n"), page.read_text(encoding="utf-8"))


def fences(page: Path) -> Iterator[tuple[str, str, int]]:
    """Yield (info string, text, line) of every fence."""
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        indent = match[1]
        body = "".join(line.removeprefix(indent) for line in match[3].splitlines(keepends=True))
        yield match[2].strip(), body, text.count("\n", 0, match.start()) + 1


def spans(text: str) -> list[str]:
    """Return the inline code of a text."""
    return [" ".join(span.replace("\\|", "|").split()) for span in CODE.findall(text)]


def rows(page: Path, heading: str) -> Iterator[list[str]]:
    """Yield the cells of the first table below a heading, without its own heading row."""
    text = prose(page)
    start = text.index(f"\n{heading}\n") + len(heading)
    table = re.search(r"(?:^\|.*\n)+", text[start:], re.MULTILINE)
    assert table is not None, f"{page.name}: no table below {heading}"
    for line in table[0].splitlines()[2:]:
        yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


# Links ---------------------------------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """Return the fragments that headings have on the page as code hosts show it."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} (.+)$", prose(page), re.MULTILINE):
        base = anchor = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        number = 0
        while anchor in found:
            number += 1
            anchor = f"{base}-{number}"
        found.add(anchor)
    return found


def dead_links(page: Path) -> Iterator[str]:
    for target in LINK.findall(CODE.sub("", prose(page))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, fragment = target.partition("#")
        file = page if not path else (page.parent / path)
        if not file.exists():
            yield f"{target}: there is no such file"
        elif fragment and file.suffix == ".md" and fragment not in anchors(file):
            yield f"{target}: there is no such heading"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    assert list(dead_links(page)) == []


def test_a_dead_link_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One two?\n\n[a](#one-two) [b](none.md) [c](#none) [d](https://example.org) `[e](none)`\n```\n[f](none)\n```\n"
    )
    assert [line.partition(":")[0] for line in dead_links(page)] == ["none.md", "#none"]


# Front matter and permalinks ---------------------------------------------------------------------------------------

FRONT_MATTER = ROOT / "docs" / "front-matter.md"


def test_every_front_matter_key_has_a_row_and_no_row_is_invented() -> None:
    documented = {fold_key(key) for row in rows(FRONT_MATTER, "## Keys") for key in spans(row[0])}
    assert documented == {key for keys in MEANINGS.values() for key in keys}


def test_keys_of_one_meaning_stand_in_the_order_in_which_they_win() -> None:
    meanings = set(MEANINGS.values())
    for row in rows(FRONT_MATTER, "## Keys"):
        keys = tuple(fold_key(key) for key in spans(row[0]))
        assert keys in meanings, row[0]


PLACE = {
    "path": "notes/_posts/2025-01-07-Hello-World.md",
    "slug": None,
    "title": "Hello, World!",
    "local": datetime(2025, 1, 7, 9, 5, 3),
    "categories": ("News", "Tea Time"),
}


def test_every_permalink_token_is_documented_with_what_it_gives() -> None:
    documented: dict[str, tuple[str, ...]] = {}
    for token, _, example, hugo, pelican in rows(FRONT_MATTER, "## Permalinks"):
        plain = spans(example)[0]
        others = (spans(cell)[0] if cell else plain for cell in (hugo, pelican))
        documented[spans(token)[0].removeprefix(":")] = (plain, *others)
    made = {
        token: tuple(fill(permalink.Place(**PLACE, dialect=dialect)) for dialect in ("plain", "hugo", "pelican"))  # type: ignore[arg-type]
        for token, fill in permalink.TOKENS.items()
    }
    assert documented == made


def test_every_permalink_style_is_documented() -> None:
    text = prose(FRONT_MATTER)
    found = dict(re.findall(r"^\| `([a-z]+)` \| `(/:[^`]+)` \|$", text, re.MULTILINE))
    assert found == permalink.STYLES


# Feeds -----------------------------------------------------------------------------------------------------------------


def test_every_id_scheme_is_documented() -> None:
    documented = {spans(row[0])[0] for row in rows(ROOT / "docs" / "feeds.md", "## Ids")}
    assert documented == set(SCHEMES) == set(get_args(IdScheme))


def test_every_importer_has_a_guide() -> None:
    guides = "".join(page.read_text(encoding="utf-8") for page in DOCS if page.parent.name == "guides")
    assert [file for file in IMPORTERS if f"`{file}`" not in guides] == ["_config.yaml", "hugo.yml"]


# Problems --------------------------------------------------------------------------------------------------------------

EVENTS = frozenset({"post.published", "post.updated", "post.removed", "feed.held", "feed.released"})
"""What webhooks are told of: named like rules, and no problems."""
FILE_ENDINGS = frozenset({"css", "html", "js", "json", "md", "rss", "sock", "sqlite", "toml", "xml", "yaml", "yml"})
NO_PROBLEMS = frozenset({"Refusal"})
"""Types with a ``rule`` that are answers to a request, and documented with HTTP."""


def modules() -> dict[str, ast.Module]:
    return {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")}


def given_rules(trees: list[ast.Module]) -> Iterator[str]:
    """Yield every constant that is given as ``rule=``, or as the first argument to what makes or notes a problem."""
    for node in (node for tree in trees for node in ast.walk(tree)):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in NO_PROBLEMS:
            continue
        first = node.args[:1] if called in {"note", "report", "error", "warning", "_error", "_warning", "_warn", "Fault"} else []
        for value in (*first, *(keyword.value for keyword in node.keywords if keyword.arg == "rule")):
            if isinstance(value, ast.Constant) and isinstance(value.value, str) and RULE.fullmatch(value.value):
                yield value.value


def computed_rules(trees: list[ast.Module]) -> Iterator[str]:
    """Yield the rules that a function makes of its first argument, ``f"{kind}.too-deep"``, for every call of it."""
    for tree in trees:
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            endings = [
                str(node.values[1].value)
                for node in ast.walk(function)
                if isinstance(node, ast.JoinedStr)
                and len(node.values) == 2
                and isinstance(node.values[0], ast.FormattedValue)
                and isinstance(node.values[1], ast.Constant)
                and re.fullmatch(r"\.[a-z][a-z-]*", str(node.values[1].value))
            ]
            if not endings:
                continue
            for call in (node for other in trees for node in ast.walk(other) if isinstance(node, ast.Call)):
                called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
                if called == function.name and isinstance(call.args[0], ast.Constant):
                    yield from (str(call.args[0].value) + ending for ending in endings)


def rules() -> set[str]:
    """Return every rule that a problem can have: each family is known by one rule that is given in so many words."""
    trees = list(modules().values())
    given = {*given_rules(trees), *computed_rules(trees)}
    families = {rule.partition(".")[0] for rule in given}
    texts = {
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and RULE.fullmatch(node.value)
    }
    alike = {text for text in texts if text.partition(".")[0] in families and text.partition(".")[2] not in FILE_ENDINGS}
    return (given | alike) - EVENTS


def documented_rules() -> list[str]:
    table = re.findall(r"^\| (`[^|]+`) \| (?:error|warning) \|", prose(ROOT / "docs" / "problems.md"), re.MULTILINE)
    return [rule for cell in table for rule in spans(cell)]


def test_every_rule_is_in_problems_md_and_none_is_invented() -> None:
    documented = documented_rules()
    assert len(documented) == len(set(documented)), "a rule is documented twice"
    made = rules()
    assert {"missing": sorted(made - set(documented)), "invented": sorted(set(documented) - made)} == {
        "missing": [],
        "invented": [],
    }


def test_rules_are_found_in_all_the_ways_that_they_are_written() -> None:
    tree = ast.parse(
        'note("x.one", 1)\nProblem(rule="x.two")\nrule = "x.three" if a else "y.none"\n'
        'def deep(kind): return error(f"{kind}.deep")\ndeep("toml")\nopen("x.json")\n'
    )
    assert set(given_rules([tree])) == {"x.one", "x.two"}
    assert set(computed_rules([tree])) == {"toml.deep"}


# Settings and examples ---------------------------------------------------------------------------------------------


def exists(path: str) -> bool:
    """Return whether a setting such as ``feeds.all.paths`` or ``feeds.define[].key`` is in the schema."""

    def below(shape: Any, parts: list[str]) -> bool:
        if not parts:
            return True
        options = (shape, *shapes.branches(shape))
        key: str | int = 0 if parts[0] == "[]" else parts[0]
        for option in options:
            known = shapes.keys(option)
            inner = None if known and key not in known else shapes.below(option, key)
            if inner is not None and (key != 0 or shapes.items(option) is not None) and below(inner, parts[1:]):
                return True
        return False

    return below(Config, path.replace("[]", ".[]").split("."))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_settings_exist(page: Path) -> None:
    known = set(documented_rules())
    written = {match[1] for span in spans(prose(page)) if (match := SETTING.fullmatch(span))}
    assert [path for path in sorted(written) if path not in known and not exists(path)] == []


def test_a_setting_that_does_not_exist_is_seen() -> None:
    assert [
        exists(path) for path in ("feeds.window", "feeds.all.paths.atom", "feeds.define[].key", "feeds.categories.X.slug")
    ] == [True] * 4
    assert [exists(path) for path in ("feeds.windows", "site.title.x", "feeds.define[].kay", "feeds.all.paths.pdf")] == [
        False
    ] * 4


def examples(kind: str) -> list[Any]:
    return [
        pytest.param(info, body, id=f"{name(page)}:{line}")
        for page in PAGES
        for info, body, line in fences(page)
        if info == kind or info.startswith(kind + " ")
    ]


@pytest.mark.parametrize(("info", "text"), examples("yaml config"))
def test_configurations_are_valid(info: str, text: str) -> None:
    assert info == "yaml config"
    whole = text if re.search(r"^site:", text, re.MULTILINE) else SITE + text
    assert config.parse(whole, name="example", environ={}).site.url


@pytest.mark.parametrize(("info", "text"), examples("markdown post"))
def test_posts_have_no_problems(info: str, text: str) -> None:
    settings = config.parse(SITE, name="example", environ={})
    context = parse.Context(site=settings.site, content=settings.content, dialect="plain")
    made = parse.parse(Source(path=info.split()[2], data=text.encode()), context)
    assert made.post is not None
    assert made.problems == ()


def commands() -> Iterator[Any]:
    for page in PAGES:
        for info, body, line in fences(page):
            if info in {"sh", "console"}:
                for number, text in enumerate(body.splitlines(), line + 1):
                    command = re.search(r"^(?:\$ )?(?:eval \"\$\()?(feedservice [^#|)]*)", text)
                    if command is not None:
                        yield pytest.param(command[1], id=f"{name(page)}:{number}")


@pytest.mark.parametrize("line", list(commands()))
def test_commands_exist(line: str) -> None:
    words = shlex.split(line)[1:]
    verb: click.Command = cli.group
    context = click.Context(verb)
    while isinstance(verb, click.Group) and words and not words[0].startswith("-"):
        found = verb.get_command(context, words[0])
        assert found is not None, f"there is no verb {words[0]}"
        verb, words = found, words[1:]
    if "--help" not in words:
        # What is missing or of the wrong form is an error of click's; files need not exist here.
        known = {option for parameter in verb.params for option in parameter.opts}
        assert {word.partition("=")[0] for word in words if word.startswith("-") and word != ">"} <= known


# The quick start ---------------------------------------------------------------------------------------------------


def told(text: str, root: Path) -> list[str]:
    """Return lines as a page can have them: in a folder of its own, and without what took how long."""
    lines = text.strip().replace(str(root), "/home/hanako/my-site").splitlines()
    return [re.sub(r"[0-9]+\.[0-9]+", "0.00", line) if line.startswith("Took ") else line for line in lines]


def test_the_quick_start_happens_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # What a page says of output goes to one stream of the terminal.
    runner = CliRunner()
    shown = 0
    for info, body, line in fences(ROOT / "docs" / "quick-start.md"):
        if info.startswith("markdown"):
            named = info.split()[2] if "post" in info else "tea.md"
            (tmp_path / "content" / named).write_text(body, encoding="utf-8")
        if info == "" and "public/feeds.opml" in body:
            written = {path.relative_to(tmp_path).as_posix() for path in (tmp_path / "public").rglob("*") if path.is_file()}
            assert body.splitlines() == sorted(path for path in written if not path.endswith((".gz", ".br", ".zst")))
        if info != "console":
            continue
        for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            words = shlex.split(command)
            if words[0] == "mkdir":
                (tmp_path / words[1]).mkdir()
                continue
            if command == "feedservice check" and "No problems." in output:
                tea = tmp_path / "content" / "tea.md"
                tea.write_text(tea.read_text("utf-8").replace("Tea: a love story", '"Tea: a love story"'), encoding="utf-8")
            result = runner.invoke(cli.group, words[1:])
            got, wanted = told(result.output, tmp_path), told(output, tmp_path)
            if "…" in output:
                pieces = [re.escape(piece) for piece in re.split(r"\s*…\s*", "\n".join(wanted))]
                assert re.match(".*?".join(pieces), "\n".join(got), re.DOTALL), f"line {line}: {result.output}"
            else:
                assert got == wanted, f"line {line}: {command}"
            shown += 1
    assert shown >= 6


def test_the_readme_shows_what_the_sample_site_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "content", tmp_path / "content")
    shutil.copy(ROOT / "config.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(cli.group, ["build"]).output.replace(str(tmp_path) + "/", "")
    lines = [line.strip() for line in said.splitlines() if not line.startswith("Took ")]
    page = " ".join((ROOT / "README.md").read_text("utf-8").split())
    assert [line for line in lines if " ".join(line.split()) not in page] == []
    assert any("happened twice" in line for line in lines)
