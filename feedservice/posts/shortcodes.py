"""Shortcodes of Hugo and Zola: the ones that every site has become HTML or links, the others leave their content."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping

from feedservice.model import Problem, Severity
from feedservice.posts.constructs import HUGO, Construct, Scanner, Unclosed
from feedservice.posts.crosslinks import find_post, unresolved
from feedservice.posts.fences import MarkdownWriter
from feedservice.posts.liquid import LiquidContext
from feedservice.posts.text import plain_title

Arguments = Mapping[str, str]
"""By name, and the positional ones by ``0``, ``1`` …"""

# Of Zola, where every argument has a name: names, `=`, and a text in any of three quotation marks or a bare value.
_KEYWORD = re.compile(r"""([A-Za-z_]\w*)\s*=\s*("[^"]*"|'[^']*'|`[^`]*`|[^\s,"'`]+)""")
_ARGUMENT = re.compile(r"""(?:([A-Za-z_][\w-]*)=)?("(?:\\.|[^"\\])*"|`[^`]*`|[^\s"`=]+)""")
_ZOLA = re.compile(
    r"(?:\{\{(?P<escaped>/\*) *(?P<shown>[^{}]*?) *\*/\}\})|(?:\{%(?P<escaped_tag>/\*) *(?P<shown_tag>[^{}]*?) *\*/%\})"
    r"|(?:\{\{-? *(?P<name>[A-Za-z_]\w*)\((?P<arguments>[^{}]*)\) *-?\}\})"
    r"|(?:\{%-? *(?P<block>[A-Za-z_]\w*)\((?P<block_arguments>[^{}]*)\) *-?%\})|(?P<end>\{%-? *end *-?%\})"
)


def _link(name: str, url: str, arguments: Arguments) -> str:
    title = arguments.get("title") or name
    return f'<a href="{html.escape(url)}">{html.escape(title)}</a>'


def _figure(arguments: Arguments) -> str:
    def words(name: str) -> str:
        # Hugo reads Markdown here; inside an element it would stay as it is typed.
        return html.escape(plain_title(arguments.get(name, "")))

    get = arguments.get
    attributes = "".join(f' {name}="{html.escape(get(name, ""))}"' for name in ("width", "height") if get(name))
    picture = f'<img src="{html.escape(get("src", ""))}" alt="{words("alt") or words("caption")}"{attributes}>'
    if get("link"):
        picture = f'<a href="{html.escape(get("link", ""))}">{picture}</a>'
    title = f"<strong>{words('title')}</strong> " if get("title") else ""
    credit = words("attr")
    if get("attrlink"):
        credit = f'<a href="{html.escape(get("attrlink", ""))}">{credit or html.escape(get("attrlink", ""))}</a>'
    caption = " ".join(part for part in (title + words("caption"), credit) if part.strip()).strip()
    return f"<figure>{picture}{f'<figcaption>{caption}</figcaption>' if caption else ''}</figure>"


def _details(arguments: Arguments) -> str:
    opened = " open" if arguments.get("open") == "true" else ""
    return f"<details{opened}><summary>{html.escape(arguments.get('summary') or 'Details')}</summary>\n\n"


def _first(arguments: Arguments, *names: str) -> str:
    return next((arguments[name] for name in (*names, "0") if arguments.get(name)), "")


def _tweet(arguments: Arguments) -> str:
    user, post = arguments.get("user") or "i", arguments.get("id") or arguments.get("0", "")
    return _link("Post on X", f"https://x.com/{user}/status/{post}", arguments)


def _gist(arguments: Arguments) -> str:
    path = "/".join(arguments[key] for key in ("0", "1") if arguments.get(key))
    return _link("Gist", f"https://gist.github.com/{path}", arguments)


_HUGO: Mapping[str, Callable[[Arguments], str]] = {
    "details": _details,
    "/details": lambda _: "\n\n</details>\n",
    "figure": _figure,
    "gist": _gist,
    "instagram": lambda given: _link("Instagram", f"https://www.instagram.com/p/{_first(given, 'id')}/", given),
    "tweet": _tweet,
    "twitter": _tweet,
    "vimeo": lambda given: _link("Vimeo", f"https://vimeo.com/{_first(given, 'id')}", given),
    "x": _tweet,
    "youtube": lambda given: _link("YouTube", f"https://www.youtube.com/watch?v={_first(given, 'id')}", given),
}


