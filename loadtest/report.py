"""The results of a comparison as a table and as a picture."""

import statistics

NOISY = 0.05  # the middle half of the rounds is further apart than this part of their median
COLOURS = {"gateway": "#2563eb", "nginx": "#9ca3af", "haproxy": "#d1a054", "floor": "#d1d5db",
           "floor, 16 KiB": "#e5e7eb", "gateway, one worker": "#93c5fd"}


def spread(values):
    """The distance of the middle half of the values, as a part of their median."""
    if len(values) < 4:
        return (max(values) - min(values)) / statistics.median(values)
    low, _, high = statistics.quantiles(values, n=4)
    return (high - low) / statistics.median(values)


def ratio(proxies, name, other):
    """The median of the rounds' ratios: in a round all had the same neighbours. And half of the
    distance of their middle half, when that says that the run was noisy."""
    if name not in proxies or other not in proxies:
        return "–"
    ratios = [a / b for a, b in zip(proxies[name]["cpu_us_rounds"], proxies[other]["cpu_us_rounds"])]
    middle, apart = statistics.median(ratios), spread(ratios)
    return f"{middle:.2f}" + (f" ± {middle * apart / 2:.2f}" if apart > NOISY else "")


def noise(seen):
    return f" (noisy: ±{100 * seen['spread'] / 2:.0f}%)" if seen["spread"] > NOISY else ""


def cpu_tables(results):
    lines = ["| workload | gateway's CPU per request | of nginx's | of HAProxy's | of the floor's |",
             "|---|---|---|---|---|"]
    for name, workload in results["workloads"].items():
        proxies = workload["proxies"]
        others = (ratio(proxies, "gateway", other) for other in ("nginx", "haproxy", "floor"))
        lines.append(f"| {name}: {workload['what']} | {proxies['gateway']['cpu_us']:.2f} µs | "
                     + " | ".join(others) + " |")
    lines += ["", "| workload | proxy | requests per second | CPU per request |", "|---|---|---|---|"]
    for name, workload in results["workloads"].items():
        for proxy, seen in workload["proxies"].items():
            lines.append(f"| {name} | {proxy} | {seen['requests_per_second']:,.0f} | "
                         f"{seen['cpu_us']:.2f} µs{noise(seen)} |")
    return lines


def latency_table(latency):
    lines = [f"Latency at {latency['rate']:,} requests per second in all, each timed from when it "
             "was due (added: less the same quantile without a proxy):", "",
             "| | median | added | 90% | 99% | added | 99.9% |", "|---|---|---|---|---|---|---|"]
    direct = latency["proxies"]["direct"]
    for name, seen in latency["proxies"].items():
        added = {key: "" if name == "direct" else f"{seen[key] - direct[key]:.0f} µs"
                 for key in ("p50_us", "p99_us")}
        lines.append(f"| {name} | {seen['p50_us']:.0f} µs{noise(seen)} | {added['p50_us']} | "
                     f"{seen['p90_us']:.0f} µs | {seen['p99_us']:.0f} µs | {added['p99_us']} | "
                     f"{seen['p999_us']:.0f} µs |")
    return lines


def idle_table(idle):
    lines = [f"User memory of an idle connection, {idle['connections']:,} at once:", "",
             "| | bytes each |", "|---|---|"]
    return lines + [f"| {name} | {seen:.0f} |" for name, seen in idle["proxies"].items()]


def markdown(results):
    run = results["run"]
    lines = [f"{run['date']}, {run['cpus']} CPUs, kernel {run['kernel']}; nginx {run['nginx']}, "
             f"HAProxy {run['haproxy']}. Medians of {run['rounds']} interleaved rounds of "
             f"{run['seconds']:g} s{', at real-time priority' if run['real_time'] else ''}. Load "
             f"average before {run['load_average_before']}, after {run['load_average_after']}.", ""]
    if results["workloads"]:
        lines += [*cpu_tables(results), ""]
    if "latency" in results:
        lines += [*latency_table(results["latency"]), ""]
    if "idle" in results:
        lines += [*idle_table(results["idle"]), ""]
    return "\n".join(lines)


def chart(results):
    """CPU per request as horizontal bars, a group for each workload."""
    left, right, bar, gap, width = 300, 70, 14, 16, 860
    rows, y = [], 46
    most = max((seen["cpu_us"] for workload in results["workloads"].values()
                for seen in workload["proxies"].values()), default=1)
    for name, workload in results["workloads"].items():
        proxies = workload["proxies"]
        rows.append(f'<text x="8" y="{y + bar - 2}" font-weight="bold">{name}</text>'
                    f'<text x="26" y="{y + bar - 2}">{workload["what"]}</text>')
        y += bar + 4
        for proxy, seen in proxies.items():
            length = (width - left - right) * seen["cpu_us"] / most
            rows.append(
                f'<text x="{left - 8}" y="{y + bar - 3}" text-anchor="end">{proxy}</text>'
                f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{bar - 2}" '
                f'fill="{COLOURS[proxy]}"/>'
                f'<text x="{left + length + 6:.1f}" y="{y + bar - 3}">{seen["cpu_us"]:.1f}</text>')
            y += bar
        y += gap
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" '
            f'viewBox="0 0 {width} {y}" font-family="sans-serif" font-size="11">\n'
            f'<rect width="{width}" height="{y}" fill="white"/>\n'
            '<text x="8" y="24" font-size="15" font-weight="bold">CPU per request, µs '
            '(less is better)</text>\n' + "\n".join(rows) + "\n</svg>\n")
