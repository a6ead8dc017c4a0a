#!/usr/bin/env python3
"""exporter_test.py HOMA SOURCE: the exporter says what `homa stat` says, in Prometheus' units."""
import pathlib
import re
import subprocess
import sys
import unittest

from exporter_fixture import CALLS, ExporterFixture, wait_for

SAMPLE = re.compile(r'^(\w+)(?:\{(.*)\})? (\S+)$')


def parse(text):
    """Samples as {(name, labels): value}; labels as a frozenset of (name, value)."""
    samples = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        found = SAMPLE.match(line)
        assert found, line
        labels = frozenset(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found[2] or ""))
        key = (found[1], labels)
        assert key not in samples, f"twice: {line}"
        samples[key] = float(found[3])
    return samples


class ExporterTest(ExporterFixture):
    def of_server(self):
        """Name -> value of the server's metrics that have no label but its own."""
        own = {("program", "homa"), ("pid", str(self.server.pid)), ("engine", "0")}
        return {name: value for (name, labels), value in parse(self.metrics()).items()
                if labels == own}

    def test_every_counter_and_gauge_is_what_homa_stat_says(self):
        def at_one_time():
            """What both say of a moment in which the engine wrote nothing."""
            before, exported, after = self.stat(), self.of_server(), self.stat()
            same = all(before[kind] == after[kind] for kind in ("counters", "gauges"))
            return (before, exported) if same else None

        said, exported = wait_for("a quiet engine", at_one_time)
        self.assertEqual(exported["homa_responses_sent_total"], CALLS)
        for name, value in said["counters"].items():
            self.assertEqual(exported[f"homa_{name}_total"], value, name)
        for name, value in said["gauges"].items():
            in_units = {"link_bits_per_second": ("link_bytes_per_second", value / 8),
                        "paused_microseconds": ("paused_seconds", value / 1e6)}
            name, value = in_units.get(name, (name, value))
            self.assertAlmostEqual(exported[f"homa_{name}"], value, msg=name)

    def test_histograms_add_up(self):
        exported = parse(self.metrics())
        of_server = ("pid", str(self.server.pid))
        buckets = sorted((float(dict(labels)["le"]), value)
                         for (name, labels), value in exported.items()
                         if name == "homa_message_received_bytes_bucket" and of_server in labels)
        self.assertGreater(len(buckets), 10)
        self.assertEqual(buckets, sorted(buckets, key=lambda bucket: bucket[1]))
        below = dict(buckets)
        self.assertEqual((below[64], below[128], below[float("inf")]), (0, CALLS, CALLS))
        self.assertEqual(self.of_server()["homa_message_received_bytes_count"], CALLS)
        self.assertEqual(self.of_server()["homa_message_received_bytes_sum"], 100 * CALLS)

    def test_every_metric_of_rules_and_dashboard_is_exported(self):
        metrics = set(re.findall(r"^# TYPE (\S+)", self.metrics(), re.MULTILINE))
        for file in ("prometheus/homa.rules.yml", "grafana/homa.json"):
            named = re.findall(r"\bhoma_\w+", (self.source / "packaging" / file).read_text())
            self.assertGreater(len(named), 5)
            for name in named:
                self.assertIn(re.sub("_bucket$", "", name), metrics, file)

    def test_an_address_that_is_taken_is_an_error_with_its_cure(self):
        done = subprocess.run([self.homa, "exporter", "--listen", self.listen],
                              env=self.environment, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(self.listen, done.stderr)
        self.assertIn("--listen", done.stderr)


if __name__ == "__main__":
    ExporterFixture.homa, ExporterFixture.source = sys.argv[1], pathlib.Path(sys.argv[2])
    unittest.main(argv=sys.argv[:1], verbosity=2)
