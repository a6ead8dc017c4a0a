"""Turns the demonstration's JSON into one self-contained HTML page with its curves.

usage: demo_report.py demo.json report.html
"""

import html
import io
import json
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import FuncFormatter  # noqa: E402

PROTOCOLS = ["homa", "tcp-cubic", "tcp-bbr"]
NAMES = {"homa": "Homa", "tcp-cubic": "TCP cubic", "tcp-bbr": "TCP BBR"}
COLORS = {"homa": "#0b7a75", "tcp-cubic": "#c8553d", "tcp-bbr": "#6c5b9e"}
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
figure svg { width: 100%; height: auto; display: block; }
figcaption { color: #52606d; font-size: .9rem; padding: .2rem .6rem .4rem; }
.scroll { overflow-x: auto; background: #fff; border-radius: 10px;
          box-shadow: 0 1px 3px rgba(31, 41, 51, .12); margin: 1rem 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums;
        font-size: .92rem; }
th, td { padding: .45rem .8rem; text-align: right; white-space: nowrap; }
th { color: #52606d; font-weight: 600; border-bottom: 2px solid #d7dde3; }
td { border-bottom: 1px solid #edf0f3; }
th:first-child, td:first-child { text-align: left; }
tr.homa td { color: #0b7a75; font-weight: 600; }
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


def run_name(run):
    name = NAMES.get(run["protocol"], run["protocol"])
    if run["protocol"] == "homa":
        return name
    return f"{name}, {run['connections']} connections per pair"


def draw(runs, value, axis_label, log_format):
    """Lines over message size, P50 dashed and P99 solid, both axes logarithmic, as inline SVG."""
    figure, axes = plt.subplots(figsize=(9.6, 4.6))
    for run in runs:
        sizes = [s["bytes_max"] for s in run["sizes"]]
        color = COLORS.get(run["protocol"], INK)
        for percentile, line in (("p99", "-"), ("p50", "--")):
            values = [s[value.format(percentile)] for s in run["sizes"]]
            label = f"{run_name(run)}: {percentile.upper()}"
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
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=9,
                handlelength=3.6)
    figure.tight_layout()
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    plt.close(figure)
    text = buffer.getvalue()
    return text[text.index("<svg"):]


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


def runs_table(runs):
    rows = []
    for run in runs:
        remarks = []
        if not run["sustained"]:
            remarks.append("load not sustained")
        if run["cpu_limited"]:
            remarks.append("CPU-bound")
        if run["errors"]:
            remarks.append(f"{run['errors']} errors")
        cells = [run_name(run), f"{run['rpcs']:,}", time_text(run["short_half"]["p50_us"]),
                 time_text(run["short_half"]["p99_us"]), time_text(run["mean_us"]),
                 f"{run['mean_slowdown']:.1f}", f"{run['goodput_mbps']:.1f}",
                 f"{run['cpu_seconds']:.1f}", f"{run['retransmissions']:,}",
                 html.escape("; ".join(remarks)) or "–"]
        kind = "homa" if run["protocol"] == "homa" else "tcp"
        rows.append(f'<tr class="{kind}">' + "".join(f"<td>{c}</td>" for c in cells) + "</tr>")
    head = ["", "RPCs", "short P50", "short P99", "mean", "mean slowdown", "goodput Mbit/s",
            "CPU s", "sent again", "remarks"]
    return ('<div class="scroll"><table><tr>' + "".join(f"<th>{h}</th>" for h in head) + "</tr>" +
            "".join(rows) + "</table></div>")


def sizes_table(runs):
    head = "<th>bytes up to</th>" + "".join(
        f"<th>{html.escape(NAMES.get(r['protocol'], r['protocol']))} P50</th><th>P99</th>"
        for r in runs)
    rows = []
    for size in runs[0]["sizes"]:
        cells = [f"<td>{size['bytes_max']:,}</td>"]
        for run in runs:
            match = [s for s in run["sizes"] if s["bytes_max"] == size["bytes_max"]]
            cells += [f"<td>{time_text(match[0][k])}</td>" if match else "<td>–</td>"
                      for k in ("p50_us", "p99_us")]
        rows.append("<tr>" + "".join(cells) + "</tr>")
    return ('<div class="scroll"><table><tr>' + head + "</tr>" + "".join(rows) + "</table></div>")


def section(data, workload, load):
    def chosen(key):
        found = [r for r in data[key] if r["workload"] == workload and r["load"] == load]
        return sorted(found, key=lambda r: PROTOCOLS.index(r["protocol"]))

    best = chosen("results")
    homa = [r for r in best if r["protocol"] == "homa"]
    verdict = [v for v in data["verdicts"] if v["workload"] == workload]
    parts = [f"<h2>Workload {workload.upper()} at {load * 100:.0f} % of the link</h2>"]
    if homa and verdict:
        parts.append(cards(verdict[0], homa[0]))
    parts.append("<figure>" + draw(best, "slowdown_{}", "slowdown", lambda y: f"{y:g}") +
                 "<figcaption>Slowdown: round trip over Homa's round trip for that length on the "
                 "idle network. Each TCP with the number of connections that served it best."
                 "</figcaption></figure>")
    parts.append("<figure>" + draw(best, "{}_us", "round trip", time_text) +
                 "<figcaption>Round trip of a request and an equally long response."
                 "</figcaption></figure>")
    parts += [runs_table(chosen("all_runs")), sizes_table(best)]
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
{body}
<footer>Load is the share of a link's bits that is payload, requests and responses together, in each
direction. Short: the shorter half of the messages. CPU: seconds used by the hosts' processes in the
measured time. Made by ./demo.</footer>
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
