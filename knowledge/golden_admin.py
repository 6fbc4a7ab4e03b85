"""Golden questions in the admin, and what became of them in each version."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from knowledge.form_fields import FactsField, LinesField
from knowledge.golden_report import compare, compared_figures, is_wrong, last_run
from knowledge.models import GoldenQuestion, GoldenRun

PASSED, FAILED, UNDER_WAY, BROKEN = _("passed"), _("failed"), _("being asked"), _("broken off")


class GoldenQuestionForm(forms.ModelForm):
    variants = LinesField(label=_("other wordings"), help_text=_("One a line; each is asked on its own."))
    must_say = FactsField(
        label=_("the answer must say"),
        help_text=_("One fact a line, all of them; spellings of which one suffices are separated by “/”."),
    )
    must_not_say = FactsField(
        label=_("the answer must not say"), help_text=_("One fact a line: a neighbour's price, an old name.")
    )

    class Meta:
        model = GoldenQuestion
        fields = [
            "base",
            "question",
            "before",
            "variants",
            "answerable",
            "expected",
            "must_say",
            "must_not_say",
            "kind",
            "is_active",
        ]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        base, expected = data.get("base"), data.get("expected") or []
        if strangers := [document.title for document in expected if base and document.base_id != base.pk]:
            text = gettext("Not documents of this knowledge base: {titles}")
            self.add_error("expected", text.format(titles=", ".join(strangers)))
        if data.get("answerable") and not expected and "expected" not in self.errors:
            text = gettext("Name a document that answers it, or say that the base does not answer it.")
            self.add_error("expected", text)
        if not data.get("answerable") and expected:
            self.add_error("answerable", gettext("The base answers it, or there is nothing to be found."))
        return data


@admin.register(GoldenQuestion)
class GoldenQuestionAdmin(ModelAdmin):
    form = GoldenQuestionForm
    list_display = ["question", "before", "kind", "answerable", "wording_count", "is_active", "base"]
    list_filter = ["base", "answerable", "kind", "is_active"]
    search_fields = ["question", "before", "variants"]
    search_help_text = _("Words of the question")
    list_select_related = ["base"]
    list_per_page = 50
    autocomplete_fields = ["expected"]
    actions_list = ["runs"]

    @admin.display(description=_("wordings"))
    def wording_count(self, question: GoldenQuestion) -> int:
        return len(question.wordings())

    def has_runs_permission(self, request: HttpRequest, _object_id: Any = None) -> bool:
        return request.user.has_perm("knowledge.view_goldenrun")

    @action(description=_("Runs"), icon="checklist", permissions=["runs"])
    def runs(self, request: HttpRequest) -> HttpResponse:  # noqa: ARG002
        return HttpResponseRedirect(reverse("admin:knowledge_goldenrun_changelist"))


@admin.register(GoldenRun)
class GoldenRunAdmin(ModelAdmin):
    """Runs are made by the worker; they can be read and deleted."""

    list_display = ["created_at", "base", "version", "assistant", "state", "found", "refused", "answers"]
    list_filter = ["version__base", "passed", "assistant"]
    list_select_related = ["version__base"]
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[GoldenRun]:
        return super().get_queryset(request).defer("results")  # long, and only the page of a run shows them

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002
        extra_context: Any = None,
    ) -> HttpResponse:
        """Show a run: its figures, what fails first, and what changed since the live version's last one."""
        run = GoldenRun.objects.select_related("version__base__active_version").filter(pk=object_id).first()
        if not self.has_view_permission(request, run):
            raise PermissionDenied
        if run is None:
            raise Http404
        live = last_run(run.version.base.active_version, run.assistant)
        other = live if live and live.pk != run.pk else None
        context = {
            **self.admin_site.each_context(request),
            **(extra_context or {}),
            "title": gettext("Golden questions"),
            "opts": self.model._meta,
            "run": run,
            "figures": compared_figures(run, other),
            "other": other,
            "differences": compare(run, other) if other else None,
            "failing": [item for item in run.results if is_wrong(item)],
            "right": [item for item in run.results if not is_wrong(item)],
            "titles": dict(run.version.base.documents.values_list("key", "title")),
            "under_way": run.is_under_way,
        }
        return render(request, "admin/knowledge/golden_run.html", context)

    @admin.display(description=_("knowledge base"))
    def base(self, run: GoldenRun) -> str:
        return run.version.base.name

    @display(description=_("state"), label={PASSED: "success", FAILED: "danger", BROKEN: "danger"})
    def state(self, run: GoldenRun) -> Any:
        if run.is_under_way:
            return UNDER_WAY
        if run.error or run.finished_at is None:
            return BROKEN
        return "–" if run.passed is None else PASSED if run.passed else FAILED

    @admin.display(description=_("found"))
    def found(self, run: GoldenRun) -> str:
        return percent(run, "given" if "given" in run.figures else "hit3")

    @admin.display(description=_("refused"))
    def refused(self, run: GoldenRun) -> str:
        return percent(run, "refused")

    @admin.display(description=_("answers right"))
    def answers(self, run: GoldenRun) -> str:
        return percent(run, "right")


def percent(run: GoldenRun, name: str) -> str:
    return f"{run.figures[name]:.1%}" if name in run.figures else "–"
