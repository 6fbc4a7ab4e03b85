"""Charts as SVG, drawn here: no script, light and dark from the page's style sheet.

::

    line_chart(Axis(window, 0, 3000, ms), [Line("p95", "95 %", [(at, 1500.0), ...])], target=2000)
    stacked_bars(axis, layers, bars=[(at, {"stt": 300.0}), ...])
    histogram(edges, counts, unit, target=2000)

Every mark has a title that a pointer shows; the figures themselves are also in the page's tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from monitoring.windows import Window

WIDTH, HEIGHT = 960, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 14, 28
PLOT_WIDTH, PLOT_HEIGHT = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
EMPTY = mark_safe("")
FEW = 60
"""Points of a line that are drawn as circles; of more, only the one under the pointer is."""

Write = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Line:
    """``name`` is its class in the style sheet; each value is of ``step_s`` seconds, from its moment on."""

    name: str
    label: str
    points: Sequence[tuple[datetime, float]]
    step_s: float


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment at which something changed."""

    at: datetime
    label: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Axis:
    """Time to the right, values from 0 up to ``top``; ``write`` makes a value readable."""

    window: Window
    top: float
    write: Write

    def x(self, at: datetime) -> float:
        return LEFT + PLOT_WIDTH * min(1.0, max(0.0, self.window.place(at)))

    def y(self, value: float) -> float:
        return TOP + PLOT_HEIGHT * (1 - min(1.0, value / self.top))


def top_of(*values: float | None) -> float:
    """Return a round number over all values: 1, 2 or 5 times a power of ten."""
    most = max((value for value in values if value), default=1.0) * 1.05
    power = 1.0
    while power * 10 <= most:
        power *= 10
    while power > most:
        power /= 10
    return next(step * power for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= most)


def line_chart(
    axis: Axis, lines: Sequence[Line], label: str, target: float | None = None, marks: Sequence[Mark] = ()
) -> SafeString:
    """Return lines over time; a step without a value is a gap."""
    drawn = [_line(axis, line) for line in lines]
    return _svg(label, _frame(axis), _marks(axis, marks), *drawn, _target(axis, target))


def stacked_bars(
    axis: Axis,
    layers: Sequence[tuple[str, str]],
    bars: Sequence[tuple[datetime, dict[str, float]]],
    label: str,
    target: float | None = None,
    marks: Sequence[Mark] = (),
) -> SafeString:
    """Return a bar for each step of time, its ``layers`` (name, label) on one another."""
    step = timedelta(seconds=axis.window.step)
    drawn = [_bar(axis, layers, start, step, values) for start, values in bars]
    return _svg(label, _frame(axis), *drawn, _marks(axis, marks), _target(axis, target))


