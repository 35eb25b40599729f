"""The shape of ``config.yaml``: one pydantic model per section, every field with its documentation.

These models are what the whole program reads its settings from; they are frozen, and unknown keys are mistakes.
``docs/configuration.md`` and ``docs/config.schema.json`` are generated from them. A value that has the right type and still
cannot be used is refused by a function of ``constraints``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field

from feedservice.config import constraints, vocabulary
from feedservice.config.announce import Announce
from feedservice.config.constraints import Fault
from feedservice.config.guard import Guard
from feedservice.config.schedule import Hooks, Schedule
from feedservice.config.sections import URI, Duration, Section, Size, Texts, WebUrl, Words, must, one_or_many
from feedservice.config.serve import Serve

Scalar = str | bool | int | float | None
Dialect = Literal["auto", "jekyll", "hugo", "zola", "eleventy", "pelican", "plain"]
Format = Literal["atom", "rss", "json"]
Kind = Literal["all", "category", "tag", "author", "language", "category-language", "query"]
IdScheme = Literal["tag", "permalink", "jekyll", "hugo", "pelican", "wordpress"]


def _author(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


def _distinct(values: list[str]) -> Fault | None:
    again = next((value for index, value in enumerate(values) if value in values[:index]), None)
    return None if again is None else Fault("config.repeated", f"`{again}` is listed twice", "take one of them out")


def _all(check: Callable[[str], Fault | None]) -> Callable[[bool | list[str]], Fault | None]:
    return lambda values: None if isinstance(values, bool) else next(filter(None, map(check, values)), None)


def _keys(values: dict[str, object]) -> Fault | None:
    return next(filter(None, map(constraints.path_pattern, values)), None)


def _aliases(values: dict[str, str]) -> Fault | None:
    for path, target in values.items():
        feed, _, form = target.rpartition(".")
        if not feed or form not in get_args(Format):
            forms, kinds = ", ".join(get_args(Format)), ", ".join(get_args(Kind))
            text = f"`{path}` stands for `{target}`, which is no feed and format"
            return Fault("config.alias", text, f"write a kind ({kinds}) or the key of a feed, a dot, and one of {forms}")
    return _keys(dict(values))


def _home(pattern: str) -> Fault | None:
    return constraints.placeholder(pattern, ("key", "slug", "name"))


def _title(pattern: str) -> Fault | None:
    return constraints.placeholder(pattern, ("label", "site", "key"))


BaseUrl = Annotated[
    str, must(constraints.base_url), AfterValidator(constraints.ascii_url), Words("an absolute http or https URL"), URI
]
Zone = Annotated[str, must(constraints.zone), Words("a time zone such as `Asia/Tokyo`")]
Language = Annotated[str, must(constraints.language), Words("a language tag such as `ja` or `pt-BR`")]
Email = Annotated[str, must(constraints.email), Words("an e-mail address"), Field(json_schema_extra={"format": "email"})]
PathPattern = Annotated[str, must(constraints.path_pattern), Words("a path")]
FeedKey = Annotated[str, must(constraints.feed_key), Words("text for a path")]
Rule = dict[str, Scalar | list[Scalar]]
"""Front-matter key (or ``path``, ``category``, ``tag``, ``author``, ``language``) → the value or values that match."""
Rules = Annotated[
    list[Rule], BeforeValidator(one_or_many, json_schema_input_type=Rule | list[Rule]), Words("a list of rules, or one")
]


class Author(Section):
    """A person; a plain string is the name."""

    name: str = Field(min_length=1)
    """Name as readers see it."""
    email: Email | None = None
    """Address; it is published in the feeds."""
    url: WebUrl | None = None
    """Page of the person."""


Person = Annotated[
    Author,
    BeforeValidator(_author, json_schema_input_type=str | Author),
    Words("a name, or a mapping with `name`, `email` and `url`"),
]


class Site(Section):
    """The site that the feeds belong to."""

    title: str = Field(min_length=1)
    """Title of the site, and of its main feed."""
    url: BaseUrl
    """Public base of the site: entry links are made from it. http or https, without query or fragment."""
    description: str = ""
    """One sentence about the site; the description of its main feed."""
    language: Language = "en"
    """Language of the site as a BCP 47 tag: `ja`, `en`, `pt-BR`."""
    timezone: Zone = "UTC"
    """IANA zone name: what a date without a zone means, and the zone that feeds write dates in."""
    author: Person | None = None
    """Author of every post that names none. The site's title stands in when there is none."""
    image: str | None = None
    """Logo: absolute URL, or a path below `site.url`."""
    icon: str | None = None
    """Small square icon: absolute URL, or a path below `site.url`."""
    copyright: str | None = None
    """Rights statement that every feed carries."""


