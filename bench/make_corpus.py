"""Write a corpus of posts that feedservice and Hugo read alike, with a configuration for each of them.

    python bench/make_corpus.py DIRECTORY 10000

The same arguments give the same bytes, on every machine. A post is about 7 KB of Markdown, half of them Japanese: headings,
paragraphs with links and emphasis, lists, a table, a code block, a quotation. Every post has one of 100 categories and three
of 40 tags; the posts lie in folders of at most 1,000 below ``content/posts/``. With ``--shape news`` they are those of
``news.py``.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import news

CATEGORIES = 100
TAGS = 40
PER_FOLDER = 1000
WINDOW = 50
TARGET_BYTES = 7000
NEWEST = datetime(2025, 11, 1, tzinfo=UTC)

JAPANESE = (
    "活字は一本ずつ棚から拾われ、原稿の順に並べられていく。",
    "刷り上がりを見て、**「かすれ」**が出ていれば圧を少しだけ足す。",
    "時刻は必ず[協定世界時](/time/utc/)に直してから比べることにしている。",
    "フィードを読む人は、いつ読むかを自分で決められる。",
    "同じ入力から同じ出力が得られるなら、変わったものだけを知らせればよい。",
    "紙の目を確かめ、湿度を記録し、それから最初の一枚を刷る。",
    "見出しを直しても、記事の名前は変わらない。",
    "組版の規則は多いが、ほとんどは読みやすさのための工夫である。",
    "`updated` は内容が変わったときにだけ新しくする。",
    "校正は三回、最後の一回は声に出して読む。",
    "図版の縦横比が違うと、版面の灰色がそこだけ乱れて見える。",
    "読者からの指摘は、次の号で必ず返事をするようにしている。",
)
ENGLISH = (
    "The type is set by hand and put back by hand, which takes about as long.",
    "A reader asks for the feed every hour and is told, most of the time, that *nothing* has changed.",
    "We compare instants in [UTC](/time/utc/) and show them in the zone of the site.",
    "The press stands on a floor that was never quite level, and so nobody trusts the spirit level.",
    "If the same posts give the same bytes, then a change of bytes means a change of posts.",
    "Paper has a grain; it folds willingly in one direction and complains in the other.",
    "An id is a promise, and a permalink is only an address.",
    "The proof goes round three times, and the last reading is aloud.",
    "A table may be wider than the column, but never wider than the patience of the reader.",
    "Set `window: 50` and the oldest entry leaves when a new one arrives.",
    "The word **deadline** is older than the telephone and about as popular.",
    "Every entry carries its own language, because one page in ten is not in ours.",
)
TITLES_JA = ("活字", "締切", "紙", "時差", "校正", "見出し", "配達", "余白", "索引", "版面")
TITLES_EN = ("Type", "Deadlines", "Paper", "Time zones", "Proofs", "Headlines", "Delivery", "Margins", "Indexes", "Pages")

FEEDSERVICE_CONFIG = f"""\
site:
  title: Bench
  url: https://example.org
  description: A corpus for measuring
  language: en
  author: Bench
content:
  dialect: plain
feeds:
  window: {WINDOW}
  max_bytes: 100M   # the entries are what is compared, so no document may shorten its window
  pages: false      # Hugo writes RSS alone: no pages and no coded forms
  compress: []
"""

HUGO_CONFIG = f"""\
baseURL = "https://example.org/"
title = "Bench"
locale = "en"
hasCJKLanguage = true
disableKinds = ["section", "sitemap", "robotsTXT", "404"]

[taxonomies]
category = "categories"

# The feeds are all that is wanted: pages have their links and are in lists, but no page is written.
[[cascade]]
[cascade.build]
render = "link"
list = "always"
[cascade.target]
kind = "page"

[outputs]
home = ["RSS"]
taxonomy = []
term = ["RSS"]

