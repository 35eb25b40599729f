"""Making the files of a pass: each feed, its aliases, archives and page, and what lists them. What cannot differ stays."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property

from feedservice.feeds import assemble, entries, opml, pages, site
from feedservice.feeds.archives import Membership
from feedservice.feeds.entries import authors
from feedservice.feeds.identity import Named
from feedservice.feeds.links import link_values
from feedservice.feeds.pages import Preview
from feedservice.model import FeedSpec, Problem, Published, Severity
from feedservice.service import collect as collecting
from feedservice.service import history, keys, remember, render
from feedservice.service.collect import Ask, Collected, Progress
from feedservice.service.gate import Gate, keep
from feedservice.service.keys import EntryKeys
from feedservice.service.memory import Memory
from feedservice.service.output import Output
from feedservice.service.remember import Remembering
from feedservice.service.render import Made, Text, Wanted
from feedservice.service.report import Changed
from feedservice.service.shelf import Shelved, Spans, stat_of, untouched
from feedservice.service.workers import Rendered, Workers
from feedservice.store import BodyRow, Store
from feedservice.taxonomy import encode_path

HTML = "text/html; charset=utf-8"
CSS = "text/css; charset=utf-8"
_FEW = 100
"""Feeds up to which what is known of their entries is used again: it is for small changes."""
_MOST_CLEAN = 3_000
"""Entries in one format each, of which it is remembered that they have no problem: some 500 bytes for each."""


@dataclasses.dataclass(slots=True, kw_only=True)
class _Part:
    """The files of one feed, or of none, that were staged: those of ``Output.published`` from ``start`` to ``end``."""

    shelved: Shelved
    start: int
    end: int


class Making:
    """The files of one pass."""

    def __init__(
        self,
        *,
        collected: Collected,
        memory: Memory,
        output: Output,
        pool: Workers,
        store: Store | None,
        settings: str,
        ask: Ask,
        histories: Mapping[str, Membership] | None,
        gate: Gate,
    ) -> None:
        """Keep everything. ``settings`` is the hash of all but posts and time; without a ``store`` nothing is used again."""
        self.collected = collected
        self.memory = memory
        self.output = output
        self.pool = pool
        self.store = store
        self.settings = settings
        self.ask = ask
        self.histories = histories
        self.gate = gate
        self.problems: list[Problem] = []
        self.rendered = 0
        self.bodies: list[BodyRow] = []
        self._config = collected.config
        self._specs = collected.plan.specs
        self._formats = list(self._config.feeds.formats)
        self._siblings = keys.specs(self._specs)
        self._keys = EntryKeys(settings, collected.plan)
        self._where = site.places(self._config, self._specs)
        self._page = site.page(self._config, self._where)
        # By its path alone: the same bytes work on the site's own host, behind another name, and on the machine they are made on.
        self._stylesheet = encode_path("/" + self._where.stylesheet) if self._config.feeds.pages else None
        self._kept: dict[str, Shelved] = {}
        self._made: dict[str, _Part] = {}

    @cached_property
    def shelf(self) -> dict[str, Shelved]:
        """Return the files of every feed as they are now, once they are committed."""
        found: dict[str, Shelved] = {}
        for key in (*(spec.key for spec in self._specs), ""):
            found[key] = self._kept[key] if key in self._kept else self._shelved(self._made[key])
        return found

    @property
    def made(self) -> Collection[str]:
        """Return the keys of the feeds that were made anew."""
        return self._made.keys() - {""}

    @property
    def published(self) -> tuple[Published, ...]:
        """Return every file of the output directory that is ours."""
        written = {each.path for each in self.output.published if each.changed}
        every = (each for shelved in self.shelf.values() for each in shelved.published)
        return tuple(dataclasses.replace(each, changed=True) if each.path in written else each for each in every)

    @property
    def withheld(self) -> tuple[str, ...]:
        """Return the paths of documents that were not written because they have errors."""
        found = {**{key: part.shelved for key, part in self._made.items()}, **self._kept}
        return tuple(path for spec in self._specs for path in found[spec.key].withheld)

    def make(self, progress: Progress) -> None:
        """Stage everything that can be other than it was. Raises ``OSError`` and what ``render.make`` raises."""
        config = self._config
        wanted = [feed for spec in self._specs if (feed := self._wanted(spec)) is not None]
        settings = render.Settings(
            now=self.ask.now,
            stylesheet=self._stylesheet,
            pages=config.feeds.pages,
            histories=self.histories,
            texts=self._texts(wanted) if config.feeds.pages else {},
            clean=self.memory.clean if len(wanted) <= _FEW else {},
        )
        feeds = {feed.spec.key: feed for feed in wanted}
        for made, ready in render.make(self.collected, wanted, self._formats, self.pool, progress, settings):
            self._put(made, feeds[made.spec.key], ready)
        for name in list(self.memory.clean)[:-_MOST_CLEAN]:
            del self.memory.clean[name]
        self._lists()
        found = {**{key: part.shelved for key, part in self._made.items()}, **self._kept}
        for shelved in found.values():
            self.problems += shelved.all_problems()

    def remember(self, remembering: Remembering) -> tuple[Changed, ...]:
        """Tell the memory and the store what is there now, and return the documents that are other than before."""
        return remember.remember(
            remembering,
            self.memory,
            self.shelf,
            specs=self._specs,
            settings=self.settings,
            siblings=self._siblings,
            bodies=self.bodies,
            now=self.ask.now,
            due=self.collected.due,
            roster=self.collected.roster,
        )

    def _wanted(self, spec: FeedSpec) -> Wanted | None:
        """Return a feed that is to be made, or None when its files stay as they are."""
        if self.store is None:
            return Wanted(spec=spec, window=self.collected.window(spec))
        before = self.memory.shelf.get(spec.key)
        there = before is not None and self._is_there(before)
        dirty = self.collected.dirty
        if before is not None and there and dirty is not None and self._rests(spec, dirty) and self._same_settings:
            self._kept[spec.key] = before
            return None
        window = self.collected.window(spec)
        profile = keys.profile(render.profile_of(spec, self._config), self._formats)
        own = [self._keys.entry(each, profile) for each in window]
        inputs = self._inputs(spec, own)
        # What readers have is written down again when that was lost: the guard knows nothing of the feed until then.
        noted = spec.key in self.memory.served
        if before is not None and there and before.inputs == inputs and noted and not self.ask.full and not before.held:
            self._kept[spec.key] = before
            return None
        usable = before is not None and not self.ask.full and self._links_stay(before)
        spans = Spans(self.output.root, before) if before is not None and usable else None
        had = self.collected.served.get(spec.key)
        said = had.said if had is not None else None
        return Wanted(spec=spec, window=window, keys=own, before=before, spans=spans, said=said)

    @cached_property
    def _same_settings(self) -> bool:
        same = self.memory.settings == self.settings and not self.ask.full
        same = same and self.memory.decisions == keys.decisions(self.collected.decisions)
        # A page names the other feeds.
        return same and (not self._config.feeds.pages or self.memory.siblings == self._siblings)

    def _rests(self, spec: FeedSpec, dirty: Collection[str]) -> bool:
        """Tell whether a feed has the posts that it had, and shows the same of them.

        Late entries are shown for a time; what a withdrawn one left open is filled by and by; and what is held may be let go.
        """
        key, served = spec.key, self.memory.served.get(spec.key)
        if key in dirty or served is None or served.late or self.memory.shelf[key].held:
            return False
        return len(served.entries) >= min(spec.window, len(self.collected.members(key)))

    def _is_there(self, before: Shelved) -> bool:
        """Tell whether the files of a feed can stay, as far as it is not about posts."""
        return self._links_stay(before) and (self.ask.paths is not None or untouched(self.output.root, before))

    def _links_stay(self, before: Shelved) -> bool:
        return not before.linked or keys.linked(before, self._urls)

    @cached_property
    def _urls(self) -> dict[str, str]:
        return collecting.post_urls(self.collected)

    def _inputs(self, spec: FeedSpec, own: Sequence[str]) -> str:
        out = self.collected.roster.out
        return keys.feed(
            self.settings,
            spec,
            own,
            members=self.collected.members(spec.key),
            oldest=out[-1].post.published if out else None,
            siblings=self._siblings if self._config.feeds.pages else "",
            history=self.memory.histories.get(spec.key) if self.histories is not None else None,
        )

    def _texts(self, wanted: Sequence[Wanted]) -> dict[str, Text]:
        """Return the texts that the store has of the entries that pages show."""
        if self.store is None or self.ask.full or len(wanted) > _FEW:
            return {}
        shown = {each.post.path: each for feed in wanted for each in feed.window[: render.PREVIEWED]}
        asked = [(path, self._keys.text(named)) for path, named in shown.items()]
        texts: dict[str, Text] = {}
        for (path, _key), body in self.store.bodies(asked).items():
            html, summary = json.loads(body)
            texts[path] = Text(html=html, summary=summary)
        return texts

    def _put(self, made: Made, feed: Wanted, ready: Mapping[str, Rendered]) -> None:
        """Stage the files of one feed."""
        spec, output, start = made.spec, self.output, len(self.output.published)
        broken = {problem.path for problem in made.problems if problem.severity is Severity.ERROR}
        found = None if broken else self.gate.look(made, self.collected)
        if found is not None:
            self._hold(made, feed, found)
            return
        withheld: list[str] = []
        for document in made.documents:
            names = [document.path, *(path for path, name in spec.aliases.items() if name == document.format)]
            if document.path in broken:
                withheld.append(document.path)
                if feed.before is not None:
                    output.keep(each for each in feed.before.published if each.path in names)
                continue
            links = link_values(made.head, document.format)
            for path in names:
                output.put(
                    path,
                    document.body,
                    feed=document.feed,
                    name=document.format,
                    media_type=document.media_type,
                    last_modified=document.last_modified,
                    entries=document.entries,
                    links=links,
                    etag=document.etag,
                )
        problems, linked = list(made.found), made.linked
        if made.history is not None:
            self.memory.histories[spec.key] = made.history
            told, archived = history.write(
                made,
                self.collected,
                output,
                self.pool,
                stylesheet=self._stylesheet,
                inputs=self.memory.inputs,
                before=feed.before,
            )
            problems, linked = problems + told, {**archived, **linked}
        if self._config.feeds.pages:
            self._put_page(made, feed, ready)
        self._count(feed, ready)
        ids = tuple(span.id for span in made.documents[0].entries)
        of = dict(zip((each.id for each in feed.window), feed.keys, strict=False))
        shelved = Shelved(
            key=spec.key,
            # What there was no room for is asked for no more: the next window is what was shown.
            inputs=self._inputs(spec, feed.keys[: made.fitted]) if self.store is not None else "",
            updated=made.head.updated,
            ids=ids,
            keys=tuple(of[name] for name in ids) if of else (),
            noted=made.noted,
            problems=tuple(problems),
            linked=linked,
            withheld=tuple(withheld),
        )
        self._made[spec.key] = _Part(shelved=shelved, start=start, end=len(output.published))

    def _hold(self, made: Made, feed: Wanted, problem: Problem) -> None:
        """Let a feed that the guard holds be what it was."""
        spec, output, start = made.spec, self.output, len(self.output.published)
        if feed.before is not None:
            output.keep(each for each in feed.before.published if (output.root / each.path).exists())
            before = feed.before
        else:
            page = self._where.previews[spec.key] if self._config.feeds.pages else None
            keep(made, self._config, output, page, (self.histories or {}).get(spec.key))
            before = Shelved(key=spec.key, inputs="", updated=made.head.updated)
        held = dataclasses.replace(before, problems=(problem,), noted={}, withheld=tuple(spec.paths.values()), held=True)
        self._made[spec.key] = _Part(shelved=held, start=start, end=len(output.published))

    def _put_page(self, made: Made, feed: Wanted, ready: Mapping[str, Rendered]) -> None:
        spec = made.spec
        updated = made.head.updated if made.total else None
        shown = Preview(spec=spec, updated=updated, entries=made.entries, total=made.total)
        body = pages.preview(self._page, shown, self._specs)
        self.output.put(
            self._where.previews[spec.key],
            body,
            feed=spec.key,
            name="html",
            media_type=HTML,
            last_modified=made.head.updated,
        )
        if self.store is not None:
            for each in feed.window[: render.PREVIEWED]:
                entry = ready[each.post.path].entry if each.post.path in ready else None
                if entry is not None:
                    text = json.dumps([entry.html, entry.summary], ensure_ascii=False).encode()
                    self.bodies.append(BodyRow(path=each.post.path, key=self._keys.text(each), body=text))

    def _count(self, feed: Wanted, ready: Mapping[str, Rendered]) -> None:
        for each in feed.window:
            if each.post.path in ready and each.post.path not in self._counted:
                self._counted.add(each.post.path)
                self.rendered += 1

    @cached_property
    def _counted(self) -> set[str]:
        return set()

    def _lists(self) -> None:
        """Stage what lists the feeds: OPML, and with pages an index, a style sheet and a list of links."""
        config, where, output = self._config, self._where, self.output
        newest = self.collected.roster.newest or assemble.EPOCH
        shelf = {spec.key: self._kept.get(spec.key) or self._made[spec.key].shelved for spec in self._specs}
        shown = [self._listed(spec, shelf[spec.key]) for spec in self._specs] if config.feeds.pages and self.store else ()
        inputs = keys.site(self.settings, self._siblings, newest, shown) if self.store is not None else ""
        before = self.memory.shelf.get("")
        if before is not None and before.inputs == inputs and self._is_there(before) and not self.ask.full:
            self._kept[""] = before
            return
        start = len(output.published)
        listed = opml.render(config.site.title, self._specs, owner=authors(config)[0], modified=newest)
        output.put(where.opml, listed, name="opml", media_type="text/x-opml; charset=utf-8", last_modified=newest)
        if config.feeds.pages:
            previews = [self._preview(spec, shelf[spec.key]) for spec in self._specs]
            index = pages.index(self._page, previews)
            output.put(where.index, index, name="html", media_type=HTML, last_modified=newest)
            if before is not None and self._same_settings and self._is_there(before):
                # What names feeds only, and no posts.
                output.keep(each for each in before.published if each.path in {where.stylesheet, where.snippet})
            else:
                css = pages.xml_stylesheet(self._page, self._specs)
                output.put(where.stylesheet, css, name="css", media_type=CSS, last_modified=newest)
                output.put(where.snippet, pages.snippet(self._specs), name="snippet", media_type=HTML, last_modified=newest)
        shelved = Shelved(key="", inputs=inputs, updated=newest)
        self._made[""] = _Part(shelved=shelved, start=start, end=len(output.published))

    def _listed(self, spec: FeedSpec, shelved: Shelved) -> object:
        """Return what the index shows of a feed, without asking for its window: titles that stay cost a look each."""
        if shelved.held:
            shown = self._preview(spec, shelved)
            return (shown.updated, shown.total, [(each.url, each.title, each.published, each.language) for each in shown.entries])
        rows, everyone = self.collected.identified.rows, self.collected.roster.everyone
        known = (rows.get(name) for name in shelved.ids[: pages.LATEST])
        latest = [keys.title(everyone[row.path]) for row in known if row is not None and row.path in everyone]
        return (shelved.updated, len(shelved.ids), latest)

    def _preview(self, spec: FeedSpec, shelved: Shelved) -> Preview:
        """Return what the index shows of a feed: titles only."""
        shown = set(shelved.ids)
        if shelved.held and not shelved.ids:
            return Preview(spec=spec, updated=None, entries=(), total=self.gate.count(spec.key))
        window = self.collected.window(spec)[: render.PREVIEWED]
        latest: list[Named] = [each for each in window if each.id in shown][: pages.LATEST]
        return Preview(
            spec=spec,
            updated=shelved.updated if shelved.ids else None,
            entries=[entries.entry(each, html="", summary="", config=self._config, plan=self.collected.plan) for each in latest],
            total=len(shelved.ids),
        )

    def _shelved(self, part: _Part) -> Shelved:
        files = tuple(
            dataclasses.replace(each, changed=False) if each.changed else each
            for each in self.output.published[part.start : part.end]
        )
        before = self.memory.shelf.get(part.shelved.key)
        was = before.stats if before is not None else {}
        # Of a file that stays it is known what it was when it was written. It may be another now, of which nothing is known.
        stats = {
            each.path: was.get(each.path, "") if self.output.keeps(each.path) else stat_of(self.output.root, each)
            for each in files
        }
        return dataclasses.replace(part.shelved, published=files, stats=stats)
