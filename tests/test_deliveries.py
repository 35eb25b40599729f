"""The nouns of announcing refuse what can only be a bug."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from feedservice.deliveries import EntryFacts, Failure, News, Outcome

AT = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("instant", [datetime(2026, 11, 26), AT.astimezone(timezone(timedelta(hours=9)))])
def test_an_instant_that_is_not_in_utc_is_a_bug(instant: datetime) -> None:
    with pytest.raises(ValueError, match="must be an aware datetime in datetime"):
        News(at=instant)
    with pytest.raises(ValueError, match="updated must be"):
        EntryFacts(id="1", digest="d", url="https://example.org/1", title="t", published=AT, updated=instant)


@pytest.mark.parametrize("both", [{}, {"status": 200, "failure": Failure.TIMEOUT}])
def test_an_outcome_is_an_answer_or_the_lack_of_one(both: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="a status or a failure"):
        Outcome(started=AT, duration=0.1, **both)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "confirmed"),
    [(199, False), (200, True), (204, True), (299, True), (301, False), (308, False), (410, False), (503, False)],
)
def test_only_2xx_confirms(status: int, confirmed: bool) -> None:
    assert Outcome(started=AT, duration=0.1, status=status).confirmed is confirmed
    assert Outcome(started=AT, duration=0.1, failure=Failure.CONNECT).confirmed is False
