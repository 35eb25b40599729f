from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from feedservice.web.metrics import Metric, Sample, counter, gauge, render


def test_prometheus_reads_what_is_written() -> None:
    awkward = 'a "quoted" back\\slash\nand 日本'
    text = render(
        [
            counter("x_passes_total", "Passes\nof \\ all kinds.", {"done": 3, "refused": 0}, "result"),
            gauge("x_share", "A share.", 0.25),
            gauge("x_odd", "Odd labels.", {awkward: 1e-9}, "feed"),
            gauge("x_none", "Nothing.", {}, "feed"),
            Metric(
                name="x_seconds",
                kind="summary",
                text="Time.",
                samples=(Sample(value=1.5, suffix="_sum"), Sample(value=3, suffix="_count")),
            ),
        ]
    ).decode()
    read = {family.name: family for family in text_string_to_metric_families(text)}
    assert set(read) == {"x_passes", "x_share", "x_odd", "x_seconds"}
    assert read["x_passes"].documentation == "Passes\nof \\ all kinds."
    assert [(each.labels, each.value) for each in read["x_passes"].samples] == [
        ({"result": "done"}, 3),
        ({"result": "refused"}, 0),
    ]
    assert read["x_odd"].samples[0].labels == {"feed": awkward}
    assert read["x_odd"].samples[0].value == 1e-9
    assert [(each.name, each.value) for each in read["x_seconds"].samples] == [("x_seconds_sum", 1.5), ("x_seconds_count", 3)]
