"""The numbers of a running service, for Prometheus."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from feedservice import __version__
from feedservice.cli.front import Front
from feedservice.model import Severity
from feedservice.service.daemon import Daemon
from feedservice.web.metrics import Metric, Sample, counter, gauge


def figures(daemon: Daemon, front: Front, *, ready: bool) -> list[Metric]:
    """Return every number; ``ready`` says whether the service does its work on time."""
    report, passes = daemon.report, daemon.passes
    good = passes.count - daemon.failures - (passes.running is not None)
    stages = {name: took for name, took in daemon.seconds.items() if name}
    due, rescan = daemon.timetable.when("due"), daemon.timetable.when("rescan")
    found = [
        Metric(
            name="feedservice_info",
            kind="gauge",
            text="The program.",
            samples=(Sample(value=1, labels={"version": __version__}),),
        ),
        gauge("feedservice_ready", "1 when the service does its work on time.", float(ready)),
        gauge("feedservice_start_time_seconds", "When the service began.", daemon.began.timestamp()),
        gauge("feedservice_resident_memory_bytes", "Memory in use.", _memory()),
        counter("feedservice_passes_total", "Passes, by their end.", {"done": good, "refused": daemon.failures}, "result"),
        Metric(
            name="feedservice_pass_seconds",
            kind="summary",
            text="Time that passes took.",
            samples=(
                Sample(value=daemon.seconds[""], suffix="_sum"),
                Sample(value=good + daemon.failures, suffix="_count"),
            ),
        ),
        counter("feedservice_stage_seconds_total", "Time that each stage of the passes took.", stages, "stage"),
        gauge("feedservice_configuration_problems", "Mistakes in a configuration that is not in force.", len(daemon.refused)),
    ]
    if due is not None:
        found.append(gauge("feedservice_next_change_timestamp_seconds", "When the feeds change by themselves.", due.timestamp()))
    if rescan is not None:
        found.append(gauge("feedservice_next_look_timestamp_seconds", "When every file is looked at next.", rescan.timestamp()))
    if daemon.last is not None:
        at = daemon.last.began.timestamp()
        found.append(gauge("feedservice_last_pass_timestamp_seconds", "When the last pass began.", at))
    if report is not None:
        counted = Counter(problem.severity for problem in report.problems)
        problems = {each.value: counted[each] for each in Severity}
        posts = {"published": report.live, "refused": report.refused} | {
            reason.value: count for reason, count in report.held.items()
        }
        found += [
            gauge("feedservice_posts", "Posts, by what became of them.", posts, "state"),
            gauge(
                "feedservice_problems",
                "Problems, by severity.",
                problems,
                "severity",
            ),
            gauge("feedservice_feeds", "Feeds.", len(report.feeds)),
            gauge("feedservice_feeds_held", "Feeds that the guard holds.", len(report.guarded)),
            gauge(
                "feedservice_documents_withheld",
                "Documents whose new form has errors.",
                len(report.withheld),
            ),
        ]
    return found + _served(front)


def _served(front: Front) -> list[Metric]:
    if front.desk is None:
        return []
    feeds = front.desk.counts.tally.feeds
    every = feeds.values()
    asked = {key: feed.requests for key, feed in feeds.items()}
    requests, unmodified = sum(asked.values()), sum(feed.not_modified for feed in every)
    found = [
        counter("feedservice_requests_total", "Requests for a feed.", asked, "feed"),
        counter("feedservice_not_modified_total", "Requests for a feed that were answered 304.", unmodified),
        counter("feedservice_deltas_total", "Requests that were sent only what is new.", sum(each.deltas for each in every)),
        counter("feedservice_too_many_total", "Requests that were told to come later.", sum(each.refused for each in every)),
        counter("feedservice_sent_bytes_total", "Bytes of feeds.", sum(each.sent for each in every)),
        counter("feedservice_saved_bytes_total", "Bytes that did not need to be sent.", sum(each.saved for each in every)),
    ]
    if requests:
        found.append(gauge("feedservice_not_modified_share", "Share of requests that were answered 304.", unmodified / requests))
    return found


def _memory() -> float:
    """Return the bytes of memory in use, as far as the system tells; 0 when it does not."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0
