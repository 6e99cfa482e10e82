"""Metrics with bounded labels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from kit.metrics import Metrics


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(metrics.render().decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_a_counter_counts_by_label() -> None:
    metrics = Metrics()
    frames = metrics.counter("plugbridge_frames_total", "Frames", {"action": {"Boot", "Heartbeat"}})
    frames.inc(action="Boot")
    frames.inc(2, action="Boot")
    frames.inc(action="Heartbeat")
    assert samples(metrics) == {
        ("plugbridge_frames_total", (("action", "Boot"),)): 3,
        ("plugbridge_frames_total", (("action", "Heartbeat"),)): 1,
    }


@given(values=st.lists(st.text(), max_size=50))
def test_no_input_makes_more_series_than_were_declared(values: list[str]) -> None:
    metrics = Metrics()
    counter = metrics.counter("c_total", "Counts", {"kind": ["a", "b"]})
    for value in values:
        counter.inc(kind=value)
    found = samples(metrics)
    assert {dict(labels)["kind"] for _, labels in found} <= {"a", "b", "other"}
    assert sum(found.values()) == len(values)


def test_gauges_and_histograms_tell_their_values() -> None:
    metrics = Metrics()
    connected = metrics.gauge("connected", "Stations")
    connected.set(5)
    connected.inc(-2)
    seconds = metrics.histogram("took_seconds", "Time", {"verb": ["GET"]}, buckets=(0.1, 1))
    seconds.observe(0.5, verb="GET")
    found = samples(metrics)
    assert found["connected", ()] == 3
    assert found["took_seconds_bucket", (("le", "0.1"), ("verb", "GET"))] == 0
    assert found["took_seconds_bucket", (("le", "1.0"), ("verb", "GET"))] == 1
    assert found["took_seconds_sum", (("verb", "GET"),)] == 0.5


def test_wrong_labels_are_a_mistake_that_shows() -> None:
    counter = Metrics().counter("c_total", "Counts", {"kind": ["a"]})
    with pytest.raises(ValueError, match="kind"):
        counter.inc()
    with pytest.raises(KeyError):
        counter.inc(sort="a")


def test_two_applications_in_one_process_do_not_collide_but_two_equal_names_do() -> None:
    one, other = Metrics(process=True), Metrics(process=True)
    one.counter("c_total", "Counts")
    other.counter("c_total", "Counts")
    with pytest.raises(ValueError, match="Duplicated"):
        one.counter("c_total", "Counts")
    assert b"process_cpu_seconds_total" in one.render()