_ZOLAS: Mapping[str, Callable[[Arguments], str]] = {
    "gist": lambda given: _link("Gist", given.get("url", ""), given),
    "streamable": lambda given: _link("Streamable", f"https://streamable.com/{given.get('id', '')}", given),
    "vimeo": _HUGO["vimeo"],
    "youtube": _HUGO["youtube"],
}


def expand_hugo(text: str, context: LiquidContext, *, line: int = 1) -> tuple[str, tuple[Problem, ...]]:
    """Return the post with Hugo's shortcodes expanded; ``line`` is the file's line that ``text`` begins on.

    ``{{< figure >}}``, ``youtube``, ``highlight``, ``ref`` and their like become HTML, a link or a code block. Of another that
    is closed its content stays; another that is not is left out with a warning. ``{{</* x */>}}`` is shown as ``{{< x >}}``.
    """
    constructs = list(_constructs(text))
    closed = {found.name.removeprefix("/") for found in constructs if isinstance(found, Construct) and found.name[:1] == "/"}
    writer = MarkdownWriter(text)
    problems: list[Problem] = []
    end = counted = 0
    for found in constructs:
        if isinstance(found, Unclosed):
            continue
        writer.text(text[end : found.start])
        line += text.count("\n", counted, found.start)
        end, counted = found.end, found.start
        problems += _hugo(found, writer, context, line, closed)
    writer.text(text[end:])
    return writer.joined(), tuple(problems)


def _constructs(text: str) -> Iterator[Construct | Unclosed]:
    scanner = Scanner(text, HUGO)
    position = 0
    while (found := scanner.after(position)) is not None:
        yield found
        position = found.end


def _hugo(found: Construct, writer: MarkdownWriter, context: LiquidContext, line: int, closed: set[str]) -> Iterator[Problem]:
    inside = found.inside.strip()
    if inside.startswith("/*") and inside.endswith("*/"):
        writer.text(f"{found.opening} {inside[2:-2].strip()} {HUGO[found.opening]}")
        return
    name, arguments = found.name, _arguments(found.arguments.removesuffix("/"))
    match name:
        case "highlight":
            writer.open_fence(re.sub(r"[^\w+#.-]", "", _first(arguments)))
        case "/highlight":
            writer.close_fence()
        case "ref" | "relref":
            target, mark, fragment = _first(arguments, "path").partition("#")
            url = find_post(target, context.post_urls, str(context.page.get("path", ""))) if target else ""
            if url is None:
                yield unresolved(f"{{{{< {name} {target} >}}}}", line)
            writer.text((url or "") + mark + fragment)
        case "param":
            value = context.page.get(_first(arguments), context.site.get(_first(arguments), ""))
            writer.text(str(value))
        case _ if name in _HUGO:
            writer.text(_HUGO[name](arguments))
        case _ if not (name.startswith("/") or name in closed or inside.endswith("/")):
            yield _unknown(f"{found.opening} {name}", line)


def _arguments(text: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for match in _ARGUMENT.finditer(text):
        value = match[2]
        if value[0] == '"' and len(value) > 1:
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        elif value[0] == "`":
            value = value[1:-1]
        given[match[1] or str(sum(key.isdigit() for key in given))] = value
    return given


def expand_zola(text: str, *, line: int = 1) -> tuple[str, tuple[Problem, ...]]:
    """Return the post without Zola's shortcodes; the content of ``{% x() %}…{% end %}`` stays. One warning for each name.

    The players that Zola itself has become links. ``{{/* x() */}}`` is shown as ``{{ x() }}``.
    """
    warnings: dict[str, Problem] = {}

    def replace(match: re.Match[str]) -> str:
        if match["escaped"]:
            return f"{{{{ {match['shown']} }}}}"
        if match["escaped_tag"]:
            return f"{{% {match['shown_tag']} %}}"
        if match["name"] in _ZOLAS:
            return _ZOLAS[match["name"]]({key: value.strip("\"'`") for key, value in _KEYWORD.findall(match["arguments"])})
        name = match["name"] or match["block"]
        if name and name not in warnings:
            mark = "{{" if match["name"] else "{%"
            warnings[name] = _unknown(f"{mark} {name}()", line + text.count("\n", 0, match.start()))
        return ""

    return _ZOLA.sub(replace, text), tuple(warnings.values())


def _unknown(name: str, line: int) -> Problem:
    return Problem(
        rule="content.shortcode",
        severity=Severity.WARNING,
        message=f"the shortcode {name} is not known and was left out",
        hint="write what it stands for in Markdown or HTML",
        line=line,
    )
