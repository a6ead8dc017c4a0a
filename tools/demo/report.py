"""Turns the demonstration's JSON into one self-contained HTML page with its curves.

usage: tools/demo/report.py demo.json report.html
"""

import html
import io
import json
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import FuncFormatter  # noqa: E402

PROTOCOLS = ["homa", "tcp-cubic", "tcp-bbr", "tcp-cubic-small-buffers", "grpc"]
NAMES = {"homa": "Homa", "tcp-cubic": "TCP cubic", "tcp-bbr": "TCP BBR",
         "tcp-cubic-small-buffers": "TCP cubic, small buffers", "grpc": "gRPC"}
WORKLOADS = {
    "w3": "W3: all applications at a Google datacenter, from the Homa paper (SIGCOMM 2018). Half "
          "of the messages have at most 268 bytes; the mean is 2.9 kB.",
    "w4": "W4: a Hadoop cluster at Facebook, from the Homa paper (SIGCOMM 2018). Half of the "
          "messages have at most 662 bytes, but nearly all bytes belong to messages of hundreds "
          "of kilobytes: short messages that share links with long ones.",
}
COLORS = {"homa": "#0b7a75", "tcp-cubic": "#c8553d", "tcp-bbr": "#6c5b9e",
          "tcp-cubic-small-buffers": "#3b6ea5", "grpc": "#b8860b"}
INK = "#1f2933"
FAINT = "#d7dde3"

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.55 system-ui, "Segoe UI", Roboto, sans-serif; color: #1f2933;
       background: #f5f7f9; margin: 0; }
