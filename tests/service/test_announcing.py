"""From what a pass published to what lies in the outbox."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feedservice import config
from feedservice.config.schema import Config
from feedservice.deliveries import Announcement, Delivery, Subscription, SubscriptionKey
from feedservice.feeds.identity import Named
from feedservice.model import EntrySpan, FeedKind, FeedSpec, Post
from feedservice.service import announcing
from feedservice.service.announcing import Announcer, Revision
from feedservice.store import DocumentRow
from feedservice.store.sql import SqlStore, open_store

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
URL = "https://example.org/feeds/all.atom"
SPEC = FeedSpec(
    key="all",
    kind=FeedKind.ALL,
    title="A",
    description="",
    language="en",
    zone="UTC",
    window=50,
    full=True,
    home_url="https://example.org/",
    urls={"atom": URL},
    paths={"atom": "feeds/all.atom"},
)
SETTINGS = """\
site: {title: A, url: 'https://example.org'}
announce:
  verify: off
  websub: {hub: embedded, hubs: ['https://hub.example/']}
  xmlrpc: 'https://ping.example/'
  indexnow: {key_file: k}
  webhooks: [{url: 'https://hook.example/', events: [post.published, post.updated, post.removed]}]
"""


def settings(text: str = SETTINGS) -> Config:
    return config.parse(text, name="c", environ={})


def post(name: str, digest: str = "1", published: datetime = NOW) -> Named:
    made = Post(
        path=f"{name}.md", digest=digest, title=name, link=f"https://example.org/{name}/", published=published, zone="UTC"
    )
    return Named(post=made, id=name, atom_id=name)


class Site:
    """A document of posts, as passes leave it."""

    def __init__(self, folder: Path, store: SqlStore) -> None:
        self.root = folder / "public"
        self.store = store
        self.row: DocumentRow | None = None
        self.announcer = Announcer(store, self.root)

    def write(self, posts: Sequence[Named]) -> Revision:
        body = "\n".join(f"{each.id} {each.post.digest}" for each in posts).encode()
        file = self.root / "feeds" / "all.atom"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
        before = self.row
        self.row = DocumentRow(
            path="feeds/all.atom",
            feed="all",
            format="atom",
            url=URL,
            media_type="application/atom+xml",
            etag=hashlib.blake2b(body, digest_size=16).hexdigest(),
            last_modified=NOW,
            size=len(body),
            entries=tuple(EntrySpan(id=each.id, digest=each.id + each.post.digest, start=0, end=0) for each in posts),
        )
        return Revision(before=before, after=self.row)

    def announce(self, *posts: Named, now: datetime = NOW, to: Config | None = None) -> Announcement:
        """Make a pass, and write its announcement."""
        made = self.announcer.plan([self.write(posts)], [SPEC], posts, to or settings(), now)
        assert made is not None
        self.store.announce(made)
        return made


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    store = open_store(tmp_path / "store.sqlite")
    yield Site(tmp_path, store)
    store.close()


def kinds(deliveries: Sequence[Delivery]) -> list[str]:
    return sorted(each.kind for each in deliveries)


def test_the_first_pass_is_a_baseline(site: Site) -> None:
    made = site.announce(post("a"), post("b"))
    assert made.deliveries == ()
    assert site.store.topic_versions() == {URL: 1}
    assert set(site.store.announced()) == {"a", "b"}


def test_a_new_post_is_told_to_everybody_once(site: Site) -> None:
    site.announce(post("a"))
    made = site.announce(post("b"), post("a"), now=NOW + timedelta(seconds=9))
    assert kinds(made.deliveries) == ["indexnow", "webhook", "websub", "xmlrpc"]
    live = site.store.topic(URL)
    assert live is not None
    assert (live.version, live.body) == (2, b"b 1\na 1")
    assert live.link == f'<https://example.org/hub>; rel="hub", <https://hub.example/>; rel="hub", <{URL}>; rel="self"'
    again = site.announce(post("b"), post("a"), now=NOW + timedelta(seconds=20))
    assert kinds(again.deliveries) == ["websub"]


def test_an_edit_and_a_removal(site: Site) -> None:
    site.announce(post("a"), post("b"))
    edited = site.announce(post("a", "2"), post("b"), now=NOW + timedelta(seconds=9))
    assert kinds(edited.deliveries) == ["indexnow", "webhook", "websub"]
    gone = site.announce(post("b"), now=NOW + timedelta(seconds=20))
    assert kinds(gone.deliveries) == ["indexnow", "webhook", "websub"]
    assert gone.forgotten == ("a",)
    assert set(site.store.announced()) == {"b"}


def test_an_import_of_old_posts_changes_the_topic_and_nothing_else(site: Site) -> None:
    site.announce(post("a"))
    old = [post(f"old{number}", published=NOW - timedelta(days=100 + number)) for number in range(100)]
    assert kinds(site.announce(post("a"), *old, now=NOW + timedelta(seconds=9)).deliveries) == ["websub"]


def test_what_left_the_window_is_no_removal(site: Site) -> None:
    site.announce(post("a"), post("b"))
    posts = [post("c"), post("a")]
    made = site.announcer.plan([site.write(posts)], [SPEC], [*posts, post("b")], settings(), NOW + timedelta(seconds=9))
    assert made is not None
    assert made.forgotten == ()
    assert [each.post for each in made.deliveries if each.kind == "webhook"] == ["c"]


def test_urls_that_wait_are_sent_with_the_new_ones(site: Site) -> None:
    site.announce(post("a"))
    site.announce(post("b"), post("a"), now=NOW + timedelta(seconds=9))
    site.announce(post("c"), post("b"), post("a"), now=NOW + timedelta(seconds=20))
    (waiting,) = [each for each in site.store.deliveries(kind="indexnow") if each.state.value == "queued"]
    assert b"/b/" in waiting.payload
    assert b"/c/" in waiting.payload


def test_announcing_that_is_turned_on_later_begins_with_a_baseline(site: Site) -> None:
    off = settings("site: {title: A, url: 'https://example.org'}\n")
    assert not announcing.is_on(off)
    assert site.announcer.plan([site.write([post("a")])], [SPEC], [post("a")], off, NOW) is None
    made = site.announce(post("b"), post("a"), now=NOW + timedelta(seconds=9))
    assert made.deliveries == ()
    assert {each.id for each in made.remembered} == {"a", "b"}


def test_documents_that_did_not_change_become_topics_too(site: Site) -> None:
    row = site.write([post("a")]).after
    assert row is not None
    made = site.announcer.baseline([row], settings(), NOW)
    assert made is not None
    assert [(each.topic, each.version) for each in made.topics] == [(URL, 1)]
    site.store.announce(made)
    assert site.announcer.baseline([row], settings(), NOW) is None


def test_subscribers_of_a_document_that_moved_are_told_where(site: Site) -> None:
    site.announce(post("a"))
    key = SubscriptionKey(protocol="websub", topic=URL, callback="https://reader.example/c")
    lease = {"verified_at": NOW, "lease_end": NOW + timedelta(days=9), "due_at": NOW, "delivered": 1}
    ended = dataclasses.replace(key, callback="https://gone.example/c")
    site.store.import_subscriptions(
        [
            Subscription(key=key, host="reader.example", **lease),
            Subscription(key=ended, host="gone.example", **{**lease, "lease_end": NOW}),
        ]
    )
    before = site.row
    revision = site.write([post("b"), post("a")])
    moved = "https://new.example/feeds/all.atom"
    assert revision.after is not None
    spec = dataclasses.replace(SPEC, urls={"atom": moved})
    revision = Revision(before=before, after=dataclasses.replace(revision.after, url=moved))
    made = site.announcer.plan([revision], [spec], [post("b"), post("a")], settings(), NOW + timedelta(seconds=1))
    assert made is not None
    assert made.retired == (URL,)
    (denial,) = [each for each in made.deliveries if each.kind == "deny"]
    assert denial.target == key.callback
    assert json.loads(denial.payload) == {"topic": URL, "reason": f"the feed has moved to {moved}"}
    site.store.announce(made)
    assert site.store.topic(URL) is None
    # Back again: it is a topic as it was.
    back = Revision(before=revision.after, after=before)
    made = site.announcer.plan([back], [SPEC], [post("a")], settings(), NOW + timedelta(seconds=2))
    assert made is not None
    assert made.retired == (moved,)


def test_a_document_that_is_no_more_is_retired(site: Site) -> None:
    site.announce(post("a"))
    made = site.announcer.plan([Revision(before=site.row, after=None)], [], [], settings(), NOW)
    assert made is not None
    assert made.retired == (URL,)


def test_announcing_again_sends_the_whole_and_calls_no_webhook(site: Site) -> None:
    site.announce(post("a"))
    assert site.row is not None
    made = site.announcer.again([site.row], settings(), NOW + timedelta(seconds=9))
    assert kinds(made.deliveries) == ["indexnow", "websub", "xmlrpc"]
    assert [(each.version, each.body) for each in made.topics] == [(2, b"a 1")]


def test_a_hub_that_is_named_no_more_is_told_once_more(site: Site) -> None:
    site.announce(post("a"))
    other = settings(SETTINGS.replace("https://hub.example/", "https://new.example/"))
    made = site.announce(post("b"), post("a"), now=NOW + timedelta(seconds=9), to=other)
    hubs = [each.target for each in made.deliveries if each.kind == "websub"]
    assert hubs == ["https://new.example/", "https://hub.example/"]
    again = site.announce(post("c"), post("b"), post("a"), now=NOW + timedelta(seconds=20), to=other)
    assert [each.target for each in again.deliveries if each.kind == "websub"] == ["https://new.example/"]


def test_messages_quote_the_summary_that_readers_see(site: Site) -> None:
    site.announce(post("a"))
    revision = site.write([post("b"), post("c"), post("a")])
    row = revision.after
    assert row is not None
    entry = "<entry><title>{0}</title><summary>Of {0} &amp; more</summary></entry>"
    head, parts = '<feed xmlns="http://www.w3.org/2005/Atom">', [entry.format(name) for name in "bca"]
    ends = [len(head) + sum(map(len, parts[:number])) for number in range(4)]
    (site.root / row.path).write_text(head + "".join(parts) + "</feed>", "utf-8")
    spans = tuple(
        EntrySpan(id=each.id, digest=each.digest, start=start, end=end)
        for each, start, end in zip(row.entries, ends, ends[1:], strict=False)
    )
    told = Revision(before=revision.before, after=dataclasses.replace(row, entries=spans))
    own = dataclasses.replace(post("c"), post=dataclasses.replace(post("c").post, summary="In the front matter"))
    made = site.announcer.plan([told], [SPEC], [post("b"), own, post("a")], settings(), NOW + timedelta(seconds=9))
    assert made is not None
    messages = [json.loads(each.payload)["body"]["data"] for each in made.deliveries if each.kind == "webhook"]
    assert {each["id"]: each["summary"] for each in messages} == {"b": "Of b & more", "c": "In the front matter"}


def test_the_gzip_form_of_a_document_is_stored_when_it_is_its_own(site: Site) -> None:
    coded = site.root / "feeds" / "all.atom.gz"
    assert [each.packed for each in site.announce(post("a")).topics] == [b""]
    coded.write_bytes(gzip.compress(b"b 1\na 1"))
    assert [each.packed for each in site.announce(post("b"), post("a")).topics] == [coded.read_bytes()]
    live = site.store.topic(URL)
    assert (live.body if live is not None else b"") == b"b 1\na 1"
    # One that is older, or of another document, is not what subscribers are sent.
    assert [each.packed for each in site.announce(post("c"), post("b"), post("a")).topics] == [b""]
    coded.write_bytes(b"no gzip")
    assert [each.packed for each in site.announce(post("d"), post("c")).topics] == [b""]


def test_a_file_that_is_gone_is_said_so(site: Site) -> None:
    revision = site.write([post("a")])
    (site.root / "feeds" / "all.atom").unlink()
    with pytest.raises(FileNotFoundError):
        site.announcer.plan([revision], [SPEC], [], settings(), NOW)
