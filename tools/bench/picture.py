"""The picture: for each cell the slowest request of every tenth of a second, and when swaps ran."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from tools.bench.cells import Row

PANEL_WIDTH, PANEL_HEIGHT = 330, 120
COLUMNS = 4
MARGIN = 44
HEADER = 58
LEAST_MS, MOST_MS = 1, 10_000
STYLE = (
    "text{font:11px sans-serif;fill:#333}.title{font-weight:bold}.note{fill:#666}"
    ".swap{fill:#f3d9a4}.line{fill:none;stroke:#1f5fa8;stroke-width:1}.grid{stroke:#ddd}.failed{fill:#c00}"
)


def draw(rows: Sequence[Row], caption: str) -> str:
    """Return an SVG with a panel for each row, on one scale: milliseconds, logarithmic."""
    lines = math.ceil(len(rows) / COLUMNS)
    # No narrower than its title.
    width = max(min(len(rows), COLUMNS), 2) * (PANEL_WIDTH + MARGIN) + MARGIN
    height = HEADER + lines * (PANEL_HEIGHT + 2 * MARGIN)
    panels = []
    for number, row in enumerate(rows):
        x = MARGIN + (number % COLUMNS) * (PANEL_WIDTH + MARGIN)
        y = HEADER + MARGIN // 2 + (number // COLUMNS) * (PANEL_HEIGHT + 2 * MARGIN)
        panels.append(f'<g transform="translate({x},{y})">{_panel(row)}</g>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}"><style>{STYLE}</style>'
        f'<rect width="{width}" height="{height}" fill="#fff"/>'
        f'<text class="title" x="{MARGIN}" y="20">The slowest request of each 0.1 s, in ms; a swap runs where'
        f" the ground is coloured; a failed request would be a red dot</text>"
        f'<text class="note" x="{MARGIN}" y="38">{escape(caption)}</text>'
        f"{''.join(panels)}</svg>\n"
    )


def _panel(row: Row) -> str:
    last = max((second for second, _, _ in row.slots), default=1.0) or 1.0

    def x(second: float) -> float:
        return round(second / last * PANEL_WIDTH, 1)

    bands = "".join(
        f'<rect class="swap" x="{x(began)}" y="0" width="{max(x(ended) - x(began), 1):.1f}"'
        f' height="{PANEL_HEIGHT}"/>'
        for began, ended in row.swaps
    )
    points = " ".join(f"{x(second)},{_y(slowest)}" for second, slowest, _ in row.slots)
    failed = "".join(
        f'<circle class="failed" cx="{x(second)}" cy="{_y(slowest)}" r="2.5"/>'
        for second, slowest, count in row.slots
        if count
    )
    title = f"{row.name}: {row.failed} of {row.requests:,} failed, {row.rate:,.0f}/s"
    return (
        f'{bands}{_grid()}<polyline class="line" points="{points}"/>{failed}'
        f'<text class="title" x="0" y="-6">{escape(title)}</text>'
        f'<text class="note" x="0" y="{PANEL_HEIGHT + 14}">0 s</text>'
        f'<text class="note" x="{PANEL_WIDTH}" y="{PANEL_HEIGHT + 14}" text-anchor="end">{last:.0f} s</text>'
    )


def _grid() -> str:
    return "".join(
        f'<line class="grid" x1="0" x2="{PANEL_WIDTH}" y1="{_y(value)}" y2="{_y(value)}"/>'
        f'<text class="note" x="-4" y="{_y(value) + 4}" text-anchor="end">{value}</text>'
        for value in (1, 10, 100, 1000, 10_000)
    )


def _y(milliseconds: float) -> float:
    inside = min(max(milliseconds, LEAST_MS), MOST_MS)
    share = math.log10(inside / LEAST_MS) / math.log10(MOST_MS / LEAST_MS)
    return round(PANEL_HEIGHT * (1 - share), 1)
