"""Remove what a model does not address to the caller: thoughts, tool calls, the tokens of its chat template.

::

    sections = SectionFilter()
    for token in stream:
        for piece in sections.feed(token):     # text; None: all text up to here was a thought
            ...
    sections.finish()
    sections.ended             # an end token came behind words: nothing more belongs to the answer

``SectionFilter(keep_calls=True)`` leaves tool calls that are written as text, and closing tags without an
opening one, to whoever reads the rest. Pure.
"""

from __future__ import annotations

import re

from aiker.calls.model_output.characters import SAYABLE

_THOUGHT_NAMES = (
    r"think(?:ing)?|thoughts?|reason(?:ing)?|reflect(?:ion)?|analy[sz]e|analysis|scratch_?pad|(?:inner_?)?monologue|"
    r"planning|plan|cot|chain_of_thought|rationale|deliberation|internal|hidden|思考|思考过程|分析|推理|内心"
)
_CALL_NAMES = (
    r"tool_?calls?|function_?calls?|functions?|tool_?use|tools?|tool_?code|tool_?(?:response|result|output)|"
    r"invoke|actions?|execute|python"
)
_SKIPPED_NAMES = "script|style|del|strike"  # of HTML: what is between them is not for reading

_THOUGHT_OPENS = re.compile(
    rf"[<◁](?:\w+:)?(?:{_THOUGHT_NAMES})(?:\s[^<>◁▷]*)?[>▷]|<\|begin_of_thought\|>|\[THINK\]", re.IGNORECASE
)
_THOUGHT_CLOSES = re.compile(
    rf"[<◁]\s*/\s*(?:\w+:)?(?:{_THOUGHT_NAMES})\s*[>▷]|<\|end_of_thought\|>|\[/THINK\]", re.IGNORECASE
)
_CALL_OPENS = re.compile(rf"<(?P<name>{_CALL_NAMES})(?:[\s=][^<>]*)?>", re.IGNORECASE)
_SKIP_OPENS = re.compile(rf"<(?P<name>{_SKIPPED_NAMES})(?:\s[^<>]*)?>", re.IGNORECASE)
_CALL_TO_THE_END = re.compile(
    r"\[TOOL_(?:CALLS?|RESULTS?)\]|<[|｜][^|｜<>]*(?:tool|python|plugin|function|action)[^|｜<>]*[|｜]>|✿(?:FUNCTION|ARGS)✿",
    re.IGNORECASE,
)
# The channels of gpt-oss: analysis and commentary are no answer, final is.
_CHANNEL = re.compile(r"<\|channel\|>\s*(?P<name>\w+)[^<>]*<\|message\|>")
_CHANNEL_BEGUN = re.compile(r"<\|channel\|>[^<>]*(?:<[|a-z]*)?$")
_FINAL_CHANNEL = re.compile(r"<\|channel\|>\s*final[^<>]*<\|message\|>")
_ROLE = r"(?:<\|(?:im_start|start_header_id|header_start|start)\|>|<start_of_turn>)"
_ROLE_STARTS = re.compile(
    rf"{_ROLE}\s*(?:assistant|model|ai|bot)?\s*(?:<\|(?:end_header_id|header_end|message)\|>\s*)?"
)
_ROLE_BEGUN = re.compile(rf"{_ROLE}\s*[a-z]*\s*(?:<[|a-z_]*)?$")
_PADDING = re.compile(  # carries no meaning wherever it stands
    r"<(?:s|bos|pad|unk|mask|sop|0x[0-9A-F]{2}|extra_id_\d+)>|\[(?:gMASK|s?MASK|PAD|UNK|CLS)\]"
    r"|<[|｜](?:begin_of_[^|｜<>]*|box_\w+|end_of_box|end_of_solution|object_ref_\w+|quad_\w+)[|｜]>",
    re.IGNORECASE,
)
_CONTROL = re.compile(  # a chat template's own: behind words, the answer is over
    r"<[|｜][^|｜<>]{0,40}[|｜]>|</s>|<(?:eos|eoa|eoh|eot|eom|end_of_turn|end_of_utterance|start_of_turn|reserved_\d+)>"
    r"|\[/?INST\]|<</?SYS>>|\[(?:EOS|SEP|UNUSED_TOKEN_\d+)\]",
    re.IGNORECASE,
)
_OPENER = re.compile(r"[<\[◁✿]")
_BEGUN = re.compile(
    r"(?:<(?:0(?:x[0-9A-F]{0,2})?|[|｜/!<]{0,2}|[|｜/!<]{0,2}\s?[A-Za-z_思分推内][^<>\n。，！？]{0,60})"
    r"|\[/?[A-Za-z_0-9]{0,18}|◁[^▷]{0,20}|✿[A-Z]{0,8})$"
)
_LONGEST_CLOSE = 80


