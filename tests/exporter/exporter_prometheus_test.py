#!/usr/bin/env python3
"""exporter_prometheus_test.py HOMA SOURCE: Prometheus scrapes `homa exporter` and answers what
`homa stat` says; promtool accepts the metrics, the configuration and the alert rules, and the rules
fire when they should. Skipped (77) without Debian's package prometheus."""
import json
import pathlib
import shutil
import subprocess
import sys
import unittest
import urllib.parse

from exporter_fixture import CALLS, ExporterFixture, free_port, get, wait_for


class PrometheusTest(ExporterFixture):
    def setUp(self):
        self.packaging = self.source / "packaging" / "prometheus"

    def promtool(self, *arguments, given=None):
        done = subprocess.run(["promtool", *map(str, arguments)], input=given,
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done

    def test_promtool_finds_nothing_wrong_with_the_metrics(self):
        metrics = self.metrics()
        self.assertIn("homa_rpc_time_seconds_bucket", metrics)
        done = self.promtool("check", "metrics", given=metrics)
        self.assertEqual(done.stdout + done.stderr, "")

    def test_promtool_accepts_configuration_and_rules(self):
        done = self.promtool("check", "config", self.packaging / "prometheus.yml")
        self.assertIn("SUCCESS", done.stdout)
        self.promtool("check", "rules", self.packaging / "homa.rules.yml")

    def test_alerts_fire_when_they_should(self):
        self.promtool("test", "rules", self.source / "tests" / "exporter" / "alerts.yml")

    def test_a_query_says_what_homa_stat_says(self):
        port = free_port()
        configuration = self.folder / "prometheus.yml"
        configuration.write_text(
            (self.packaging / "prometheus.yml").read_text()
            .replace("localhost:9754", self.listen).replace("15s", "1s")
            .replace("homa.rules.yml", str(self.packaging / "homa.rules.yml")))
        self.start("prometheus", f"--config.file={configuration}",
                   f"--storage.tsdb.path={self.folder / 'data'}",
                   f"--web.listen-address=127.0.0.1:{port}")

        def query(text):
            url = f"http://127.0.0.1:{port}/api/v1/query?query={urllib.parse.quote(text)}"
            return [float(one["value"][1]) for one in json.loads(get(url))["data"]["result"]]

        pid = f'pid="{self.server.pid}"'
        names = ("requests_received", "bytes_received", "io_frames_received", "acks_received")
        wait_for("a scrape of what is", lambda: all(
            query(f"homa_{name}_total{{{pid}}}") == [self.stat()["counters"][name]]
            for name in names))
        self.assertEqual(query(f"homa_responses_sent_total{{{pid}}}"), [CALLS])
        for name in ("sockets_open", "receive_memory_bytes"):
            self.assertEqual(query(f"homa_{name}{{{pid}}}"), [self.stat()["gauges"][name]], name)
        self.assertEqual(query(f"homa_message_sent_bytes_sum{{{pid}}}"), [100 * CALLS])
        self.assertEqual(query("up{job='homa'}"), [1])


if __name__ == "__main__":
    for program in ("prometheus", "promtool"):
        if not shutil.which(program):
            print(f"skipped: {program} is not installed (Debian's package prometheus)")
            sys.exit(77)
    ExporterFixture.homa, ExporterFixture.source = sys.argv[1], pathlib.Path(sys.argv[2])
    unittest.main(argv=sys.argv[:1], verbosity=2)