class Defaults(Section):
    """Front-matter values for posts that do not have them (Jekyll's `defaults`)."""

    path: str = ""
    """Directory prefix or glob that the values are for; empty for every post."""
    values: dict[str, Scalar | list[Scalar] | dict[str, Scalar]]
    """Front-matter keys and values."""


class Content(Section):
    """Where the posts are and how they are read."""

    directory: str = "content"
    """Content directory, relative to the config file."""
    dialect: Dialect = "auto"
    """Generator whose conventions the posts follow. `auto` looks for `_config.yml`, `hugo.toml`, `pelicanconf.py` …"""
    permalink: Annotated[str, must(vocabulary.permalink)] = "/:year/:month/:day/:title/"
    """Path of a post below `site.url`: Jekyll's and Hugo's tokens, or `date`, `pretty`, `ordinal`, `weekdate`, `none`."""
    undated_slugs: bool = False
    """A file's name that begins with a date gives what follows it as slug, as in Hugo with `:filename` under
    `frontmatter.date`. Jekyll's and Zola's names are always read so."""
    languages: list[Language] = Field(default_factory=list)
    """Languages that the name of a file may end in, as with Hugo and Zola: `post.fr.md` is in French, and its page below `/fr/`,
    unless that is `site.language`."""
    naive_dates: Literal["site", "utc"] = "site"
    """What a time without a zone means: the site's zone, or UTC as in Jekyll's YAML."""
    missing_dates: Literal["refuse", "first-seen"] = "refuse"
    """A post without any date is refused, or gets the time it was first seen."""
    future: bool = False
    """Publish posts whose date lies in the future at once, as Jekyll's `future: true` does."""
    drafts: bool = False
    """Publish drafts too: for previews."""
    include: Texts = Field(default_factory=list)
    """Globs: only matching files are posts. Empty for all."""
    ignore: Texts = Field(default_factory=list)
    """Globs of files and directories that are no posts."""
    exclude: Rules = Field(default_factory=list)
    """Rules over front matter: a post that matches one of them is in no feed."""
    defaults: list[Defaults] = Field(default_factory=list)
    """Front-matter defaults by path; a later, longer match wins."""
    keys: dict[str, Annotated[str, must(vocabulary.meaning)]] = Field(default_factory=dict)
    """Front-matter keys of your own → the key they stand for: `podcast_file: enclosure.url`, `podcast_bytes:
    enclosure.length`."""
    category_split: Literal["auto", "none", "space", "comma"] = "auto"
    """How `categories: a b` written as one string is split. `auto`: as the dialect does."""
    category_directories: bool | None = None
    """Directories are categories: those above `_posts`, as in Jekyll; in dialect pelican the one that a post without a category
    lies in. Default: in these two dialects."""
    grace: Duration = "1d"
    """How long the last good version of a published post stands in for a file that cannot be used any more; `0s` for never."""
    excerpt_separator: str = "<!--more-->"
    """What divides the summary from the rest in the body."""
    summary_characters: int = Field(default=140, ge=20)
    """Longest automatic summary in Chinese, Japanese and Korean, in characters."""
    summary_words: int = Field(default=55, ge=5)
    """Longest automatic summary elsewhere, in words."""
    max_post_bytes: Size = 10 * 1024**2
    """A larger file is refused."""
    max_render_time: Duration = "10s"
    """A post that takes longer to read or to render is left out; `0s` for no limit."""
    max_front_matter_bytes: Size = 64 * 1024
    """A longer front matter is refused."""
    unsafe_html: bool = False
    """Keep the author's HTML as it is: no script, style or frame is taken out. Only for sites whose every author is trusted."""
    variables: dict[str, Scalar] = Field(default_factory=dict)
    """Values of `{{ site.* }}` in dialect jekyll, beside `url`, `baseurl` and `title`."""


