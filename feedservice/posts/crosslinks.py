"""Links from post to post by file name, as each generator writes them, and where those posts are on the site."""

from __future__ import annotations

import html as entities
import posixpath
import re
from collections.abc import Mapping
from urllib.parse import unquote

from feedservice.model import Problem, Severity

_PELICAN = re.compile(
    r"""(?P<open>\b(?:href|src|poster)=["']?)(?:%7B|\{|%7C|\|)(?P<kind>filename|static|attach|tag|category|author|index)"""
    r"""(?:%7D|\}|%7C|\|)(?P<path>[^"'\s<>]*)"""
)
_ZOLA = re.compile(r"""(?P<open>\bhref=["']?)@/(?P<path>[^"'\s<>]*)""")
_ENDINGS = ("", ".md", "/index.md", "/_index.md", ".html")


def find_post(target: str, post_urls: Mapping[str, str], page_path: str = "") -> str | None:
    """Return the URL of the post that ``target`` names: a path from the content directory or from the page's own, or a name."""
    path = unquote(target).strip()
    beside = posixpath.join(posixpath.dirname(page_path), path)
    for candidate in (path.lstrip("/"), posixpath.normpath(beside).lstrip("/"), posixpath.basename(path.rstrip("/"))):
        for ending in _ENDINGS:
            url = post_urls.get(candidate + ending)
            if url is not None:
                return url
    return None


def resolve_links(
    html: str, *, dialect: str, post_urls: Mapping[str, str], page_path: str = ""
) -> tuple[str, tuple[Problem, ...]]:
    """Replace Pelican's ``{filename}…`` and Zola's ``@/…`` in the links of rendered HTML by URLs; name those without a post."""
    missing: list[str] = []

    def pelican(match: re.Match[str]) -> str:
        kind, (path, fragment) = match["kind"], _split(match["path"])
        if kind == "index":
            return f"{match['open']}/{fragment}"
        if kind in {"tag", "category", "author"}:
            return f"{match['open']}/{kind}/{path.strip('/')}.html{fragment}"
        url = find_post(entities.unescape(path), post_urls, page_path)
        if url is None and kind == "filename":
            missing.append(f"{{filename}}{path}")
            path = re.sub(r"\.(?:md|markdown|rst|html)$", ".html", path)
        beside = posixpath.normpath("/" + posixpath.join(posixpath.dirname(page_path), path))
        return match["open"] + entities.escape(url or (path if path.startswith("/") else beside)) + fragment

    def zola(match: re.Match[str]) -> str:
        path, fragment = _split(match["path"])
        url = find_post(entities.unescape(path), post_urls)
        if url is None:
            missing.append(f"@/{path}")
            url = "/" + re.sub(r"(?:/?_?index)?\.md$", "/", path).lstrip("/")
        return match["open"] + entities.escape(url) + fragment

    if dialect == "pelican":
        html = _PELICAN.sub(pelican, html)
    elif dialect == "zola" and "@/" in html:
        html = _ZOLA.sub(zola, html)
    return html, tuple(unresolved(target) for target in dict.fromkeys(missing))


def unresolved(target: str, line: int | None = None) -> Problem:
    """Return the warning that a link leads to no post."""
    return Problem(
        rule="content.link",
        severity=Severity.WARNING,
        message=f"the link {target} names no post",
        hint="write the path of an existing post, or a URL",
        line=line,
    )


def _split(path: str) -> tuple[str, str]:
    before, mark, fragment = path.partition("#")
    return before, mark + fragment
