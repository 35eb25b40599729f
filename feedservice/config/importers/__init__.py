"""What another generator's configuration becomes here; each importer is text in, values out."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from functools import partial

from feedservice.config.importers.draft import Imported, refuse
from feedservice.config.importers.hugo import import_hugo
from feedservice.config.importers.jekyll import import_jekyll
from feedservice.config.importers.pelican import import_pelican
from feedservice.config.importers.zola import import_zola
from feedservice.errors import ConfigError

__all__ = ["IMPORTERS", "Imported", "import_hugo", "import_jekyll", "import_pelican", "import_zola", "read"]

_ZOLA = re.compile(r"^\s*base_url\s*=", re.MULTILINE)


def _hugo_or_zola(text: str) -> Imported:
    return import_zola(text) if _ZOLA.search(text) else import_hugo(text, format="toml")


IMPORTERS: Mapping[str, Callable[[str], Imported]] = {
    "_config.yml": import_jekyll,
    "_config.yaml": import_jekyll,
    "hugo.toml": partial(import_hugo, format="toml"),
    "hugo.yaml": partial(import_hugo, format="yaml"),
    "hugo.yml": partial(import_hugo, format="yaml"),
    "hugo.json": partial(import_hugo, format="json"),
    "config.toml": _hugo_or_zola,
    "zola.toml": import_zola,
    "pelicanconf.py": import_pelican,
    "publishconf.py": import_pelican,
}
"""File name → importer. Older Hugo sites and Zola sites both have ``config.toml``: Zola's says ``base_url``."""


def read(path: str, text: str) -> Imported:
    """Import a file by its name; raises ``ConfigError`` when the name is unknown or the file cannot be read."""
    importer = IMPORTERS.get(path.replace("\\", "/").rpartition("/")[2])
    if importer is None:
        raise refuse(path, "no importer knows a file of this name", "known are " + ", ".join(IMPORTERS))
    try:
        return importer(text)
    except ConfigError as error:
        raise ConfigError([dataclasses.replace(problem, path=path) for problem in error.problems]) from None
