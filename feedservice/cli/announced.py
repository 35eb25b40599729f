"""How announcing goes, as a running service tells it: JSON values for ``status``, numbers for Prometheus, lines for people.

Hosts are named, callbacks and targets never: their paths are secrets of those who gave them.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from feedservice.cli import output
from feedservice.deliveries import State
from feedservice.model import Problem
from feedservice.push import canary
from feedservice.push.canary import Standing, Watch
from feedservice.service.deliver import Figures
from feedservice.store.outbox import OutboxStanding
from feedservice.web.metrics import Metric, Sample, counter, gauge

_BAD = frozenset({Standing.REFUSED, Standing.SILENT})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """How announcing goes."""

    figures: Figures
    standing: OutboxStanding | None
    """None: the outbox cannot be read."""
    refusal: str = ""
    """Why not."""
    watches: Sequence[Watch] = ()
    """What the canary saw of each hub."""
    problems: Sequence[Problem] = ()
    """Files of keys that cannot be used: what they are for is refused by the other side, or not sent."""
    now: datetime


def told(it: Announced) -> dict[str, Any]:
    """Return it as JSON values."""
    figures, standing = it.figures, it.standing
    attempts = {
        "confirmed": figures.confirmed,
        "failed": figures.failed,
        "under_way": figures.under_way,
        "waiting": figures.waiting,
    }
    hubs = [hub_told(watch, it.now) for watch in it.watches]
    problems = [output.problem_json(each) for each in it.problems]
    if standing is None:
        return {"attempts": attempts, "refusal": it.refusal, "hubs": hubs, "problems": problems}
    counts: dict[str, dict[str, int]] = {}
    for (kind, state), number in sorted(standing.counts.items()):
        counts.setdefault(kind, {})[state.value] = number
    return {
        "attempts": attempts,
        "refusal": None,
        "deliveries": counts,
        "subscriptions": standing.subscriptions,
        "retrying": standing.retrying,
        "retrying_hosts": list(standing.retrying_hosts),
        "oldest": standing.oldest,
        "next_due": standing.next_due,
        "hubs": hubs,
        "problems": problems,
    }


def hub_told(watch: Watch, now: datetime) -> dict[str, Any]:
    """Return what the canary saw of a hub as JSON values; its callback is nobody's business."""
    return {
        "hub": watch.hub,
        "topic": watch.topic,
        "standing": canary.standing(watch, now).value,
        "latency": None if watch.latency is None else round(watch.latency, 3),
        "arrived": watch.arrived_at,
        "arrivals": watch.arrivals,
        "waiting_since": watch.since,
        "missed": watch.missed,
        "lease_end": watch.lease_end,
        "refusal": watch.refusal or None,
    }


def numbers(it: Announced) -> list[Metric]:
    """Return it as numbers."""
    figures, standing = it.figures, it.standing
    attempts = {"confirmed": figures.confirmed, "failed": figures.failed}
    found = [
        counter("feedservice_attempts_total", "Requests to targets and subscribers, by their end.", attempts, "result"),
        counter("feedservice_attempts_given_back_total", "Claims that were given back unsent.", figures.given_back),
        counter("feedservice_settlements_ignored_total", "Attempts whose claim had ended meanwhile.", figures.ignored),
        gauge("feedservice_attempts_under_way", "Requests that are being made.", figures.under_way),
        gauge("feedservice_attempts_waiting", "Claims that wait for their host.", figures.waiting),
        gauge("feedservice_outbox_readable", "1 when the outbox can be read.", float(standing is not None)),
        *_hubs(it),
    ]
    if standing is None:
        return found
    samples = (
        Sample(value=number, labels={"kind": kind, "state": state.value})
        for (kind, state), number in sorted(standing.counts.items())
    )
    found += [
        Metric(
            name="feedservice_deliveries",
            kind="gauge",
            text="Deliveries that are remembered, by kind and state.",
            samples=tuple(samples),
        ),
        gauge("feedservice_subscriptions", "Subscriptions whose lease has not ended.", standing.subscriptions),
        gauge("feedservice_retrying_hosts", "Hosts that failed and will be tried again.", standing.retrying),
    ]
    if standing.next_due is not None:
        at = standing.next_due.timestamp()
        found.append(gauge("feedservice_next_attempt_timestamp_seconds", "When something is sent next.", at))
    if standing.oldest is not None:
        at = standing.oldest.timestamp()
        found.append(gauge("feedservice_oldest_delivery_timestamp_seconds", "Since when the oldest delivery waits.", at))
    return found