[services.rss]
limit = {WINDOW}
"""

# Hugo's own RSS template carries summaries; this one carries full text, as the feeds on the other side do.
HUGO_RSS = """\
{{- $pages := .RegularPages -}}
{{- if .IsHome }}{{ $pages = site.RegularPages }}{{ end -}}
{{- $pages = first site.Config.Services.RSS.Limit $pages -}}
{{- printf "<?xml version=\\"1.0\\" encoding=\\"utf-8\\" standalone=\\"yes\\"?>" | safeHTML }}
<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom" xmlns:content="http://purl.org/rss/1.0/modules/content/">
<channel>
<title>{{ .Title }}</title>
<link>{{ .Permalink }}</link>
<description>{{ .Title }}</description>
<language>{{ site.Language.Locale }}</language>
<lastBuildDate>{{ (index $pages 0).Date.Format "Mon, 02 Jan 2006 15:04:05 -0700" | safeHTML }}</lastBuildDate>
{{ with .OutputFormats.Get "RSS" -}}
{{ printf "<atom:link href=%q rel=\\"self\\" type=%q />" .Permalink .MediaType | safeHTML }}
{{- end }}
{{- range $pages }}
<item>
<title>{{ .Title }}</title>
<link>{{ .Permalink }}</link>
<pubDate>{{ .Date.Format "Mon, 02 Jan 2006 15:04:05 -0700" | safeHTML }}</pubDate>
<guid isPermaLink="true">{{ .Permalink }}</guid>
{{- range .Params.categories }}
<category>{{ . }}</category>
{{- end }}
<description>{{ .Summary | transform.XMLEscape | safeHTML }}</description>
<content:encoded>{{ .Content | transform.XMLEscape | safeHTML }}</content:encoded>
</item>
{{- end }}
</channel>
</rss>
"""


def category(number: int) -> str:
    """Name a category; every other one is Japanese."""
    return f"{TITLES_JA[number % 10]}{number:02d}" if number % 2 else f"{TITLES_EN[number % 10]} {number:02d}"


def body(rng: random.Random, sentences: Sequence[str], headings: Sequence[str]) -> str:
    """Write Markdown of ``TARGET_BYTES`` or a little more."""
    parts: list[str] = []
    size = 0
    section = 0
    joint = "" if sentences is JAPANESE else " "
    while size < TARGET_BYTES:
        kind = section % 5
        paragraphs = [joint.join(rng.choices(sentences, k=8)) for _ in range(2)]
        block = [f"## {rng.choice(headings)} {section + 1}", *paragraphs]
        if kind == 0:
            block.append("\n".join(f"- {line}" for line in rng.sample(sentences, 4)))
        elif kind == 1:
            times = [f"{rng.randrange(24):02d}:{rng.randrange(60):02d}" for _ in range(4)]
            cells = "\n".join(f"| {rng.randrange(1000)} | {rng.choice(headings)} | {clock} |" for clock in times)
            block.append(f"| No. | Name | Time |\n|----:|:-----|:----:|\n{cells}")
        elif kind == 2:
            lines = "\n".join(f"    case {rng.randrange(100)}: return <b>&amp; {rng.randrange(10**6)}</b>" for _ in range(5))
            block.append(f"```python\ndef pick(value):\n{lines}\n```")
        elif kind == 3:
            block.append(f"> {rng.choice(sentences)}")
        else:
            block.append("\n".join(f"{place}. {line}" for place, line in enumerate(rng.sample(sentences, 3), 1)))
        text = "\n\n".join(block)
        parts.append(text)
        size += len(text.encode())
        section += 1
    return "\n\n".join(parts) + "\n"


def post(rng: random.Random, number: int, count: int) -> str:
    """Write post ``number`` of ``count``: dates are spread evenly over ten years, the highest number is the newest."""
    japanese = rng.random() < 0.5
    headings = TITLES_JA if japanese else TITLES_EN
    age = (count - 1 - number) * (3650 * 86400 // count) + rng.randrange(60)
    date = NEWEST - timedelta(seconds=age)
    tags = ", ".join(f'"tag{tag:02d}"' for tag in rng.sample(range(TAGS), 3))
    return (
        "---\n"
        f'title: "{rng.choice(headings)}: {number}"\n'
        f"date: {date:%Y-%m-%dT%H:%M:%S}Z\n"
        f'categories: ["{category(number % CATEGORIES)}"]\n'
        f"tags: [{tags}]\n"
        "---\n\n" + body(rng, JAPANESE if japanese else ENGLISH, headings)
    )


def make(directory: Path, count: int) -> int:
    """Write ``count`` posts and both configurations below ``directory``; return the bytes of all posts."""
    rng = random.Random(f"feedservice {count}")
    total = 0
    for number in range(count):
        folder = directory / "content" / "posts" / f"{number // PER_FOLDER:03d}"
        if number % PER_FOLDER == 0:
            folder.mkdir(parents=True, exist_ok=True)
        data = post(rng, number, count).encode()
        (folder / f"post-{number:06d}.md").write_bytes(data)
        total += len(data)
    (directory / "config.yaml").write_text(FEEDSERVICE_CONFIG, encoding="utf-8")
    (directory / "hugo.toml").write_text(HUGO_CONFIG, encoding="utf-8")
    (directory / "layouts").mkdir(exist_ok=True)
    for name in ("home.rss.xml", "term.rss.xml"):
        (directory / "layouts" / name).write_text(HUGO_RSS, encoding="utf-8")
    return total


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Write a corpus of posts for measuring.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("count", type=int)
    parser.add_argument("--shape", choices=("blog", "news"), default="blog", help="news: posts of 40 KB, for feedservice alone")
    arguments = parser.parse_args()
    total = (news.make if arguments.shape == "news" else make)(arguments.directory, arguments.count)
    print(f"{arguments.count} posts, {total / arguments.count:.0f} bytes each, in {arguments.directory}")


if __name__ == "__main__":
    main()
