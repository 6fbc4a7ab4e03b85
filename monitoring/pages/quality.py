"""The page of the quality: ``admin:monitoring_finding_changelist``.

::

    ?window=7d&assistant=anna&notice=refused
    .../export/?...                 # the turns of the same filters as CSV
    .../review/<turn>/              # POST of verdict and note, then back to ``next``
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from aiker.calls.models import Assistant, Turn
from monitoring import charts
from monitoring.models import Finding, Notice, Review
from monitoring.pages.links import Links
from monitoring.pages.measured import MeasuredAdmin
from monitoring.quality import report as quality
from monitoring.quality.export import MOST_ROWS, as_csv
from monitoring.quality.turn_list import EVERY_TURN, NOT_REVIEWED, REVIEWED, Wanted
from monitoring.windows import chosen

# In the colours of charts; ANY is the whole of them.
LINES: dict[Notice, str] = {
    notice: f"s{number}" for number, notice in enumerate(n for n in Notice if n is not Notice.ANY)
}


class ReviewForm(forms.ModelForm):
    class Meta:
        model = Review
        fields = ["verdict", "note"]


@admin.register(Finding)
class QualityAdmin(MeasuredAdmin):
    title = gettext_lazy("Quality")
    template = "admin/monitoring/quality.html"

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("export/", self.admin_site.admin_view(self.export_view), name="monitoring_finding_export"),
            path(
                "review/<int:turn>/",
                self.admin_site.admin_view(require_POST(self.review_view)),
                name="monitoring_finding_review",
            ),
        ]
        return [*own, *super().get_urls()]

    def has_review_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("monitoring.review_turn")

    def has_words_permission(self, request: HttpRequest) -> bool:
        """Whether what was said may be seen, as on the page of a call."""
        return self.has_view_permission(request) and request.user.has_perm("calls.view_call")

    def shown(self, request: HttpRequest) -> dict[str, Any]:
        wanted = wanted_of(request)
        window = wanted.window
        report = quality.quality_report(window, wanted.assistant)
        links = links_of(wanted)
        found = {
            "report": report,
            "wanted": wanted,
            "windows": links.windows(window.choice.name),
            "assistants": quality.assistants(window),
            "may_read": self.has_words_permission(request),
            "may_review": self.has_review_permission(request),
            **_drawn(report, wanted, links),
        }
        if found["may_read"] and report.turns:
            found |= self._turns(request, wanted, links)
        return found

    def _turns(self, request: HttpRequest, wanted: Wanted, links: Links) -> dict[str, Any]:
        """Return the questions and the turns, which are words of callers."""
        number = request.GET.get("page", "")
        page = wanted.page(int(number) if number.isdecimal() and len(number) < 6 else 1)
        notice = Notice.ANY if wanted.notice == EVERY_TURN else Notice(wanted.notice)
        bases = dict(Assistant.objects.values_list("slug", "knowledge_base_id"))
        # Under one question are only turns: it was chosen above.
        found = [] if wanted.question else quality.groups(wanted.window, wanted.assistant, notice)
        return {
            "groups": [
                {
                    "group": group,
                    "link": links.to(question=group.question),
                    "base": bases.get(group.examples[0].assistant),
                    "alternatives": "\n".join(group.wordings),
                }
                for group in found
            ],
            "page": page,
            "bases": bases,
            "newer": links.to(page=str(page.number - 1)) if page.number > 1 else "",
            "older": links.to(page=str(page.number + 1)) if page.has_next else "",
            "without_question": links.to(question="") if wanted.question else "",
            "export": reverse("admin:monitoring_finding_export") + links.to(),
            "export_most": MOST_ROWS,
            "verdicts": Review.Verdict.choices,
            "notices": [(notice, capfirst(str(notice.label))) for notice in Notice],
            "every_turn": EVERY_TURN,
            "reviewed_choices": reviewed_choices(),
            "here": request.get_full_path(),
        }

    def export_view(self, request: HttpRequest) -> HttpResponse:
        """Send the turns of the same filters, the newest first."""
        if not self.has_words_permission(request):
            raise PermissionDenied
        text = as_csv(wanted_of(request).rows(MOST_ROWS), request.build_absolute_uri("/").removesuffix("/"))
        name = f"aiker-turns-{timezone.localtime():%Y%m%d-%H%M}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return HttpResponse(text, content_type="text/csv; charset=utf-8", headers=headers)

    def review_view(self, request: HttpRequest, turn: int) -> HttpResponse:
        """Keep what an operator says of a turn; a review without verdict takes it back."""
        if not (self.has_words_permission(request) and self.has_review_permission(request)):
            raise PermissionDenied
        reviewed = get_object_or_404(Turn, pk=turn)
        row = Review.objects.filter(turn=reviewed).first()
        if row and not request.POST.get("verdict"):
            row.delete()
            messages.success(request, _("The review was taken back."))
            return HttpResponseRedirect(back_to(request, reviewed.call_id))
        form = ReviewForm(request.POST, instance=row or Review(turn=reviewed))
        if form.is_valid():
            review = form.save(commit=False)
            review.by, review.at = request.user, timezone.now()
            review.save()
            messages.success(request, _("The review was saved."))
        else:
            messages.error(request, " ".join(str(text) for texts in form.errors.values() for text in texts))
        return HttpResponseRedirect(back_to(request, reviewed.call_id))


def wanted_of(request: HttpRequest) -> Wanted:
    """Return what the address asks for; of what makes no sense, the default."""
    data = request.GET
    notice, reviewed = data.get("notice", ""), data.get("reviewed", "")
    question = data.get("question", "")
    assistant = data.get("assistant", "")
    known = notice in {*Notice.values, EVERY_TURN}
    verdicts = {*Review.Verdict.values, REVIEWED, NOT_REVIEWED}
    return Wanted(
        chosen(data.get("window", ""), timezone.now()),
        assistant if "\x00" not in assistant else "",
        notice if known else Notice.ANY.value,
        reviewed if reviewed in verdicts else "",
        question if question.isalnum() else "",
    )


def links_of(wanted: Wanted) -> Links:
    return Links(
        {
            "window": wanted.window.choice.name,
            "assistant": wanted.assistant,
            "notice": wanted.notice if wanted.notice != Notice.ANY else "",
            "reviewed": wanted.reviewed,
            "question": wanted.question,
        }
    )


def reviewed_choices() -> list[tuple[str, str]]:
    return [
        ("", _("reviewed or not")),
        (NOT_REVIEWED, _("not reviewed")),
        (REVIEWED, _("reviewed")),
        *((value, str(label)) for value, label in Review.Verdict.choices),
    ]


def back_to(request: HttpRequest, call: UUID) -> str:
    """Return the page that the review was sent from; the call's when that is not of this site."""
    target = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        return target
    return reverse("admin:calls_call_change", args=[call])


def _drawn(report: quality.QualityReport, wanted: Wanted, links: Links) -> dict[str, Any]:
    """Return the tiles and the chart."""
    if not report.turns:
        return {}
    tiles = [
        {
            "figures": each,
            "label": capfirst(str(each.notice.label)),
            "link": links.to(notice=each.notice.value if each.notice is not Notice.ANY else "", question=""),
            "active": wanted.notice == each.notice,
            "key": LINES.get(each.notice, ""),
        }
        for each in report.figures
    ]
    shown = [Notice(wanted.notice)] if wanted.notice in LINES else list(LINES)
    lines = [
        charts.Line(
            LINES[notice],
            capfirst(str(notice.label)),
            [(point.start, 100 * point.rates[notice]) for point in report.points if notice in point.rates],
            report.window.step,
        )
        for notice in shown
    ]
    most = max((value for line in lines for _, value in line.points), default=0.0)
    axis = charts.Axis(report.window, min(100.0, charts.top_of(most)), lambda value: f"{value:.3g}%")
    return {"tiles": tiles, "lines": lines, "trend": charts.line_chart(axis, lines, _("Rates over time"))}