def _hubs(it: Announced) -> list[Metric]:
    seen = {watch.hub: watch for watch in it.watches}
    good = {hub: float(canary.standing(watch, it.now) not in _BAD) for hub, watch in seen.items()}
    latency = {hub: watch.latency for hub, watch in seen.items() if watch.latency is not None}
    since = {hub: watch.since.timestamp() for hub, watch in seen.items() if watch.since is not None}
    arrivals = {hub: watch.arrivals for hub, watch in seen.items()}
    return [
        gauge("feedservice_hub_heard", "0 when a hub is silent or refuses the canary.", good, "hub"),
        gauge("feedservice_hub_latency_seconds", "From publication to the last arrival.", latency, "hub"),
        gauge("feedservice_hub_waiting_since_timestamp_seconds", "What was published then has not arrived.", since, "hub"),
        counter("feedservice_hub_arrivals_total", "Deliveries that the canary got.", arrivals, "hub"),
    ]


def hub_line(said: Mapping[str, Any], *, span: Callable[[str], str]) -> str:
    """Return a line for people about what ``hub_told`` said."""
    latency = f"{said['latency']:.1f} s after publication" if said["latency"] is not None else "unasked for"
    waiting = f" of {span(said['waiting_since'])} ago" if said["waiting_since"] is not None else ""
    missed = f", {said['missed']:,} before it too" if said["missed"] else ""
    never = f"nothing came of a version{waiting}{missed}" if waiting else "it never verified the subscription"
    words = {
        Standing.ASKED: "asked, not verified yet",
        Standing.REFUSED: f"refused: {said['refusal']}",
        Standing.LISTENING: "verified, nothing was published since",
        Standing.EXPECTING: f"a version{waiting} is on its way",
        Standing.ARRIVED: f"last arrival {latency}" + (f", {span(said['arrived'])} ago" if said["arrived"] else ""),
        Standing.SILENT: f"silent: {never}",
    }
    standing = Standing(said["standing"])
    text = f"{said['hub']}  {words[standing]}"
    return click.style(text, fg="red") if standing in _BAD else text


def lines(said: Mapping[str, Any], *, span: Callable[[str], str], when: Callable[[str], str]) -> Iterator[str]:
    """Yield lines for people about what ``told`` said; ``span`` says how long ago an instant was, ``when`` its local time."""
    for each in said["problems"]:
        yield click.style(f"{each['path']}: {each['message']}", fg="red")
    for each in said["hubs"]:
        yield hub_line(each, span=span)
    if said["refusal"]:
        yield click.style(f"the outbox cannot be read: {said['refusal']}", fg="red")
        return
    sums = Counter[str]()
    for states in said["deliveries"].values():
        sums.update(states)
    parts = [output.counted(said["subscriptions"], "subscription")]
    parts += [f"{sums[state.value]:,} {state.value}" for state in State if sums[state.value]]
    yield ", ".join(parts)
    if said["oldest"] is not None:
        then = f", next attempt {when(said['next_due'])}" if said["next_due"] is not None else ""
        yield f"the oldest has waited for {span(said['oldest'])}{then}"
    if said["retrying"]:
        hosts = said["retrying_hosts"]
        more = f" and {said['retrying'] - len(hosts):,} more" if said["retrying"] > len(hosts) else ""
        yield click.style(f"retrying {', '.join(hosts)}{more}: `feedservice deliveries` says why", fg="yellow")