class SectionFilter:
    """See the module."""

    def __init__(self, *, keep_calls: bool = False) -> None:
        self.ended = False
        self._keep_calls = keep_calls
        self._buffer = ""
        self._close: re.Pattern[str] | None = None  # ends the section that is being dropped
        self._said = False

    @property
    def inside(self) -> bool:
        """Whether a section is being dropped."""
        return self._close is not None

    def feed(self, text: str) -> list[str | None]:
        """Add ``text`` and return what of it is for the caller; None: what came before was a thought."""
        self._buffer += text
        return self._run(final=False)

    def finish(self) -> list[str | None]:
        """Return what is left; a section that was not closed is dropped."""
        return self._run(final=True)

    def _run(self, *, final: bool) -> list[str | None]:
        out: list[str | None] = []
        while self._buffer and not self.ended:
            if self._close:
                if not self._skip():
                    break
                continue
            opener = _OPENER.search(self._buffer)
            at = opener.start() if opener else len(self._buffer)
            self._emit(out, at)
            if opener and not self._take(out, final=final):
                break
        if self.ended or final:
            self._buffer = ""
        return out

    def _skip(self) -> bool:
        """Drop up to the end of the section; False when that has not come yet."""
        assert self._close
        if found := self._close.search(self._buffer):
            self._buffer, self._close = self._buffer[found.end() :], None
            return True
        self._buffer = self._buffer[-_LONGEST_CLOSE:]
        return False

    def _emit(self, out: list[str | None], size: int) -> None:
        text, self._buffer = self._buffer[:size], self._buffer[size:]
        if text:
            self._said = self._said or SAYABLE.search(text) is not None
            out.append(text)

    def _take(self, out: list[str | None], *, final: bool) -> bool:
        """Deal with the bracket at the start of the buffer; False when more is needed to know what it is."""
        buffer = self._buffer
        if not final and (_BEGUN.match(buffer) or _ROLE_BEGUN.match(buffer) or _CHANNEL_BEGUN.match(buffer)):
            return False
        if not self._section(buffer) and not self._thought_closes(out) and not self._control(buffer):
            self._emit(out, 1)
        return True

    def _section(self, buffer: str) -> bool:
        """Whether a section begins here; it is entered."""
        if found := _THOUGHT_OPENS.match(buffer):
            self._close = _THOUGHT_CLOSES
        elif found := _CHANNEL.match(buffer):
            self._close = None if found["name"] == "final" else _FINAL_CHANNEL
        elif (found := _SKIP_OPENS.match(buffer)) or (self._said and (found := _struck(buffer))):
            self._close = _closing(found["name"])
        elif self._keep_calls:
            return False
        elif found := _CALL_OPENS.match(buffer):
            self._close = _closing(found["name"])
        elif found := _CALL_TO_THE_END.match(buffer):
            self._close = _FINAL_CHANNEL
        if found:
            self._buffer = buffer[found.end() :]
        return found is not None

    def _thought_closes(self, out: list[str | None]) -> bool:
        found = _THOUGHT_CLOSES.match(self._buffer)
        if found is None:
            return False
        if self._keep_calls:
            self._emit(out, found.end())
            return True
        self._buffer = self._buffer[found.end() :]
        out.append(None)
        self._said = False
        return True

    def _control(self, buffer: str) -> bool:
        """Whether a token of a chat template stands here; behind words it ends the answer."""
        if found := _PADDING.match(buffer):
            self._buffer = buffer[found.end() :]
        elif found := _CONTROL.match(buffer):
            self.ended = self._said
            role = _ROLE_STARTS.match(buffer)
            self._buffer = buffer[(role or found).end() :]
        return found is not None


def _struck(buffer: str) -> re.Match[str] | None:
    """``<s>`` is the start of a text for a model, and struck text in HTML."""
    return re.match(r"<(?P<name>s)>", buffer, re.IGNORECASE)


def _closing(name: str) -> re.Pattern[str]:
    return re.compile(rf"</{re.escape(name)}\s*>", re.IGNORECASE)
