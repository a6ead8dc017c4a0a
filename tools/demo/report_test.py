#!/usr/bin/env python3
"""The demonstration's page says what a sceptic asks first, and hides no column."""
import importlib.util
import pathlib
import re
import sys
import unittest

try:
    import matplotlib  # noqa: F401
except ImportError:
    print("skipped: python3-matplotlib is missing")
    sys.exit(77)

SOURCE = pathlib.Path(__file__).with_name("report.py")
SPEC = importlib.util.spec_from_file_location("report", SOURCE)
report = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(report)


def figures(p99):
    return {"bytes_max": 1000, "p50_us": p99 / 2, "p99_us": p99, "slowdown_p50": 1.5,
            "slowdown_p99": 3.0}


def run(protocol, connections, p99, mean, sustained=True):
    return {"protocol": protocol, "connections": connections, "workload": "w4", "load": 0.8,
            "rpcs": 1000, "mean_us": mean, "all": figures(p99 * 5), "short_half": figures(p99),
            "short_half_p99_us_least": p99 * 0.9, "short_half_p99_us_greatest": p99 * 1.1,
            "sizes": [figures(p99)], "goodput_mbps": 600.0, "cpu_seconds": 10.0,
            "machine_cpu_seconds": 20.0, "measured_seconds": 30.0, "retransmissions": 5,
            "cpu_limited": False, "sustained": sustained, "errors": 0}


def data():
    runs = [run("homa", 0, 1000.0, 9000.0), run("tcp-cubic", 8, 600000.0, 130000.0),
            run("tcp-bbr", 1, 500000.0, 700000.0, sustained=False)]
    verdict = {"workload": "w4", "load": 0.8, "short_half_p99_ratio": 600.0, "mean_ratio": 14.4,
               "short_half_slowdown_p99": 3.0, "goodput_ratio": 1.0,
               "sizes_where_tcp_is_better": [1000000]}
    return {"results": runs, "all_runs": runs, "verdicts": [verdict], "place": "lab of 4 hosts",
            "hosts": 4, "runs_of_each": 1, "commit": "abc1234",
            "machine": {"kernel": "Linux 6.18", "processor": "Some CPU", "processors": 2,
                        "time": "2026-11-27 12:00 UTC"}}


class Page(unittest.TestCase):
    def setUp(self):
        self.page = report.page(data())

    def test_says_where_and_when_it_was_measured(self):
        for fact in ("abc1234", "Linux 6.18", "2 × Some CPU", "2026-11-27 12:00 UTC",
                     "lab of 4 hosts"):
            self.assertIn(fact, self.page)

    def test_says_what_the_workload_is(self):
        self.assertIn("Hadoop cluster", self.page)

    def test_says_where_tcp_is_better(self):
        self.assertIn("A TCP is better at P99", self.page)
        self.assertIn("1,000,000", self.page)

    def test_the_best_tcp_of_each_measure_kept_up_with_the_load(self):
        table = report.best_table(data()["all_runs"])
        self.assertIn("TCP cubic ×8", table)
        self.assertNotIn("TCP BBR", table)
        self.assertIn("Homa by 600.0 ×", table)

    def test_grpc_is_shown_and_is_no_tcp(self):
        with_grpc = data()
        with_grpc["results"].append(run("grpc", 1, 500.0, 5000.0))
        with_grpc["all_runs"] = with_grpc["results"]
        self.assertIn("gRPC ×1", report.page(with_grpc))
        self.assertNotIn("gRPC", report.best_table(with_grpc["all_runs"]))

    def test_a_measure_at_which_tcp_is_better_says_so(self):
        runs = data()["all_runs"]
        runs[0]["cpu_seconds"] = 25.0
        self.assertIn("TCP by 2.5 ×", report.best_table(runs))

    def test_shows_the_spread_and_processor_seconds_of_hosts_and_machine(self):
        table = report.runs_table(data()["all_runs"], 1)
        self.assertIn("900 µs to 1.1 ms", table)
        self.assertIn("CPU s machine", table)
        self.assertIn("in thirds of the run", table)
        self.assertIn("in 3 runs", report.runs_table(data()["all_runs"], 3))

    def test_says_how_often_each_ran(self):
        self.assertIn("each once", self.page)
        thrice = data()
        thrice["runs_of_each"] = 3
        self.assertIn("each 3 times, of which the median counts", report.page(thrice))

    def test_names_every_protocol_that_the_demonstration_runs(self):
        self.assertIn("TCP cubic, small buffers",
                      report.short_name(run("tcp-cubic-small-buffers", 8, 1.0, 1.0)))

    def test_no_column_is_behind_a_scroll_bar(self):
        self.assertNotIn("overflow-x", self.page)
        cells = re.findall(r"<td[^>]*>", self.page)
        self.assertTrue(cells)
        self.assertTrue(all("data-label=" in cell for cell in cells))


if __name__ == "__main__":
    unittest.main()
