"""The results as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence

from tools.bench.cells import OPERATIONS, Row
from tools.bench.front import PAIRS, ROUNDS, Front, ratio
from tools.bench.load import CONNECTIONS
from tools.bench.samples import Summary
from tools.bench.special import GRACEFUL_TIMEOUT, Stream, Tutorial, per_swap
from tools.bench.times import Times

HEAD = ("p50", "p99", "p99.9", "slowest")


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first and the last are numbers."""
    marks = ["---", *("---:" for _ in head[1:-1]), "---"]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, marks, *lines))


def _numbers(summary: Summary) -> list[str]:
    return [f"{value:.1f}" for value in (summary.p50, summary.p99, summary.p999, summary.slowest)]


def cells_table(rows: Iterable[Row]) -> str:
    """Return what visitors had of the swaps; times in milliseconds."""
    head = ["cell", "requests/s", "requests", "failed", *(f"steady {word}" for word in HEAD)]
    head += [*(f"swap {word}" for word in HEAD), "as promised"]
    lines = (
        [
            row.name,
            f"{row.rate:,.0f}",
            f"{row.requests:,}",
            str(row.failed),
            *_numbers(row.steady),
            *_numbers(row.swap),
            "; ".join(row.misses()) or "yes",
        ]
        for row in rows
    )
    return table(head, lines)


def seconds_table(rows: Iterable[Row]) -> str:
    """Return how long each kind of swap took, and with it the whole operation."""
    head = ["cell", *OPERATIONS, "with the build and Ansible"]
    lines = (
        [
            row.name,
            *(f"{row.swap_seconds[kind]:.1f}" for kind in OPERATIONS),
            ", ".join(f"{kind} {row.run_seconds[kind]:.1f}" for kind in OPERATIONS),
        ]
        for row in rows
    )
    return table(head, lines)


def streams_table(streams: Iterable[Stream]) -> str:
    """Return how open streams ended."""
    lines = ([s.stream, f"{s.seconds:.1f}", s.how, "yes" if s.good else "no"] for s in streams)
    return table(["stream", "seconds after the retirement began", "ended with", "as promised"], lines)


def front_table(front: Front) -> str:
    """Return the requests a second of the front beside others, and how many times theirs that is."""
    lines = []
    for what, (ours, theirs) in PAIRS.items():
        found = ratio(front.rates[ours], front.rates[theirs])
        rates = [f"{statistics.median(front.rates[name]):,.0f}" for name in (ours, theirs)]
        lines.append([what, *rates, f"{found.median:.2f}", f"{found.least:.2f} to {found.most:.2f}"])
    return table(["what is served", "requests/s", "theirs", "ratio", "in the rounds"], lines)


def times_table(times: Sequence[Times]) -> str:
    """Return what runs took, and what an app adds."""
    names = {
        "first run": "first",
        "nothing changed": "nothing",
        "one line changed": "line",
        "its line live after": "live",
        "one line, by `deploy`": "deploy",
    }
    growth = "more per app"
    head = ["run, in seconds", *(f"{entry.apps} app{'s' * (entry.apps > 1)}" for entry in times), growth]
    lines = []
    for name, key in names.items():
        values = [getattr(entry, key) for entry in times]
        apps = times[-1].apps - times[0].apps
        more = f"{(values[-1] - values[0]) / apps:.2f}" if apps else ""
        lines.append([name, *(f"{value:.1f}" for value in values), more])
    return table(head, lines)


def profile_tables(times: Times) -> str:
    """Return where the time of a run went."""
    parts = []
    for kind, entries in times.profile.items():
        lines = ([name.replace("|", "\\|"), f"{seconds:.2f}", ""] for name, seconds in entries)
        listed = table(["task, or a step of its module", "s", ""], lines)
        parts.append(f"{kind.capitalize()}, {times.apps} apps:\n\n{listed}")
    return "\n\n".join(parts)


def measured(abouts: Iterable[Mapping[str, str]]) -> str:
    """Return when and where results were measured: from the oldest to the newest, on which machines."""
    known = list(abouts)
    dates = sorted({about["date"] for about in known})
    machines = sorted({about["machine"] for about in known})
    return f"{' to '.join(dict.fromkeys((dates[0], dates[-1])))}, {' and '.join(machines)}"


def document(
    about: str,
    rows: Sequence[Row],
    streams: Sequence[Stream],
    tutorial: Tutorial | None,
    times: Sequence[Times],
    front: Front | None = None,
) -> str:
    """Return the whole report; parts that were not measured are left out. about: what measured returns."""
    parts = [f"# Benchmarks\n\n{about}. Controller, host and load share this machine."]
    parts.append("Made by `make bench`; times in milliseconds unless they say otherwise.")
    fixed = [row for row in rows if row.paced]
    full = [row for row in rows if row.name.endswith("/saturation")]
    slow = [row for row in rows if row.name.endswith("/slow")]
    if fixed:
        parts.append(f"## At half of what the host can serve\n\n{cells_table(fixed)}")
    if full:
        parts.append(f"## At saturation\n\n{cells_table(full)}")
    if slow:
        parts.append(f"## Requests of 5 s in flight\n\n{cells_table(slow)}")
    if streams:
        said = f"With `graceful_timeout` {GRACEFUL_TIMEOUT}:"
        parts.append(f"## Open streams\n\n{said}\n\n{streams_table(streams)}")
    if tutorial:
        swaps = f" The swaps at saturation: {per_swap(full)}." if full else ""
        parts.append(
            f"## Beside `systemctl restart`\n\nThe same app as a plain service, at saturation:"
            f" {tutorial.failed:,} of {tutorial.requests:,} requests failed in {tutorial.restarts} restarts."
            f"{swaps}"
        )
    if front:
        said = f"With {CONNECTIONS} connections, the medians of {ROUNDS} rounds:"
        parts.append(f"## The front beside others\n\n{said}\n\n{front_table(front)}")
    if rows:
        parts.append(f"## Seconds of a swap\n\n{seconds_table(rows)}")
    if times:
        parts.append(f"## Seconds of a run\n\n{times_table(times)}\n\n{profile_tables(times[-1])}")
    return "\n\n".join(parts) + "\n"
