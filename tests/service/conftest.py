"""A site on disk, made by a test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from feedservice.config import Loaded, load

MakeSite = Callable[..., Loaded]

CONFIG = """\
site:
  title: 紙と活字
  url: https://example.org
  language: ja
  timezone: Asia/Tokyo
"""


@pytest.fixture
def make_site(tmp_path: Path) -> MakeSite:
    """Write a configuration and posts below ``tmp_path`` and load them; ``extra`` is appended to the configuration."""

    def make(posts: Mapping[str, str], extra: str = "", config: str = CONFIG) -> Loaded:
        for name, text in posts.items():
            path = tmp_path / "content" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        file = tmp_path / "config.yaml"
        file.write_text(config + extra, encoding="utf-8")
        return load(file, {})

    return make
