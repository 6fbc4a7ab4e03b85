"""What the page of the cost shows, from counts and distributions.

::

    report = cost_report(chosen("30d", now), assistant="")
    report.total.minutes, report.total.usage["prompt_tokens"]
    report.total.costs["Example API"], report.electricity_cost(report.total)
    report.days, report.assistants, report.engines
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from django.utils import timezone

from monitoring import tallies
from monitoring.cost.energy import energy
from monitoring.cost.models import Price
from monitoring.cost.usage import by_engine, totals
from monitoring.models import Tally
from monitoring.quality.report import assistants as assistants_in
from monitoring.quality.report import scope_of
from monitoring.windows import Window

Unit = Price.Unit


@dataclass(frozen=True, slots=True)
class Offer:
    """A price list: ``prices`` by unit."""

    name: str
    currency: str
    is_example: bool
    prices: Mapping[str, float]

    def lines(self, counts: Mapping[str, float]) -> dict[str, float]:
        """Return what each line of the list comes to."""
        amounts = _amounts(counts)
        return {unit: price * amounts[unit] for unit, price in self.prices.items()}

    def cost(self, counts: Mapping[str, float]) -> float:
        return sum(self.lines(counts).values())


@dataclass(frozen=True, slots=True)
class Used:
    """What was used in a day, by an assistant, or in all; ``costs`` by the name of the offer."""

    name: str | date
    counts: Mapping[str, float]
    costs: dict[str, float]
    kwh: float | None

    @property
    def label(self) -> str:
        return self.name if isinstance(self.name, str) else self.name.isoformat()

    @property
    def minutes(self) -> float:
        return self.counts.get("call_ms", 0) / 60_000

    @property
    def calls(self) -> int:
        return int(self.counts.get("calls", 0))

    @property
    def usage(self) -> dict[str, float]:
        return totals(self.counts)


@dataclass(frozen=True, slots=True)
class CostReport:
    window: Window
    assistant: str
    total: Used
    days: list[Used]
    assistants: list[Used]
    points: list[tuple[datetime, Mapping[str, float]]]
    energy: list[tuple[datetime, float]]
    offers: list[Offer]
    kwh_price: Price | None
    shared: bool = field(default=False)
    """Whether electricity is this assistant's share by the time of its calls."""

    @property
    def engines(self) -> list[tuple[str, str, dict[str, float]]]:
        """Stage, engine and its amounts."""
        order = {"stt": 0, "llm": 1, "tts": 2}
        found = by_engine(self.total.counts).items()
        rows = [(stage, engine, units) for (stage, engine), units in found]
        return sorted(rows, key=lambda row: (order.get(row[0], 9), row[1]))

    @property
    def estimated_share(self) -> float:
        """The share of the tokens that is an estimate, 0 to 1."""
        usage = self.total.usage
        tokens = usage["prompt_tokens"] + usage["completion_tokens"]
        return usage["estimated_tokens"] / tokens if tokens else 0.0

    def electricity_cost(self, used: Used) -> float | None:
        if self.kwh_price is None or used.kwh is None:
            return None
        return float(self.kwh_price.amount) * used.kwh


def cost_report(window: Window, assistant: str = "") -> CostReport:
    """Return what was used and what that costs; of one assistant, or of all."""
    offers = price_lists()
    found = tallies.stretches(window.step, scope_of(assistant), window.since, window.until)
    everything = found if not assistant else _everything(window)
    shares = {start: _share(counts, everything.get(start, {})) for start, counts in found.items()}
    measured = energy(window)
    drawn = [(start, kwh * shares.get(start, 0.0)) for start, kwh in measured] if assistant else measured
    whole = tallies.total(found.values())
    kwh = sum(amount for _, amount in drawn) if measured else None
    return CostReport(
        window,
        assistant,
        _used("", whole, offers, kwh),
        _days(found, drawn, offers, measured=bool(measured)),
        [] if assistant else _assistants(window, measured, found, offers),
        list(found.items()),
        drawn,
        offers,
        Price.objects.filter(unit=Unit.KWH, is_active=True).first(),
        shared=bool(assistant),
    )


def price_lists() -> list[Offer]:
    """Return the offers that are shown, with the prices of each; electricity is none."""
    lines: dict[str, list[Price]] = defaultdict(list)
    for price in Price.objects.filter(is_active=True).exclude(unit=Unit.KWH):
        lines[price.offer].append(price)
    return [
        Offer(
            name,
            prices[0].currency,
            any(price.is_example for price in prices),
            {price.unit: float(price.amount) for price in prices},
        )
        for name, prices in lines.items()
    ]


def _amounts(counts: Mapping[str, float]) -> dict[str, float]:
    """Return how many of each unit of a price were used."""
    usage = totals(counts)
    return {
        Unit.AUDIO_MINUTE: usage["seconds"] / 60,
        Unit.PROMPT_TOKENS: usage["prompt_tokens"] / 1e6,
        Unit.COMPLETION_TOKENS: usage["completion_tokens"] / 1e6,
        Unit.CHARACTERS: usage["characters"] / 1e6,
        Unit.CALL_MINUTE: counts.get("call_ms", 0) / 60_000,
    }


def _used(name: str | date, counts: Mapping[str, float], offers: list[Offer], kwh: float | None) -> Used:
    return Used(name, counts, {offer.name: offer.cost(counts) for offer in offers}, kwh)


def _days(
    found: Mapping[datetime, Mapping[str, float]],
    measured_kwh: list[tuple[datetime, float]],
    offers: list[Offer],
    *,
    measured: bool,
) -> list[Used]:
    """Return what was used on each day, the newest first."""
    counts: dict[date, list[Mapping[str, float]]] = defaultdict(list)
    kwh: dict[date, float] = defaultdict(float)
    for start, added in found.items():
        counts[timezone.localdate(start)].append(added)
    for start, amount in measured_kwh:
        kwh[timezone.localdate(start)] += amount
    days = sorted(counts.keys() | kwh.keys(), reverse=True)
    return [
        _used(day, tallies.total(counts[day]), offers, kwh.get(day, 0.0) if measured else None)
        for day in days
    ]


def _everything(window: Window) -> dict[datetime, dict[str, float]]:
    return tallies.stretches(window.step, "", window.since, window.until)


def _share(counts: Mapping[str, float], everything: Mapping[str, float]) -> float:
    """Return the share of an assistant in the time of all calls."""
    whole = everything.get("call_ms", 0)
    return counts.get("call_ms", 0) / whole if whole else 0.0


def _assistants(
    window: Window,
    measured: list[tuple[datetime, float]],
    everything: Mapping[datetime, Mapping[str, float]],
    offers: list[Offer],
) -> list[Used]:
    """Return what each assistant used, the one with most minutes first."""
    scopes = {scope_of(name): name for name in assistants_in(window)}
    by_name: dict[str, dict[datetime, dict[str, float]]] = {name: {} for name in scopes.values()}
    rows = Tally.objects.filter(
        step=window.step, scope__in=scopes, start__gte=window.since, start__lt=window.until
    )
    for scope, start, counts in rows.values_list("scope", "start", "counts"):
        by_name[scopes[scope]][start] = counts
    found = []
    for name, steps in by_name.items():
        kwh = sum(
            amount * _share(steps.get(start, {}), everything.get(start, {})) for start, amount in measured
        )
        found.append(_used(name, tallies.total(steps.values()), offers, kwh if measured else None))
    return sorted(found, key=lambda used: -used.minutes)