class Presentation(Section):
    """How one feed presents itself; what is left out comes from the site or from `feeds`."""

    title: str | None = None
    """Title of the feed."""
    description: str | None = None
    """Description of the feed."""
    language: Language | None = None
    """Language of the feed."""
    image: str | None = None
    """Picture of the feed: absolute URL, or a path below `site.url`."""
    timezone: Zone | None = None
    """Zone the feed's dates are written in; for a category, also what its naive dates mean."""
    window: int | None = Field(default=None, ge=1)
    """Number of entries."""
    content: Literal["full", "summary"] | None = None
    """Full text or summaries."""
    home: str | None = None
    """Page the feed belongs to: absolute URL, or a path below `site.url`."""
    paths: dict[Format, PathPattern] = Field(default_factory=dict)
    """Format → path of that document, over the pattern of `feeds.paths`."""
    aliases: Annotated[dict[str, Format], must(_keys)] = Field(default_factory=dict)
    """Further paths → format: old URLs that keep working."""
    podcast: Podcast | None = None
    """Makes the feed a podcast."""
    announce: bool = True
    """Whether anybody is told when this feed changes."""


class Podcast(Section):
    """Channel-level podcast elements."""

    guid: str | None = None
    """`podcast:guid`; default: made from the feed's URL."""
    categories: list[str] = Field(default_factory=list)
    """Apple's categories; `Society & Culture > Documentary` for a subcategory."""
    explicit: bool = False
    """Whether episodes are explicit unless they say otherwise."""
    owner: Person | None = None
    """Contact of the show."""
    type: Literal["episodic", "serial"] = "episodic"
    """Order in which the show is meant to be heard."""
    locked: bool | None = None
    """`podcast:locked`: other platforms may not import the show."""


class CategoryFeed(Presentation):
    """Settings of one category."""

    hold_back: Duration | None = None
    """How long a new post of the category is held back, over `feeds.hold_back`; of several categories the longest counts."""
    slug: FeedKey | None = None
    """Key of the category's feed; default: made from its name."""
    aka: list[str] = Field(default_factory=list)
    """Other spellings that are this category."""
    feed: bool = True
    """Whether the category has a feed of its own."""
    retired: bool = False
    """The feed has ended: it stays where it is and says so, JSON by `expired`, Atom and RSS by a last entry."""


class QueryFeed(Presentation):
    """A feed declared by a query: some `include` rule matches (or there is none) and no `exclude` rule does."""

    key: FeedKey
    """Key of the feed: names it in paths and on the command line."""
    include: Rules = Field(default_factory=list)
    """Rules of which one must match."""
    exclude: Rules = Field(default_factory=list)
    """Rules of which none may match."""


