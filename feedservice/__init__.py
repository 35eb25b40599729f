"""feedservice: the feed server for people who write in files.

Text becomes posts, posts become feeds, feeds become documents; everything up to the documents is pure::

    content/**/*.md                                                          config.yaml
         │ service.scan                                                          │ config.load
         ▼                                                                       ▼
      Source ─posts.parse→ Post ─feeds.identity→ Named ─feeds.selection→ windows by feed
                             │                                               │
                   posts.body (HTML, summary)                           feeds.specs (FeedSpec)
                             ▼                                               ▼
                           Entry ─feeds.formats→ Fragment ─feeds.assemble→ Document ─feeds.lint
                                                                             │ service.publish
                                                                             ▼
                                                                   public/ (staged, then renamed)

Changed documents become deliveries, and the two are written in one transaction::

    documents before, after ─feeds.changes→ Change, News ─push.announce→ Delivery ┐
    POST /hub ─web.hub→ push.hub ─────────────────────────────────→ Delivery      ├─ store.outbox ─→ service.deliver ─→ the world
                                       Subscription, behind its topic ────────────┘        ▲ push.outbox, push.hub: what then

``service.daemon`` says when: a change that has settled (``watch``), an instant (``timetable``), a question (``control``,
``web.admin``). ``passes`` makes one pass at a time of all that is asked for, ``web`` shows what it published, ``cli.run`` wires.

- A newcomer reads ``model`` (the nouns), ``service.publish`` (the pipe), ``service.collect`` and ``service.render`` (its halves),
  ``feeds.selection`` (a typical pure room), ``deliveries`` (the nouns of announcing), ``push.outbox`` (the delivery machine),
  ``service.deliver`` (its loop), ``cli`` (the verbs).
- "Decide" and "do" are different rooms. ``posts``, ``feeds`` and ``push`` take values, with the clock's reading and the facts of
  the file system passed in, and return values; only ``service``, ``web`` and ``cli`` act.
- ``posts``, ``feeds`` and ``push`` never import each other; ``service`` brings them together. ``taxonomy``, ``globs`` and
  ``dates`` stand beside the nouns because several wings need them.
- Posts are read and rendered in processes of ``service.forkserver``: one on which a parser hangs or crashes is a ``Problem``.
- An entry is rendered once and its bytes are shared by every feed with the same ``Profile``; a post that no feed shows is not
  rendered at all.
- Each library has one door. ``tests/test_architecture.py`` holds the table of who may import what.
"""

__version__ = "0.1.0"
