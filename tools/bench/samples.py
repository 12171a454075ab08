"""Requests that a benchmark counted: what failed, and how long the others took, by window of time."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

OK = range(200, 300)


@dataclass(frozen=True)
class Window:
    """A span of time in seconds since the epoch. kind: the operation that it belongs to."""

    kind: str
    began: float
    ended: float

    def touches(self, began: float, ended: float) -> bool:
        """Tell whether a request ran, for a part of its time at least, within the window."""
        return began <= self.ended and ended >= self.began


@dataclass(frozen=True)
class Sample:
    """One request. ended: seconds since the epoch; seconds: how long it took; status: 0 for none."""

    ended: float
    seconds: float
    status: int

    @property
    def failed(self) -> bool:
        """Whether it got no good answer."""
        return self.status not in OK


@dataclass
class Summary:
    """What a group of requests came to; times in milliseconds."""

    requests: int = 0
    failed: int = 0
    p50: float = math.nan
    p99: float = math.nan
    p999: float = math.nan
    slowest: float = math.nan


@dataclass
class Split:
    """Requests by what went on: nothing, work on a release outside of the swap, or the swap."""

    steady: list[Sample] = field(default_factory=list)
    work: list[Sample] = field(default_factory=list)
    swap: list[Sample] = field(default_factory=list)


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which a share of the ordered values lies (nearest rank)."""
    if not ordered:
        return math.nan
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def summarize(samples: Iterable[Sample]) -> Summary:
    """Return counts and percentiles."""
    samples = list(samples)
    times = sorted(sample.seconds * 1000 for sample in samples)
    return Summary(
        requests=len(samples),
        failed=sum(sample.failed for sample in samples),
        p50=percentile(times, 0.5),
        p99=percentile(times, 0.99),
        p999=percentile(times, 0.999),
        slowest=times[-1] if times else math.nan,
    )


def split(samples: Iterable[Sample], operations: Sequence[Window], swaps: Sequence[Window]) -> Split:
    """Sort requests by the window that they touch; a swap's goes before its operation's."""
    found = Split()
    for sample in samples:
        began = sample.ended - sample.seconds
        if any(window.touches(began, sample.ended) for window in swaps):
            found.swap.append(sample)
        elif any(window.touches(began, sample.ended) for window in operations):
            found.work.append(sample)
        else:
            found.steady.append(sample)
    return found


def within(samples: Iterable[Sample], began: float, ended: float) -> list[Sample]:
    """Return the requests that ended within a span of time."""
    return [sample for sample in samples if began <= sample.ended <= ended]


def read_log(text: str) -> list[Sample]:
    """Read Nginx's log in the benchmark's format; the last line may be half written."""
    lines = text.splitlines() if text.endswith("\n") else text.splitlines()[:-1]
    words = (line.split() for line in lines)
    return [Sample(float(ended), float(seconds), int(status)) for ended, seconds, status in words]


def read_hey(text: str, began: float) -> list[Sample]:
    """Read hey's CSV, whose offsets count from its start."""
    samples = []
    for line in text.splitlines():
        columns = line.split(",")
        if len(columns) == 8 and columns[0][:1].isdigit():
            seconds, offset = float(columns[0]), float(columns[7])
            samples.append(Sample(began + offset + seconds, seconds, int(columns[6])))
    return samples


def read_wrk(text: str) -> int:
    """Return how many requests of wrk's got no answer: errors of sockets, and timeouts."""
    found = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    return sum(map(int, found.groups())) if found else 0


def read_wrk_refused(text: str) -> int:
    """Return how many requests of wrk's got an answer that is none of success."""
    found = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return int(found[1]) if found else 0


def read_wrk_rate(text: str) -> float:
    """Return wrk's requests a second. Raises ValueError where it has none."""
    found = re.search(r"Requests/sec: +(\d+\.\d+)", text)
    if not found:
        raise ValueError(f"wrk did not come to its end: {text[-500:]}")
    return float(found[1])


def slowest_by_slot(samples: Iterable[Sample], began: float, slot: float) -> list[tuple[float, float, int]]:
    """Return (seconds since began, the slowest in milliseconds, failed) for each slot of time."""
    slots: dict[int, tuple[float, int]] = {}
    for sample in samples:
        number = math.floor((sample.ended - began) / slot)
        slowest, failed = slots.get(number, (0.0, 0))
        slots[number] = (max(slowest, sample.seconds * 1000), failed + sample.failed)
    return [(number * slot, slowest, failed) for number, (slowest, failed) in sorted(slots.items())]
