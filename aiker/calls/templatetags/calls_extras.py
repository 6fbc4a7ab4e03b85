"""Filters of the call pages: what operators read instead of the words of the records."""

from __future__ import annotations

import json
from typing import Any

from django import template
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from aiker.calls.models import Call, Turn

register = template.Library()

# The keys are the contributions of ``latency``.
LATENCY_NAMES = {
    "endpoint_wait": _("end of turn"),
    "stt": _("recognition"),
    "retrieval": _("retrieval"),
    "llm_first_token": _("first token"),
    "tool": _("tool"),
    "first_clause": _("first clause"),
    "tts_first_audio": _("first audio"),
    "filler": _("filler"),
    "playout": _("playout"),
}

# The keys are the values of ``manners.Manner``.
MANNER_NAMES = {
    "repeat": _("said again"),
    "slower": _("said again, slower"),
    "wait": _("asked to wait"),
    "there": _("asked who is there"),
    "goodbye": _("said goodbye"),
    "machine": _("asked whether it is a machine"),
    "listen": _("wanted to speak"),
    "lead_in": _("announced a question"),
}

# The keys are the values of ``answering.Way``.
WAY_NAMES = {
    "manner": _("fixed reply"),
    "computed": _("from the clock"),
    "written": _("as written"),
    "nearest": _("nearest entry, with a caution"),
    "refused": _("no answer known"),
    "model": _("language model"),
}

# The keys are the names of the classes in ``wire``.
WIRE_NAMES = {"softphone": _("browser softphone"), "twilio": _("Twilio phone line")}

# The keys are the stages and codes of ``engines.errors``.
STAGE_NAMES = {
    "stt": _("speech recognition"),
    "llm": _("language model"),
    "tts": _("speech synthesis"),
    "embedding": _("knowledge search"),
    "rerank": _("reranking"),
    "tool": _("tool"),
}
_ERRORS = {
    "timeout": _("The {engine} did not answer in time."),
    "unreachable": _("The {engine} could not be reached."),
    "refused": _("The {engine} refused the request."),
    "broken": _("The {engine} broke off its answer."),
}
_WHAT_TO_DO = {
    "timeout": _("The machine may be overloaded, or the time limit of the profile too short."),
    "unreachable": _("Start everything with manage.py start; Engines, Machine shows what is missing."),
    "refused": _("Check the model and the key of this engine under Engines."),
}
_LOOK = _("Look at this engine's log in the logs folder of the data directory, then ask again.")
# The codes of ``engines.errors`` and ``engines.routing``, for an engine that another one stood in for.
_WHY = {
    "timeout": _("over its time limit"),
    "unreachable": _("not reachable"),
    "refused": _("refused the request"),
    "broken": _("broke off"),
    "empty": _("gave no answer"),
    "breaker_open": _("resting after failures"),
}
# The codes of ``tools.spec.ToolError``.
_TOOL_ERRORS = {
    "arguments": _("The language model called it with something wrong."),
    "host": _("Its host may not be reached."),
    "unreachable": _("The other system could not be reached."),
    "timeout": _("The other system did not answer in time."),
    "status": _("The other system refused it or failed."),
    "redirect": _("The other system sent it elsewhere, which is not followed."),
    "too_large": _("The other system answered too much."),
    "not_json": _("The other system answered with something else than JSON or text."),
    "template": _("What came back does not fit the sentence."),
    "secrets": _("Its headers must be entered again."),
    "unfinished": _("The caller went on before it was done."),
}
_CALLED_BY = {
    "phrase": _("by the caller's words"),
    "model": _("by the language model"),
    "offer": _("by a yes to what was offered"),
    "anger": _("by anger that went on"),
}
_ANY_ERROR = _("The {engine} failed.")


@register.filter
def seconds(ms: float) -> str:
    return str(_("{seconds} s")).format(seconds=f"{ms / 1000:.2f}")


@register.filter
def clock(ms: int) -> str:
    minutes, rest = divmod(ms // 1000, 60)
    return f"{minutes}:{rest:02d}"


@register.filter
def as_seconds(ms: float) -> str:
    """Return a moment as an address of a piece of audio has it."""
    return f"{ms / 1000:.3f}"


@register.filter
def percent_of(ms: float, whole_ms: float) -> str:
    """Return a part of a length as per cent of it, for a style sheet."""
    return f"{min(100.0, 100 * ms / whole_ms):.2f}" if whole_ms else "0"


@register.filter
def latency_name(name: str) -> str:
    return str(LATENCY_NAMES.get(name, name))


@register.filter
def manner_name(name: str) -> str:
    return str(MANNER_NAMES.get(name, name))


@register.filter
def way_name(name: str) -> str:
    return str(WAY_NAMES.get(name, name))


@register.filter
def wire_name(name: str) -> str:
    return capfirst(str(WIRE_NAMES.get(name, name)))


@register.filter
def ended(call: Call) -> str:
    """Return why the call ended, or that it goes on."""
    return capfirst(str(call.get_end_reason_display() if call.end_reason else _("in progress")))


@register.filter
def engine_names(engines: dict[str, str]) -> str:
    """Return the engines of a call by what they do."""
    return " · ".join(f"{capfirst(str(STAGE_NAMES.get(k, k)))} {name}" for k, name in engines.items())


@register.filter
def error_text(error: dict[str, str]) -> str:
    """Return an engine's failure in plain words."""
    stage = error.get("stage", "")
    sentence = str(_ERRORS.get(error.get("code", ""), _ANY_ERROR))
    return capfirst(sentence.format(engine=STAGE_NAMES.get(stage, stage)))


@register.filter
def what_to_do(code: str) -> str:
    """Return what an operator does about a code of ``engines.errors``."""
    return str(_WHAT_TO_DO.get(code, _LOOK))


@register.filter
def tool_error(code: str) -> str:
    """Return a tool's failure in plain words."""
    return str(_TOOL_ERRORS.get(code, code))


@register.filter
def called_by(by: str) -> str:
    return str(_CALLED_BY.get(by, by))


@register.filter
def as_json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@register.filter
def stage_name(stage: str) -> str:
    return capfirst(str(STAGE_NAMES.get(stage, stage)))


def why_skipped(code: str) -> str:
    """Return in plain words why an engine was passed over."""
    return str(_WHY.get(code, code))


@register.filter
def passed_over(turn: Turn) -> list[dict[str, str]]:
    """Return the engines that were to serve this turn and did not: stage, engine, why, who served."""
    return [
        {
            "stage": capfirst(str(STAGE_NAMES.get(stage, stage))),
            "engine": skipped["engine"],
            "why": why_skipped(skipped["why"]),
            "served": served["engine"],
        }
        for stage, served in turn.routing.items()
        for skipped in served["skipped"]
    ]


@register.filter
def unheard(turn: Turn) -> str:
    """Return what was answered but not heard."""
    return turn.assistant_text[len(turn.heard_text) :]
