"""Everything a call needs to know, read from the database once, before it is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from aiker.calls.answering import GO_ON
from aiker.calls.clauses import clauses_of
from aiker.calls.dictation import CONFIRMED, DENIED
from aiker.calls.model_output.filter import OutputSettings
from aiker.calls.models import Assistant, MenuAction
from aiker.calls.tools.spec import ToolSpec
from aiker.calls.transfer_requests import instructions_without_offer, without_offer
from engines.models import VoiceProfile
from engines.profiles import EnginePlan, engine_plan
from engines.voices.casting import cast
from knowledge.vocabulary import Lexicon

MOST_HOT_CHARS = 150
"""Whisper reads 223 tokens of a prompt, which a character of Chinese takes one or two of."""


@dataclass(frozen=True, slots=True)
class MenuChoice:
    """What a key of the telephone does; ``text`` is what is said, or asked."""

    action: MenuAction
    text: str = ""


@dataclass(frozen=True, slots=True)
class CallPlan:
    """What a call is answered with; an edit in the admin takes effect on the next call."""

    assistant_id: int
    assistant: str
    language: str
    hot_words: str
    system_prompt: str
    voice: str
    speed: float
    engines: EnginePlan
    passages: int
    knowledge_base: int | None  # its live version is asked at each turn
    lexicon: Lexicon
    no_answer: str  # as written; ``answering`` leaves an offer out that cannot be kept
    no_transfer: tuple[str, ...]  # to one who asks for a person, when there is no transfer
    greeting: str
    apology: str
    unheard_answer: str
    silence_prompt: str
    goodbye: str
    there_answer: str
    hold_answer: str
    machine_answer: str
    hold_seconds: int
    fillers: tuple[str, ...]
    filler_ms: int  # after the end of a turn; 0: never
    menu: Mapping[str, MenuChoice]  # what a key does
    silence_seconds: int
    silence_prompts: int
    vad: str
    end_of_turn_ms: int
    longest_pause_ms: int
    max_call_seconds: int
    max_answer_seconds: int
    tools: tuple[ToolSpec, ...] = ()

    @property
    def phrases(self) -> list[str]:
        """The fixed sentences, as they are looked up in the cache."""
        whole = [self.greeting, self.apology, self.silence_prompt, self.unheard_answer, self.goodbye, GO_ON]
        whole += self.fillers
        # As they are recited: an answer to the caller goes clause by clause.
        no_answer = self.no_answer if self.can_transfer else without_offer(self.no_answer)
        answers = [no_answer, self.greeting, self.there_answer, self.hold_answer]
        answers += [self.machine_answer, self.goodbye, GO_ON, CONFIRMED, DENIED]
        answers += [choice.text for choice in self.menu.values() if choice.action == MenuAction.SAY]
        answers += [] if self.can_transfer else self.no_transfer
        answers += [text for tool in self.tools for text in tool.sentences]
        clauses = (clause for text in answers for clause in clauses_of(text))
        return list(dict.fromkeys([*filter(None, whole), *clauses]))

    @property
    def can_transfer(self) -> bool:
        """Whether a caller who asks for a person can be handed over."""
        return any(tool.hands_over for tool in self.tools)

    @property
    def output(self) -> OutputSettings:
        """How what the language model writes is filtered before it is said."""
        return OutputSettings(self.language, self.max_answer_seconds, tuple(self.phrases))

    @property
    def engine_names(self) -> dict[str, str]:
        """The engines that are asked first."""
        plan = self.engines
        return {"stt": plan.stt[0].engine, "llm": plan.llm[0].engine, "tts": plan.tts[0].engine}


def load_plan(slug: str) -> CallPlan | None:
    """Return the plan of the active assistant ``slug``, None when there is none; may raise ProfileError."""
    assistant = (
        Assistant.objects.filter(slug=slug, is_active=True)
        .select_related("profile", "voice_profile__engine")
        .first()
    )
    return plan_for(assistant) if assistant else None


def plan_for(assistant: Assistant) -> CallPlan:
    """Return the plan of ``assistant``; ProfileError when its engines cannot be used.

    Without a transfer in use, its sentences and instructions are taken without their offers of one.
    """
    tools = _tools(assistant)
    can_transfer = any(tool.hands_over for tool in tools)
    said, told = (_as_written, _as_written) if can_transfer else (without_offer, instructions_without_offer)
    lexicon = Lexicon.of(assistant.knowledge_base_id)
    return CallPlan(
        assistant_id=assistant.pk,
        assistant=assistant.slug,
        language=assistant.language,
        hot_words=lexicon.hot_words(assistant.hot_words, MOST_HOT_CHARS),
        system_prompt=told(assistant.system_prompt).replace("{name}", assistant.name),
        voice=assistant.voice,
        speed=assistant.speed,
        engines=_voiced(engine_plan(assistant.profile, assistant.language), assistant.voice_profile),
        passages=assistant.passages,
        knowledge_base=assistant.knowledge_base_id,
        lexicon=lexicon,
        no_answer=assistant.no_answer,
        no_transfer=tuple(assistant.no_transfer),
        greeting=said(assistant.greeting),
        apology=said(assistant.apology),
        unheard_answer=said(assistant.unheard_answer),
        silence_prompt=said(assistant.silence_prompt),
        goodbye=said(assistant.goodbye),
        there_answer=said(assistant.there_answer),
        hold_answer=said(assistant.hold_answer),
        machine_answer=said(assistant.machine_answer),
        hold_seconds=assistant.hold_seconds,
        fillers=tuple(assistant.fillers) if assistant.filler_ms else (),
        filler_ms=assistant.filler_ms,
        menu=_menu(assistant, said),
        silence_seconds=assistant.silence_seconds,
        silence_prompts=assistant.silence_prompts,
        vad=assistant.vad,
        end_of_turn_ms=assistant.end_of_turn_ms,
        longest_pause_ms=assistant.longest_pause_ms,
        max_call_seconds=assistant.max_call_seconds,
        tools=tools,
        max_answer_seconds=assistant.max_answer_seconds,
    )


def _as_written(text: str) -> str:
    return text


def _menu(assistant: Assistant, said: Callable[[str], str]) -> dict[str, MenuChoice]:
    if assistant.pk is None:
        return {}
    choices = {item.key: MenuChoice(MenuAction(item.action), item.text) for item in assistant.menu.all()}
    said_choices = {
        key: replace(choice, text=said(choice.text))
        for key, choice in choices.items()
        if choice.action == MenuAction.SAY
    }
    return choices | said_choices


def _tools(assistant: Assistant) -> tuple[ToolSpec, ...]:
    if assistant.pk is None:
        return ()
    return tuple(tool.spec() for tool in assistant.tools.filter(is_active=True))


def _voiced(engines: EnginePlan, voice: VoiceProfile | None) -> EnginePlan:
    return replace(engines, tts=cast(engines.tts, voice)) if voice and voice.published else engines