class Feeds(Section):
    """Which feeds there are and how they look."""

    url: BaseUrl | None = None
    """Public base of the feeds; default: `site.url` + `/feeds`."""
    formats: Annotated[list[Format], must(_distinct)] = Field(default=["atom", "rss", "json"], min_length=1)
    """Formats that every feed is written in."""
    window: int = Field(default=50, ge=1)
    """Entries in a feed."""
    content: Literal["full", "summary"] = "full"
    """Full text or summaries."""
    hold_back: Duration = "0s"
    """How long a post is held back after it was first seen: time to think better of it. What a site begins with is not."""
    notices: bool = False
    """A withdrawn entry leaves an item that says so in RSS, for 30 days. Atom always says it, in its own way (RFC 6721)."""
    late: Duration = "7d"
    """How long a post is shown that came so late, or with so many others, that the window had no room for it."""
    max_bytes: Size = 2 * 1024**2
    """Budget of a document: a longer one gets fewer entries, never shorter ones. Readers refuse more than 1 to 3 MB."""
    paths: PathPattern | dict[Kind, PathPattern | dict[Format, PathPattern]] = "{key}.{format}"
    """Path of a document below `feeds.url` (below the host when it begins with `/`): one, or one by kind and format.
    `{key}`, `{slug}`, `{name}`, `{format}` and `{language}` are filled in. What is left out has `{key}.{format}`."""
    aliases: Annotated[dict[str, str], must(_aliases)] = Field(default_factory=dict)
    """Further paths, or patterns, for the same documents → kind (or the key of one feed) and format: `/feed.xml: all.atom`,
    `/feed/{key}.xml: category.atom`."""
    ids: IdScheme = "tag"
    """How a post without an id of its own is named when it is first seen: a `tag:` URI, or as the generator a site moves from
    did. A post that has an id keeps it."""
    ledger: str | None = None
    """File that remembers the permanent ids, relative to the config file; default: `ledger.jsonl` in the state directory. Put
    it beside the posts to commit it with them."""
    dates: Literal["site", "utc", "author"] = "site"
    """Zone dates are written in."""
    all: Presentation = Field(default_factory=Presentation)
    """The feed of the whole site."""
    categories: dict[str, CategoryFeed | None] = Field(default_factory=dict)
    """Settings by category; a category listed here has a feed even before its first post."""
    category_feeds: bool = True
    """A feed for every category."""
    tags: bool | list[str] = False
    """A feed for every tag, or for those listed."""
    authors: bool | list[str] = False
    """A feed for every author, or for those listed."""
    languages: Annotated[bool | list[str], must(_all(constraints.language))] = False
    """A feed for every language, or for those listed."""
    category_languages: bool = False
    """A feed for every category in every language it has posts in."""
    define: list[QueryFeed] = Field(default_factory=list)
    """Feeds declared by queries."""
    moved: dict[str, str] = Field(default_factory=dict)
    """Feeds that have moved: old path on the host → new path or URL. `feedservice run` answers 301."""
    gone: Annotated[list[str], BeforeValidator(one_or_many)] = Field(default_factory=list)
    """Paths on the host that ended for good. `feedservice run` answers 410, and readers unsubscribe: there is no way back."""
    title_pattern: Annotated[str, must(_title)] = "{label} – {site}"
    """Title of a feed that has none of its own."""
    archives: bool = False
    """Keep what no longer fits into a feed in archive documents that readers can page through (RFC 5005)."""
    pages: bool = True
    """Write an index of all feeds and a preview of each, for people, and a stylesheet for feeds that a browser opens."""
    compress: list[Literal["gzip", "br", "zstd"]] = Field(default=["gzip", "br", "zstd"])
    """Content codings that every file is also written in, beside it: `.gz`, `.br`, `.zst`."""
    opml: PathPattern = "/feeds.opml"
    """Path of the list of all feeds (OPML 2.0), from the root of the host; the slash at its beginning may be left out."""
    category_home: Annotated[str, must(_home)] | None = None
    """Page of a category, such as `/category/{slug}/`; default: the site."""


class Config(Section):
    """The whole file."""

    site: Site
    """What the site is."""
    content: Content = Field(default_factory=Content)
    """Where the posts are, and how to read them."""
    feeds: Feeds = Field(default_factory=Feeds)
    """Which feeds there are."""
    output: str = "public"
    """Directory the documents are written to, relative to the config file."""
    state: str = ".feedservice"
    """Directory for what must be remembered, relative to the config file."""
    store: Annotated[str, must(constraints.database)] | None = None
    """PostgreSQL database to remember posts, subscribers and deliveries in, as `postgresql+psycopg://user@host/name`, in place of
    a file in `state`. Needs `pip install feedservice[postgresql]`; the password comes from `PGPASSWORD` or `~/.pgpass`."""
    serve: Serve = Field(default_factory=Serve)
    """How the feeds are served over HTTP."""
    schedule: Schedule = Field(default_factory=Schedule)
    """When the service looks for changes."""
    hooks: Hooks = Field(default_factory=Hooks)
    """Who may tell the service of changes."""
    announce: Announce = Field(default_factory=Announce)
    """Who is told."""
    guard: Guard = Field(default_factory=Guard)
    """When a feed is held back until somebody has looked."""


Presentation.model_rebuild()