main { max-width: 1080px; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.35rem; margin: 2.6rem 0 .6rem; }
p.lead { color: #52606d; margin: 0 0 1.6rem; }
.cards { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1rem 0 1.4rem; }
.card { background: #fff; border-radius: 10px; padding: 1rem 1.2rem; flex: 1 1 180px;
        box-shadow: 0 1px 3px rgba(31, 41, 51, .12); }
.card b { display: block; font-size: 1.7rem; color: #0b7a75; line-height: 1.2; }
.card span { color: #52606d; font-size: .9rem; }
figure { background: #fff; border-radius: 10px; margin: 1rem 0; padding: .8rem;
         box-shadow: 0 1px 3px rgba(31, 41, 51, .12); }
figure svg { width: 100%; max-width: 720px; height: auto; display: block; margin: 0 auto; }
figcaption { color: #52606d; font-size: .9rem; padding: .2rem .6rem .4rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums;
        font-size: .88rem; background: #fff; border-radius: 10px; margin: 1rem 0;
        box-shadow: 0 1px 3px rgba(31, 41, 51, .12); }
th, td { padding: .4rem .55rem; text-align: right; }
th { color: #52606d; font-weight: 600; border-bottom: 2px solid #d7dde3; }
td { border-bottom: 1px solid #edf0f3; }
th:first-child, td:first-child { text-align: left; }
tr.homa td { color: #0b7a75; font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 1rem 0; }
dt { color: #52606d; }
dd { margin: 0; overflow-wrap: anywhere; }
/* On a narrow screen a row is a block, a line per figure: no column is out of sight. */
@media (max-width: 760px) {
  main { padding: 1.2rem .8rem 3rem; }
  h1 { font-size: 1.5rem; }
  table, tbody, tr, td { display: block; }
  tr:first-child { display: none; }
  tr { padding: .5rem .7rem; border-bottom: 2px solid #d7dde3; }
  td { display: flex; justify-content: space-between; gap: 1rem; border: 0; padding: .1rem 0; }
  td::before { content: attr(data-label); color: #52606d; font-weight: 400; text-align: left; }
  td:first-child { font-weight: 700; }
  td:first-child::before { display: none; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .4rem; }
}
footer { color: #7b8794; font-size: .85rem; margin-top: 3rem; }
"""


def time_text(microseconds):
    for unit, name in ((1e6, "s"), (1e3, "ms"), (1, "µs")):
        if microseconds >= unit:
            value = microseconds / unit
            return f"{value:.0f} {name}" if value >= 100 else f"{value:.3g} {name}"
    return f"{microseconds:.2f} µs"


def size_text(count):
    for unit, name in ((1e6, " MB"), (1e3, " kB")):
        if count >= unit:
            return f"{count / unit:.3g}{name}"
    return f"{count:.0f} B"


def short_name(run):
    name = NAMES.get(run["protocol"], run["protocol"])
    return name if run["protocol"] == "homa" else f"{name} ×{run['connections']}"


def draw(runs, value, axis_label, log_format):
    """Lines over message size, P50 dashed and P99 solid, both axes logarithmic, as inline SVG."""
    figure, axes = plt.subplots(figsize=(6.4, 5.4))
    for run in runs:
        sizes = [s["bytes_max"] for s in run["sizes"]]
        color = COLORS.get(run["protocol"], INK)
        for percentile, line in (("p99", "-"), ("p50", "--")):
            values = [s[value.format(percentile)] for s in run["sizes"]]
            label = f"{short_name(run)}: {percentile.upper()}"
            axes.plot(sizes, values, line, color=color, label=label, linewidth=2,
                      marker="o", markersize=3.5)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("message length")
    axes.set_ylabel(axis_label)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: size_text(x)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: log_format(y)))
    axes.grid(True, which="major", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), frameon=False, fontsize=9,
                handlelength=3.2, ncol=2)
    figure.tight_layout()
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    plt.close(figure)
    text = buffer.getvalue()
    return text[text.index("<svg"):]


def table(head, rows):
    """`rows`: (class, cells). Each cell knows its column's title, for narrow screens."""
    lines = ["".join(f"<th>{title}</th>" for title in head)]
    lines = [f"<tr>{lines[0]}</tr>"]
    for kind, cells in rows:
        lines.append(f'<tr class="{kind}">' + "".join(
            f'<td data-label="{html.escape(title)}">{cell}</td>'
            for title, cell in zip(head, cells)) + "</tr>")
    return "<table>" + "".join(lines) + "</table>"


def tcp_runs(runs):
    """Of those that kept up with the load, or of all when none did."""
    tcp = [run for run in runs if run["protocol"].startswith("tcp-")]
    return [run for run in tcp if run["sustained"]] or tcp


def cards(verdict, homa):
    def card(number, words):
        return f'<div class="card"><b>{number}</b><span>{words}</span></div>'

    return '<div class="cards">' + "".join([
        card(f"{verdict['short_half_p99_ratio']:.0f} ×",
             "shorter P99 round trip than the best TCP, shorter half of the messages"),
        card(f"{verdict['mean_ratio']:.1f} ×", "shorter mean round trip, all sizes"),
        card(time_text(homa["short_half"]["p99_us"]),
             f"Homa's P99 for the shorter half: {homa['short_half']['slowdown_p99']:.1f} times its "
             "time on an idle network"),
        card(f"{verdict['goodput_ratio'] * 100:.1f} %", "of the best TCP's goodput"),
    ]) + "</div>"


def best_table(runs):
    """Homa beside the TCP that is best by each measure: not the same one for all of them."""
    homa = [run for run in runs if run["protocol"] == "homa"][:1]
    tcp = tcp_runs(runs)
    if not homa or not tcp:
        return ""
    measures = [
        ("P99, shorter half of the messages", lambda run: run["short_half"]["p99_us"], time_text),
        ("P99, messages of all sizes", lambda run: run["all"]["p99_us"], time_text),
        ("mean, all sizes", lambda run: run["mean_us"], time_text),
        ("P99 of the longest tenth", lambda run: run["sizes"][-1]["p99_us"], time_text),
        ("processor seconds, hosts", lambda run: run["cpu_seconds"], "{:.1f}".format),
        ("processor seconds, whole machine", lambda run: run["machine_cpu_seconds"],
         "{:.1f}".format),
    ]
    rows = []
    for title, value, write in measures:
        best = min(tcp, key=value)
        ours, theirs = value(homa[0]), value(best)
        ratio = theirs / ours if ours else float("nan")
        who = "Homa" if ratio >= 1 else "TCP"
        rows.append(("", [title, write(ours), write(theirs), short_name(best),
                          f"{who} by {max(ratio, 1 / ratio):.1f} ×"]))
    return table(["", "Homa", "best TCP", "which", "better"], rows)


def where_tcp_is_better(verdict):
    worse = verdict["sizes_where_tcp_is_better"]
    if not worse:
        return "<p>At P99 no TCP is better for any class of sizes.</p>"
    return ("<p><b>A TCP is better at P99</b> for messages up to " +
            ", ".join(f"{size:,}" for size in worse) + " bytes (see the table by size).</p>")


def runs_table(runs, runs_of_each):
    spread_of = "in thirds of the run" if runs_of_each == 1 else f"in {runs_of_each} runs"
    head = ["", "RPCs", "short P50", "short P99", spread_of, "mean", "P99",
            "goodput Mbit/s", "CPU s hosts", "CPU s machine", "sent again", "remarks"]
    rows = []
    for run in runs:
        remarks = []
        if not run["sustained"]:
            remarks.append("load not sustained")
        if run["cpu_limited"]:
            remarks.append("CPU-bound")
        if run["errors"]:
            remarks.append(f"{run['errors']} errors")
        spread = (time_text(run["short_half_p99_us_least"]) + " to " +
                  time_text(run["short_half_p99_us_greatest"]))
        cells = [short_name(run), f"{run['rpcs']:,}", time_text(run["short_half"]["p50_us"]),
                 time_text(run["short_half"]["p99_us"]), spread, time_text(run["mean_us"]),
                 time_text(run["all"]["p99_us"]), f"{run['goodput_mbps']:.1f}",
                 f"{run['cpu_seconds']:.1f}", f"{run['machine_cpu_seconds']:.1f}",
                 f"{run['retransmissions']:,}", html.escape("; ".join(remarks)) or "–"]
        rows.append(("homa" if run["protocol"] == "homa" else "other", cells))
    return table(head, rows)


def sizes_table(runs):
    head = ["bytes up to"]
    for run in runs:
        head += [f"{short_name(run)} P50", f"{short_name(run)} P99"]
    rows = []
    for size in runs[0]["sizes"]:
        cells = [f"{size['bytes_max']:,} B"]
        for run in runs:
            match = [s for s in run["sizes"] if s["bytes_max"] == size["bytes_max"]]
            cells += [time_text(match[0][k]) if match else "–" for k in ("p50_us", "p99_us")]
        rows.append(("", cells))
    return table(head, rows)


def facts(data):
    machine = data["machine"]
    count = data["runs_of_each"]
    seconds = sum(run["measured_seconds"] for run in data["all_runs"]) * count
    times = "each once" if count == 1 else f"each {count} times, of which the median counts"
    values = [("date", machine["time"]), ("commit", data["commit"] or "not said"),
              ("kernel", machine["kernel"]),
              ("processor", f"{machine['processors']} × {machine['processor'] or 'not named'}"),
              ("place", data["place"]),
              ("runs", f"{len(data['all_runs'])} protocols and settings, one after the other, "
                       f"{times}; {seconds:.0f} s measured in all")]
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{html.escape(value)}</dd>"
                            for name, value in values) + "</dl>"


def section(data, workload, load):
    def chosen(key):
        found = [r for r in data[key] if r["workload"] == workload and r["load"] == load]
        return sorted(found, key=lambda r: PROTOCOLS.index(r["protocol"]))

    best = chosen("results")
    homa = [r for r in best if r["protocol"] == "homa"]
    verdict = [v for v in data["verdicts"] if v["workload"] == workload]
    parts = [f"<h2>Workload {workload.upper()} at {load * 100:.0f} % of the link</h2>",
             f"<p>{WORKLOADS.get(workload, '')}</p>"]
    if homa and verdict:
        parts += [cards(verdict[0], homa[0]), best_table(chosen("all_runs")),
                  where_tcp_is_better(verdict[0])]
    parts.append("<figure>" + draw(best, "slowdown_{}", "slowdown", lambda y: f"{y:g}") +
                 "<figcaption>Slowdown: round trip over Homa's round trip for that length on the "
                 "idle network. The others with the number of connections that served each best."
                 "</figcaption></figure>")
    parts.append("<figure>" + draw(best, "{}_us", "round trip", time_text) +
                 "<figcaption>Round trip of a request and an equally long response."
                 "</figcaption></figure>")
    parts += ["<h3>Every run</h3>", runs_table(chosen("all_runs"), data["runs_of_each"]),
              "<h3>By message length</h3>", sizes_table(best)]
    return "".join(parts)


def page(data):
    seen = []
    for run in data["results"]:
        if (run["workload"], run["load"]) not in seen:
            seen.append((run["workload"], run["load"]))
    body = "".join(section(data, workload, load) for workload, load in seen)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Homa against TCP</title><style>{STYLE}</style></head><body><main>
<h1>Homa against TCP, side by side</h1>
<p class="lead">{html.escape(data["place"])}. Every host calls every other; requests arrive at
random moments (Poisson), the same ones over each protocol, and are measured from the moment they
were due.
Every message's content is checked. Messages above 1,000,000 bytes are cut off, for all alike.</p>
{facts(data)}
{body}
<footer>Load is the share of a link's bits that is payload, requests and responses together, in each
direction. Short: the shorter half of the messages. In thirds, or in so many runs: the least and
the greatest P99 of the shorter half. ×4: four connections per pair of hosts. Small buffers: a
switch with 30 packets of buffer per port and priority instead of 1,000, so that there is little to
wait behind. CPU: processor seconds in the measured time, of the hosts' processes and of the whole
machine, because the kernel books much of TCP's work
elsewhere. Made by ./demo.</footer>
</main></body></html>
"""


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    plt.rcParams.update({"font.family": "sans-serif", "font.size": 10.5, "text.color": INK,
                         "axes.labelcolor": INK, "axes.edgecolor": "#9aa5b1",
                         "xtick.color": INK, "ytick.color": INK, "svg.fonttype": "path"})
    with open(sys.argv[1], encoding="utf-8") as file:
        data = json.load(file)
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write(page(data))


if __name__ == "__main__":
    main()
