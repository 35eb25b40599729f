from __future__ import annotations

from feedservice.web.bodies import Bodies


def test_what_was_replaced_is_let_go() -> None:
    bodies = Bodies(1000)
    for name in ("a", "b", "c"):
        bodies.put((name, "identity"), name.encode() * 100)
    bodies.retain({("b", "identity"), ("d", "gzip")})
    assert bodies.get(("a", "identity")) is None
    assert bodies.get(("b", "identity")) == b"b" * 100
    assert bodies.size == 100
    bodies.retain(())
    assert bodies.size == 0
