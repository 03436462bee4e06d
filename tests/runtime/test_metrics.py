from __future__ import annotations

import shutil
import subprocess
import time

import pytest

from cloudedge import CloudClassifier
from cloudedge.metrics import STATES, Family, PhotoCounts, Sky, render
from cloudedge.row import row_of

parser = pytest.importorskip("prometheus_client.parser", reason="it comes with the group `test`")


def values(text, name):
    """Return the values of a metric by their labels."""
    families = parser.text_string_to_metric_families(text)
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    return {tuple(sample.labels.values()): sample.value for sample in samples}


@pytest.fixture
def row(tiny, sky):
    return row_of(CloudClassifier(tiny, threads=1).classify(sky))


def metrics_of(*rows):
    counts, last = PhotoCounts("capture", {"source": "cam"}), Sky({"source": "cam"})
    for row in rows:
        counts.add(row)
        last.add(row)
    return render([*counts.families(), *last.families()])


def test_photos_are_counted_by_status(row):
    text = metrics_of(row, row, {**row, "status": "error"})
    assert values(text, "cloudedge_captures_total") == {("cam", "ok"): 2, ("cam", "error"): 1}
    times = values(text, "cloudedge_last_capture_timestamp_seconds")
    assert all(abs(moment - time.time()) < 3600 for moment in times.values())
    assert set(times) == {("cam", "ok"), ("cam", "error")}


def test_exactly_one_state_is_1(row):
    assert row["status"] == "ok"
    for reason in (None, "low_confidence", "clear", "dark", "unfamiliar"):
        genus = None if reason in ("clear", "dark", "unfamiliar") else "Stratus"
        text = metrics_of({**row, "genus": genus, "reason": reason, "probability": 0.25 if genus else None})
        states = values(text, "cloudedge_sky_state")
        assert set(states) == {("cam", state) for state in STATES}
        assert [state for (_, state), value in states.items() if value] == [genus or reason]
        assert values(text, "cloudedge_sky_probability") == ({("cam",): 0.25} if genus else {})


def test_a_failure_leaves_the_sky_as_it_was(row):
    text = metrics_of({**row, "certain": True}, {**row, "status": "error", "genus": None, "reason": None})
    assert values(text, "cloudedge_sky_certain") == {("cam",): 1}
    assert sum(values(text, "cloudedge_sky_state").values()) == 1


def test_nothing_is_said_of_a_sky_that_was_not_seen():
    text = metrics_of()
    assert values(text, "cloudedge_captures_total") == {("cam", "ok"): 0, ("cam", "error"): 0}
    assert "sky" not in text
    assert "last" not in text


def test_labels_are_escaped():
    text = render([Family("x", "gauge", "Text.", [({"source": 'a"b\\c\nd'}, 1.0)])])
    assert values(text, "cloudedge_x") == {('a"b\\c\nd',): 1}


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool comes with Prometheus, which is large")
def test_promtool_accepts_it(row):
    text = metrics_of({**row, "probability": 1e-05}, {**row, "status": "error"})
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
