from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from feedservice import cli


def article(title: str, day: int) -> str:
    return f"---\ntitle: {title}\ndate: 2025-05-{day:02} 09:00\n---\nText of {title}.\n"


def test_what_happened_is_shown(tmp_path: Path) -> None:
    def run(*words: str) -> Result:
        return CliRunner().invoke(cli.group, ["--config", str(tmp_path / "config.yaml"), *words])

    config = "site: {title: S, url: https://example.org}\nfeeds: {pages: false, compress: []}\n"
    (tmp_path / "config.yaml").write_text(config)
    content = tmp_path / "content"
    content.mkdir()
    assert run("log").output == "Nothing happened that is remembered.\n"
    for day in range(1, 9):
        (content / f"{day}.md").write_text(article(f"T{day}", day))
    run("build")
    run("build")
    assert [line.partition(" ")[2] for line in run("log").output.splitlines()] == ["+ all: published 8 entries"]
    (content / "9.md").write_text(article("Fresh tea", 9))
    (content / "2.md").unlink()
    (content / "3.md").write_text(article("Another title", 3))
    run("build")
    for day in range(10, 17):
        (content / f"{day}.md").write_text(article(f"T{day}", day))
    run("build")
    run("build")
    run("release", "all")
    lines = [line.partition(" ")[2] for line in run("log").output.splitlines()]
    assert lines[:4] == [
        "+ all: published 8 entries",
        "+ all: published Fresh tea",
        "~ all: changed Another title (another title)",
        "- all: withdrawn T2",
    ]
    assert lines[4].startswith("! all: held 7 entries would be new at once")
    assert lines[5] == "> all: released"
    assert len(lines) == 6 + 7
    for name in ("Fresh", "fresh TEA", "9.md", "content/9.md", "9", "https://example.org/2025/05/09/9"):
        assert [line.partition(" ")[2] for line in run("log", name).output.splitlines()] == ["+ all: published Fresh tea"], name
    (content / "17.md").write_text(article("Not at all", 17))
    run("build")
    assert len(run("log", "all").output.splitlines()) == len(lines) + 1
    (content / "17.md").unlink()
    assert [each["what"] for each in json.loads(run("log", "-n", "1", "--json", "all").output)] == ["published"]
    mistyped = run("log", "--since", "yesterday")
    assert (mistyped.exit_code, "Invalid value for --since: cannot read the date" in mistyped.stderr) == (2, True)
    assert run("log", "--since", "2125-01-01").output == "Nothing happened that is remembered.\n"