def histogram(
    edges: Sequence[float], counts: Sequence[int], write: Write, label: str, target: float | None = None
) -> SafeString:
    """Return a bar for each count; the last is of all that is over the last edge."""
    most, wide = max([*counts, 1]), PLOT_WIDTH / len(counts)
    bars = []
    for place, (edge, count) in enumerate(zip(edges, counts, strict=True)):
        height = PLOT_HEIGHT * count / most
        until = f"–{write(edges[place + 1])}" if place + 1 < len(edges) else "+"
        bars.append(
            format_html(
                '<rect class="{}" x="{}" y="{}" width="{}" height="{}"><title>{}{}: {}</title></rect>',
                "chart-late" if target is not None and edge >= target else "chart-bar",
                f"{LEFT + wide * place + 1:.1f}", f"{TOP + PLOT_HEIGHT - height:.1f}",
                f"{wide - 2:.1f}", f"{height:.1f}", write(edge), until, count,
            )
        )  # fmt: skip
    step = max(1, len(edges) // 8)
    ticks = [
        _text(LEFT + wide * place, HEIGHT - 8, write(edge), "start")
        for place, edge in enumerate(edges)
        if place % step == 0
    ]
    scale = [_text(LEFT - 8, TOP + 4, str(most), "end"), _text(LEFT - 8, TOP + PLOT_HEIGHT + 4, "0", "end")]
    return _svg(label, _rule(TOP + PLOT_HEIGHT), *scale, *ticks, *bars)


def _svg(label: str, *parts: SafeString) -> SafeString:
    body = format_html_join("", "{}", ((part,) for part in parts))
    return format_html(
        '<svg class="mon-chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>',
        WIDTH,
        HEIGHT,
        label,
        body,
    )


def _frame(axis: Axis) -> SafeString:
    """Return the lines and words of both axes."""
    values = [axis.top * part / 4 for part in range(5)]
    parts = [_rule(axis.y(value)) for value in values]
    parts += [_text(LEFT - 8, axis.y(value) + 4, axis.write(value), "end") for value in values]
    parts += [
        _text(
            axis.x(at), HEIGHT - 8, date_format(timezone.localtime(at), _time_format(axis.window)), "middle"
        )
        for at in _ticks(axis.window)
    ]
    return format_html_join("", "{}", ((part,) for part in parts))


def _ticks(window: Window) -> list[datetime]:
    """Return round moments, six at most: starts of steps."""
    step = timedelta(seconds=window.step)
    steps = max(1, int((window.until - window.since) / step))
    every = next(n for n in (1, 2, 3, 4, 6, 12, 24, 28, 36, 48, 100) if steps / n <= 7)
    found = [window.since + step * n for n in range(0, steps + 1, every)]
    return [at for at in found if 0.03 < window.place(at) < 0.97]


def _time_format(window: Window) -> str:
    return "H:i" if window.until - window.since <= timedelta(hours=26) else "m-d"


def _line(axis: Axis, line: Line) -> SafeString:
    path, dots, before = [], [], None
    half, gap = timedelta(seconds=line.step_s / 2), timedelta(seconds=line.step_s * 1.5)
    crowded = " chart-crowded" if len(line.points) > FEW else ""
    for at, value in line.points:
        x, y = axis.x(at + half), axis.y(value)
        path.append(f"{'L' if before and at - before <= gap else 'M'}{x:.1f} {y:.1f}")
        title = f"{_moment(axis, at)} · {line.label} {axis.write(value)}"
        dots.append((f"{x:.1f}", f"{y:.1f}", title))
        before = at
    circles = format_html_join("", '<circle cx="{}" cy="{}" r="3.5"><title>{}</title></circle>', dots)
    return format_html(
        '<g class="chart-line line-{}{}"><path d="{}"/>{}</g>', line.name, crowded, " ".join(path), circles
    )


def _bar(
    axis: Axis, layers: Sequence[tuple[str, str]], start: datetime, step: timedelta, values: dict[str, float]
) -> SafeString:
    left, right = axis.x(start), axis.x(start + step)
    gap = min(3.0, (right - left) * 0.2)
    parts, below = [], 0.0
    for name, label in layers:
        value = values.get(name, 0.0)
        top, bottom = axis.y(below + value), axis.y(below)
        below += value
        if bottom - top >= 0.05:
            title = f"{_moment(axis, start)} · {label} {axis.write(value)}"
            parts.append(
                (name, f"{left + gap / 2:.1f}", f"{top:.1f}", f"{max(1.0, right - left - gap):.1f}",
                 f"{bottom - top:.1f}", title)
            )  # fmt: skip
    return format_html_join(
        "",
        '<rect class="fill-{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
        parts,
    )


def _target(axis: Axis, target: float | None) -> SafeString:
    if target is None or target > axis.top:
        return EMPTY
    y = axis.y(target)
    return format_html(
        '<line class="chart-target" x1="{}" x2="{}" y1="{}" y2="{}"><title>{}</title></line>',
        LEFT, WIDTH - RIGHT, f"{y:.1f}", f"{y:.1f}", axis.write(target),
    )  # fmt: skip


def _marks(axis: Axis, marks: Sequence[Mark]) -> SafeString:
    drawn = []
    for mark in marks:
        x = axis.x(mark.at)
        title = f"{date_format(timezone.localtime(mark.at), 'm-d H:i')} · {mark.label}"
        shape = format_html(
            '<g class="chart-mark"><line x1="{}" x2="{}" y1="{}" y2="{}"/>'
            '<path d="M{} {}l5 -8h-10z"/><title>{}</title></g>',
            f"{x:.1f}", f"{x:.1f}", TOP, TOP + PLOT_HEIGHT, f"{x:.1f}", TOP + 2, title,
        )  # fmt: skip
        drawn.append(format_html('<a href="{}">{}</a>', mark.link, shape) if mark.link else shape)
    return format_html_join("", "{}", ((shape,) for shape in drawn))


def _moment(axis: Axis, at: datetime) -> str:
    hours = axis.window.until - axis.window.since <= timedelta(hours=26)
    # Numbers alone, for each point of a chart: Django's date_format would cost twenty times as much.
    return f"{timezone.localtime(at):{'%H:%M' if hours else '%m-%d %H:%M'}}"


def _rule(y: float) -> SafeString:
    return format_html(
        '<line class="chart-rule" x1="{}" x2="{}" y1="{}" y2="{}"/>',
        LEFT,
        WIDTH - RIGHT,
        f"{y:.1f}",
        f"{y:.1f}",
    )


def _text(x: float, y: float, text: str, anchor: str) -> SafeString:
    return format_html('<text x="{}" y="{}" text-anchor="{}">{}</text>', f"{x:.1f}", f"{y:.1f}", anchor, text)
