from __future__ import annotations

from collections.abc import Mapping

import pytest

from feedservice.config.dialects import detect_dialect


@pytest.mark.parametrize(
    ("files", "dialect"),
    [
        ({}, "plain"),
        ({"notes.md": "", "config.yaml": "site: {title: A}\n"}, "plain"),
        ({"_config.yml": ""}, "jekyll"),
        ({"site/_posts/": ""}, "jekyll"),
        ({"hugo.toml": ""}, "hugo"),
        ({"config.toml": 'title = "A"\nbaseURL = "https://a.org"\n'}, "hugo"),
        ({"/srv/site/config.toml": '  base_url="https://a.org"\n'}, "zola"),
        ({"config.yaml": "baseurl: https://a.org\n"}, "hugo"),
        ({"config.yaml": "content:\n  variables:\n    baseurl: /x\n"}, "plain"),
        ({"config.toml": "theme = 'x'\n"}, "plain"),
        ({"pelicanconf.py": ""}, "pelican"),
        ({"eleventy.config.mjs": "", "_posts": ""}, "eleventy"),
    ],
)
def test_a_dialect_is_told_by_names(files: Mapping[str, str], dialect: str) -> None:
    assert detect_dialect(files.keys(), files.get) == dialect


def test_only_shared_names_are_read() -> None:
    asked: list[str] = []

    def read(name: str) -> str | None:
        asked.append(name)
        return None

    assert detect_dialect({"a/_config.toml", "config.toml", "b.md"}, read) == "plain"
    assert asked == ["config.toml"]


def test_without_reading_shared_names_say_nothing() -> None:
    assert detect_dialect({"config.toml"}) == "plain"
    assert detect_dialect({"config.toml", "_posts"}) == "jekyll"
