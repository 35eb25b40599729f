"""The addresses of what surrounds the feeds: index, previews, stylesheet, list of feeds, snippet."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from feedservice.config.schema import Config
from feedservice.feeds.pages import SitePage
from feedservice.feeds.specs import feeds_base
from feedservice.model import FeedSpec
from feedservice.taxonomy import encode_path


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Output paths, unencoded, and the URLs they have; all below the feeds' own base."""

    index: str
    previews: Mapping[str, str]
    """Feed key → output path of its preview."""
    stylesheet: str
    snippet: str
    opml: str
    origin: str
    """Scheme and host of the feeds."""

    def url(self, path: str) -> str:
        """Return the URL of an output path; a directory's index is the directory."""
        return self.origin + encode_path("/" + path.removesuffix("index.html"))


def places(config: Config, specs: Sequence[FeedSpec]) -> Places:
    """Return where everything is."""
    base = urlsplit(feeds_base(config))
    folder = base.path.strip("/")
    prefix = f"{folder}/" if folder else ""
    return Places(
        index=f"{prefix}index.html",
        previews={spec.key: f"{prefix}{spec.key}/index.html" for spec in specs},
        stylesheet=f"{prefix}feed.css",
        snippet=f"{prefix}links.html",
        opml=config.feeds.opml.lstrip("/"),
        origin=f"{base.scheme}://{base.netloc}",
    )


def page(config: Config, where: Places) -> SitePage:
    """Return what all pages share."""
    site = config.site
    return SitePage(
        title=site.title,
        description=site.description,
        url=site.url.rstrip("/") + "/",
        language=site.language,
        timezone=site.timezone,
        opml_url=where.url(where.opml),
        index_url=where.url(where.index),
        preview_urls={key: where.url(path) for key, path in where.previews.items()},
        copyright=site.copyright,
    )
