#!/usr/bin/env python3
"""Plots of `homa sim` reports: slowdown over message size, and queues over time.

usage: tools/sim/plot.py slowdown OUT.svg REPORT.json...
       tools/sim/plot.py queues OUT.svg REPORT.json
       tools/sim/plot.py lines OUT.svg --x SETTING --y KEY... [--series SETTING] REPORT.json...
                         [--log-x | --even-x] [--log-y KEY] [--diagonal] [--sustained SERIES=LOAD]

slowdown: P50 and P99 by size; the x axis is scaled by message count, as in the Homa paper, whose
summary figures (80 % load) are drawn in for the report's workload.
lines: figures of the reports, a panel each, over a setting that a sweep varied. A key is a path in
the report: slowdown.short_half_p99, queues.leaf_down.p99_bytes.
Needs matplotlib (Debian: python3-matplotlib; run with /usr/bin/python3).
"""
import argparse
import json
import math
import sys

import matplotlib

matplotlib.use("Agg")
# Text as text, and the same reports give the same file.
matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "homa"})
import matplotlib.pyplot as plt  # noqa: E402

# Homa paper (SIGCOMM 2018), 144 hosts, 80 % load: mean, P99 of the shortest half, worst P99.
SYSTEMS = ("Homa", "pFabric", "PIAS", "oracle")
PUBLISHED = {
    "w1": ((1.38, 1.88, 26), (1.45, 2.0, 151), (1.74, 3.83, 20), (1.11, 1.03, 31)),
    "w2": ((1.43, 1.97, 16), (1.43, 1.97, 57), (1.71, 2.68, 212), (1.08, 1.05, 43)),
    "w3": ((1.46, 2.15, 23), (1.45, 2.03, 36), (2.07, 2.17, 34), (1.02, 1.03, 16)),
    "w4": ((1.49, 1.97, 26), (1.55, 1.82, 94), (3.48, 3.53, 248), (1.13, 1.0, 24)),
    "w5": ((1.73, 1.44, 17.5), (1.79, 1.62, 61), (2.84, 3.11, 31), (1.39, 1.2, 25)),
}


def load(path):
    with open(path) as file:
        return json.load(file)


def dig(report, key):
    for part in key.split("."):
        if isinstance(report, list):  # of queues, by kind
            report = next(entry for entry in report if entry["kind"] == part)
        else:
            report = report[part]
    return report


