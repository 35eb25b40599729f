"""A post's body becomes what a feed shows of it: safe HTML with absolute links, and a plain summary."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Mapping

from feedservice import dates
from feedservice.model import Post, Problem, Severity
from feedservice.posts import defaults, frontmatter, permalink
from feedservice.posts.excerpt import plain_text, split_more, summarize
from feedservice.posts.liquid import LiquidContext
from feedservice.posts.markup import Rendered
from feedservice.posts.markup import render as render_markup
from feedservice.posts.parse import HTML_ENDINGS, Context
from feedservice.taxonomy import fold_key

_TEMPLATE = re.compile(r"\{[{%]")
_PAGE = re.compile(r"\bpage\b")
_FIRST_HEADING = re.compile(r"<(h[1-6])(?: [^<>]*)?>.*?</\1>\s*", re.DOTALL)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a post looks like in a feed: safe HTML with absolute links, and a plain summary."""

    html: str
    summary: str
    problems: tuple[Problem, ...]


def render(data: bytes, post: Post, context: Context, *, post_urls: Mapping[str, str]) -> Body:
    """Render the body of a post. ``data`` are the bytes that ``parse`` read; ``post_urls`` resolves links between posts."""
    text = frontmatter.decode(data)
    block = text if isinstance(text, Problem) else frontmatter.split(text, dialect=context.dialect)
    if isinstance(block, Problem):
        raise TypeError(f"{post.path} was read before and cannot be now: {block.message}")
    content = context.content
    before, body = split_more(block.body, content.excerpt_separator)
    page, known = _page(post, context), None
    if context.dialect == "eleventy" and _TEMPLATE.search(block.body):
        known = _front_matter(data, post, context)
    elif context.dialect == "jekyll" and _TEMPLATE.search(block.body) and _PAGE.search(block.body):
        page = {**_front_matter(data, post, context), **page}
    dialect = context.dialect if known is None or _runs_liquid(known) else "plain"
    liquid = LiquidContext(site=_site(context), page=page, post_urls=post_urls, top=known)
    prefix = hashlib.blake2b(post.path.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest() + "-"

    def to_html(markup: str) -> Rendered:
        return render_markup(
            markup,
            markdown=not post.path.lower().endswith(HTML_ENDINGS),
            base_url=post.link,
            id_prefix=prefix,
            dialect=dialect,
            context=liquid,
            body_line=block.body_line,
            unsafe_html=content.unsafe_html,
        )

    whole = to_html(body)
    problems = [dataclasses.replace(problem, path=post.path) for problem in whole.problems]
    if whole.removed:
        message = f"{whole.removed} characters that XML 1.0 cannot hold were left out"
        hint = "remove control characters from the post"
        problems.append(Problem(rule="text.characters", severity=Severity.WARNING, message=message, hint=hint, path=post.path))
    summary = post.summary
    if summary is None:
        html = whole.html if before is None else to_html(before).html
        # What stands before the separator was chosen by its author: only when it is a whole article is it shortened.
        factor = 1 if before is None else 10
        characters, words = content.summary_characters * factor, content.summary_words * factor
        text = _opening_text(html, enough=len(post.title) + max(2 * characters, 12 * words))
        summary = summarize(text, title=post.title, characters=characters, words=words)
    return Body(html=_untitled(whole.html, data, post, context), summary=summary, problems=tuple(problems))


def _untitled(html: str, data: bytes, post: Post, context: Context) -> str:
    """Return the body without the heading that it begins with, when the title is from there: readers show that above it."""
    first = _FIRST_HEADING.match(html)
    if first is None or first.end() == len(html) or context.dialect == "jekyll":
        return html
    if " ".join(plain_text(first[0]).split()) != post.title:
        return html
    read = frontmatter.read(data, dialect=context.dialect, max_bytes=context.content.max_front_matter_bytes)
    own = () if isinstance(read, tuple) else read.metadata
    named = any(fold_key(key) == "title" for key in (*own, *(each.key for each in defaults.for_path(post.path, context.content))))
    return html if named else html[first.end() :]


def _opening_text(html: str, *, enough: int) -> str:
    """Return the text of as many opening blocks as give ``enough`` characters: a summary never looks at the rest."""
    end = html.find("\n<", 4 * enough)
    while 0 < end < len(html) // 2:
        text = plain_text(html[:end])
        if len(text) >= enough:
            return text
        end = html.find("\n<", 2 * end)
    return plain_text(html)


def _site(context: Context) -> dict[str, object]:
    """Return what ``{{ site.* }}`` may see."""
    match = re.match(r"(https?://[^/]+)(/.*)?", context.site.url.rstrip("/"))
    address = {"url": match[1], "baseurl": match[2] or ""} if match else {"url": context.site.url, "baseurl": ""}
    return {**context.content.variables, "title": context.site.title, "description": context.site.description, **address}


def _page(post: Post, context: Context) -> dict[str, object]:
    """Return what ``{{ page.* }}`` may see."""
    base = context.site.url.rstrip("/")
    url = post.link.removeprefix(base) if post.link.startswith(base + "/") else post.link
    return {
        "title": post.title,
        "url": url,
        "path": post.path,
        # As Jekyll has it: in the zone of the site, whatever zone it was written in.
        "date": dates.rfc3339(post.published, context.site.timezone),
        "author": post.authors[0].name if post.authors else None,
        "categories": list(post.categories),
        "tags": list(post.tags),
        "fileSlug": permalink.undated(permalink.name_of(post.path)),
    }


def _front_matter(data: bytes, post: Post, context: Context) -> dict[str, object]:
    """Return the front matter with the configured defaults: Eleventy's templates see its keys, Jekyll's as those of ``page``."""
    read = frontmatter.read(data, dialect=context.dialect, max_bytes=context.content.max_front_matter_bytes)
    own = {} if isinstance(read, tuple) else read.metadata
    given = {field.key: field.value for field in defaults.for_path(post.path, context.content)}
    return {"title": post.title, **given, **own}


def _runs_liquid(known: Mapping[str, object]) -> bool:
    """Tell whether Eleventy would run Liquid over the post; ``templateEngineOverride`` may say otherwise."""
    override = known.get("templateEngineOverride")
    return override is None or (isinstance(override, str) and "liquid" in override)
