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

``service.daemon`` says when: a change that has settled (``watch``), an instant (``timetable``), a question (``control``,
``web.admin``). ``passes`` makes one pass at a time of all that is asked for, ``web`` shows what it published, ``cli.run`` wires.

- A newcomer reads ``model`` (the nouns), ``service.publish`` (the pipe), ``service.collect`` and ``service.render`` (its halves),
  ``feeds.selection`` (a typical pure room), ``cli`` (the verbs).
- "Decide" and "do" are different rooms. ``posts`` and ``feeds`` take values, with the clock's reading and the facts of the file
  system passed in, and return values; only ``service`` and ``cli`` act.
- ``posts`` and ``feeds`` never import each other; ``service`` brings them together. ``taxonomy``, ``globs`` and ``dates`` stand
  beside the nouns because both wings need them.
- An entry is rendered once and its bytes are shared by every feed with the same ``Profile``; a post that no feed shows is not
  rendered at all.
- Each library has one door. ``tests/test_architecture.py`` holds the table of who may import what.
"""

__version__ = "0.1.0"