def save(figure, path):
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def label_bytes(count):
    for unit, size in (("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:g} B"


def plot_slowdown(arguments):
    reports = [load(path) for path in arguments.reports]
    figure, axes = plt.subplots(figsize=(9, 6))
    for index, report in enumerate(reports):
        sizes = report["slowdown"]["sizes"]
        total = sum(size["count"] for size in sizes)
        edges, seen = [], 0
        for size in sizes:
            edges.append((seen + size["count"] / 2) / total * 100)
            seen += size["count"]
        name = f'{report["protocol"]}, {report["workload"]} at {report["load"] * 100:.0f} %'
        for word, shown in (("homa", "Homa"), ("dctcp", "DCTCP"), ("oracle", "our oracle")):
            name = name.replace(word, shown)
        color = f"C{index}"
        axes.plot(edges, [size["p99"] for size in sizes], color=color, label=f"{name}: P99")
        axes.plot(edges, [size["p50"] for size in sizes], color=color, linestyle=":",
                  label=f"{name}: P50")
        if index == 0:
            ticks, seen = [], 0
            for size in sizes:
                seen += size["count"]
                if seen / total * 10 >= len(ticks) + 1 or size is sizes[-1]:
                    ticks.append((seen / total * 100, label_bytes(size["bytes_max"])))
            axes.set_xticks([tick[0] for tick in ticks], [tick[1] for tick in ticks], rotation=30)
    published = zip(SYSTEMS, PUBLISHED.get(reports[0]["workload"], ()))
    for index, (name, figures) in enumerate(published):
        color = f"C{index + 4}"
        axes.plot([0, 50], [figures[1]] * 2, color=color, linewidth=1, linestyle="--",
                  label=f"published {name}: P99 of the short half, worst P99")
        axes.plot([100], [figures[2]], color=color, marker="x", linestyle="none")
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.9)
    axes.set_xlabel("message size (x scaled by the number of messages)")
    axes.set_ylabel("slowdown")
    axes.grid(True, which="both", alpha=0.25)
    axes.legend(fontsize=7, ncol=3, loc="upper center", bbox_to_anchor=(0.5, -0.2))
    save(figure, arguments.out)


def plot_queues(arguments):
    report = load(arguments.reports[0])
    series = report["queue_series"]
    figure, (above, below) = plt.subplots(2, 1, figsize=(9, 6), sharex=True)
    times = [seconds * 1e3 for seconds in series["seconds"]]
    for kind, values in series.items():
        if kind == "seconds":
            continue
        above.plot(times, [count / 1e3 for count in values["total_bytes"]], label=kind)
        below.plot(times, [count / 1e3 for count in values["max_bytes"]], label=kind)
    above.set_ylabel("all queues of a kind, kB")
    below.set_ylabel("longest queue of a kind, kB")
    below.set_xlabel("time, ms")
    for axes in (above, below):
        axes.set_ylim(bottom=0)
        axes.grid(True, alpha=0.25)
        axes.legend(fontsize=8)
    figure.suptitle(f'{report["protocol"]}, {report["workload"]} at {report["load"] * 100:.0f} %')
    save(figure, arguments.out)


# What panels are called, and what their figures are divided by.
TITLES = {
    "slowdown.mean": ("mean slowdown", 1),
    "slowdown.short_half_p99": ("P99 slowdown, shorter half", 1),
    "slowdown.worst_p99": ("worst P99 slowdown of a size", 1),
    "slowdown.all.p99": ("P99 slowdown", 1),
    "sustained_load": ("load that was carried during the run, % of the links", 0.01),
    "wasted_downlink": ("downlink time wasted, %", 0.01),
    "goodput_mbps_per_host": ("goodput per host, Gbit/s", 1000),
    "goodput_mbps": ("goodput of the receiver, Gbit/s", 1000),
    "queues.leaf_down.mean_bytes": ("downlink queue, mean, kB", 1000),
    "queues.leaf_down.p99_bytes": ("downlink queue, P99, kB", 1000),
    "queues.leaf_down.max_bytes": ("downlink queue, longest, kB", 1000),
    "packets.dropped_buffer": ("packets dropped", 1),
}
# What settings are called on an axis, and how their values are written.
SETTINGS = {
    "traffic.load": ("offered load, % of the links", lambda x: f"{x * 100:g}"),
    "traffic.concurrency": ("RPCs outstanding", lambda x: f"{x:g}"),
    "homa.unscheduled_bytes": ("unscheduled bytes of a message", label_bytes),
    "homa.overcommit": ("messages granted at once", lambda x: f"{x:g}"),
    "core.priorities": ("priority levels", lambda x: f"{x:g}"),
    "homa.grant_fifo_per_mille": ("grants for the oldest message, %", lambda x: f"{x / 10:g}"),
}
# What the lines of a setting are called.
SERIES = {
    "traffic.workload": str.upper,
    "core.incast_bytes_max": lambda value: "with incast control" if number(value) > 0
                             else "without",
    "homa.pacer_fifo_per_mille": lambda value: f"{number(value) / 10:g} % of sent bytes for the "
                                               "oldest",
}


def number(setting):
    return float(setting.rstrip("B"))


def title_of(key):
    # With one receiver, what all hosts receive together is its goodput.
    return TITLES.get(key, (key, 1))


def value_of(report, key):
    if key == "goodput_mbps":
        return report["goodput_mbps_per_host"] * number(report["config"]["topology.hosts"])
    return dig(report, key)


def read_lines(arguments):
    """{name of the line: [(x, report)]}, in the order of x."""
    lines = {}
    for path in arguments.reports:
        report = load(path)
        series = report["config"][arguments.series] if arguments.series else ""
        lines.setdefault(series, []).append((number(report["config"][arguments.x]), report))
    for points in lines.values():
        points.sort(key=lambda point: point[0])
    return lines


def position_of(arguments, lines):
    """Where a value of x is drawn: at its value, or all at the same distance."""
    if not arguments.even_x:
        return lambda x: x
    every = sorted({x for points in lines.values() for x, _ in points})
    return every.index


def label_x(panel, arguments, lines):
    title, write = SETTINGS.get(arguments.x, (arguments.x, lambda x: f"{x:g}"))
    panel.set_xlabel(title)
    every = sorted({x for points in lines.values() for x, _ in points})
    if arguments.even_x:
        panel.set_xticks(range(len(every)), [write(x) for x in every], rotation=30, fontsize=8)
    elif arguments.log_x:
        panel.set_xscale("log")
        panel.minorticks_off()
        # A label at each decade or so: more would overlap.
        shown = [x for i, x in enumerate(every) if i == 0 or x >= 2.2 * every[i - 1] or i % 2 == 0]
        panel.set_xticks(shown, [write(x) for x in shown], rotation=30, fontsize=8)
    else:
        panel.xaxis.set_major_formatter(lambda x, _: write(x))


def plot_lines(arguments):
    lines = read_lines(arguments)
    position = position_of(arguments, lines)
    marks = dict(mark.split("=") for mark in arguments.sustained)
    columns = min(2, len(arguments.y))
    rows = math.ceil(len(arguments.y) / columns)
    size = (7, 4) if rows * columns == 1 else (4.6 * columns, 3.2 * rows)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
    for panel in axes.flat[len(arguments.y):]:
        panel.set_visible(False)
    for key, panel in zip(arguments.y, axes.flat):
        title, unit = title_of(key)
        for index, (series, points) in enumerate(lines.items()):
            name = SERIES.get(arguments.series, lambda value: f"{arguments.series} = {value}")
            panel.plot([position(x) for x, _ in points],
                       [value_of(report, key) / unit for _, report in points],
                       color=f"C{index}", marker="o", markersize=4,
                       label=name(series) if arguments.series else None)
            if series in marks:
                panel.plot([float(marks[series])], [float(marks[series]) * 100], color=f"C{index}",
                           marker="D", markersize=8, markerfacecolor="none", linestyle="none")
        if marks:
            panel.plot([], [], color="grey", marker="D", markersize=8, markerfacecolor="none",
                       linestyle="none", label="highest sustained load, long runs")
        if arguments.diagonal:
            all_x = [x for points in lines.values() for x, _ in points]
            ends = [min(all_x), min(1, max(all_x))]
            panel.plot(ends, [end * 100 for end in ends], color="grey", linestyle=":",
                       label="all that is offered")
        label_x(panel, arguments, lines)
        if key in arguments.log_y:
            panel.set_yscale("log" if all(value_of(report, key) > 0 for points in lines.values()
                                          for _, report in points) else "symlog")
            panel.set_ylim(bottom=0 if panel.get_yscale() == "symlog" else None)
        elif not arguments.diagonal:
            panel.set_ylim(bottom=0, top=panel.get_ylim()[1] * 1.1)
        panel.set_title(title, fontsize=9)
        panel.grid(True, alpha=0.25)
        if arguments.series:
            panel.legend(fontsize=7)
    save(figure, arguments.out)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(required=True)
    for name, plot in (("slowdown", plot_slowdown), ("queues", plot_queues), ("lines", plot_lines)):
        kind = kinds.add_parser(name)
        kind.set_defaults(plot=plot)
        kind.add_argument("out")
        if name == "lines":
            kind.add_argument("--x", required=True)
            kind.add_argument("--y", required=True, action="append")
            kind.add_argument("--series")
            kind.add_argument("--log-x", action="store_true")
            kind.add_argument("--even-x", action="store_true",
                              help="values of x at equal distances")
            kind.add_argument("--log-y", action="append", default=[], metavar="KEY",
                              help="panels with a logarithmic axis")
            kind.add_argument("--sustained", action="append", default=[], metavar="SERIES=LOAD",
                              help="mark the highest load that long runs sustained")
            kind.add_argument("--diagonal", action="store_true", help="y = x, for loads")
        kind.add_argument("reports", nargs="+")
    arguments = parser.parse_args()
    arguments.plot(arguments)


if __name__ == "__main__":
    sys.exit(main())
