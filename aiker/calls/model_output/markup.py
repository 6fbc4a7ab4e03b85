"""Read Markdown, HTML, LaTeX, links and code as a person reads them aloud: words without the signs. Pure.

::

    construct(buffer, at, final=False)      # where the construct at ``at`` ends; UNFINISHED, or NONE
    plain("**基础版**：<b>99元</b>", line_start=True)      # "基础版：99元"

A sign is only markup where it stands as markup: 7*24小时, 按 * 号键 and a_b@qq.com stay.
"""

from __future__ import annotations

import html
import re
from urllib.parse import urlsplit

from aiker.calls.model_output.asides import spoken_aside
from aiker.calls.model_output.characters import SAYABLE, without_pictures

NONE, UNFINISHED = 0, -1
MAX_CODE = 4000  # characters of a code block or of JSON that are waited for
LONGEST_HOST = 30  # of an address, longer ones are left out

_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,200}>|<!--.*?-->", re.DOTALL)
_LINK = re.compile(r"!?\[[^\[\]\n]{0,120}\](?:\([^()\n]{0,400}\))?")
_ROUND = re.compile(r"[（(][^（）()\n]{0,60}[)）]")
_SQUARE = re.compile(r"[【〔［][^【】〔〕［］\n]{0,60}[】〕］]")
_MAIL = re.compile(r"<(?:mailto:)?([\w.+-]+@[\w.-]+)>", re.ASCII)
_TOOL_CALL = re.compile(r"[A-Za-z_][\w.]*\((?=[^()\n]*[\"'={])[^()\n]*\)", re.ASCII)  # search(query="价格")
_FENCE = re.compile(r"```.*?```", re.DOTALL)
_CODE = re.compile(r"`[^`\n]{1,120}`")
_CODE_BEGUN = re.compile(r"`[^`\n]{0,120}$")
_STRUCK = re.compile(r"~~[^~\n]{1,160}~~")
_FORMULA = re.compile(r"\$\$?(?=[^$\n]*\\)[^$\n]{1,160}\$\$?|\\\(.{0,160}?\\\)|\\\[.{0,160}?\\\]", re.DOTALL)
_ADDRESS = re.compile(r"(?:https?://|www\.)[A-Za-z0-9\-._~:/?#\[\]@!$&'*+,;=%]+", re.IGNORECASE)

# Opening character: the whole construct, and what may still become one.
_CONSTRUCTS: dict[str, tuple[re.Pattern[str], re.Pattern[str]]] = {
    "<": (_TAG, re.compile(r"<(?:/?[A-Za-z][^<>\n]{0,200}|!(?:-(?:-.*)?)?|/)?$", re.DOTALL)),
    "[": (_LINK, re.compile(r"!?\[[^\[\]\n]{0,120}(?:\](?:\([^()\n]{0,400})?)?$")),
    "!": (_LINK, re.compile(r"!(?:\[[^\[\]\n]{0,120}(?:\](?:\([^()\n]{0,400})?)?)?$")),
    "(": (_ROUND, re.compile(r"\([^（）()\n]{0,60}$")),
    "（": (_ROUND, re.compile(r"（[^（）()\n]{0,60}$")),
    "【": (_SQUARE, re.compile(r"【[^【】\n]{0,60}$")),
    "〔": (_SQUARE, re.compile(r"〔[^〔〕\n]{0,60}$")),
    "［": (_SQUARE, re.compile(r"［[^［］\n]{0,60}$")),
    "`": (_FENCE, re.compile(rf"`{{1,2}}$|```.{{0,{MAX_CODE}}}$", re.DOTALL)),
    "~": (_STRUCK, re.compile(r"~~?$|~~[^~\n]{1,160}~?$")),
    "$": (_FORMULA, re.compile(r"\$\$?[^$\n。，]{0,160}$")),
    "\\": (_FORMULA, re.compile(r"\\(?:[(\[].{0,160})?$", re.DOTALL)),
    "h": (_ADDRESS, re.compile(r"https?://[!-~]*$", re.IGNORECASE)),
    "w": (_ADDRESS, re.compile(r"www\.[!-~]*$", re.IGNORECASE)),
}
OPENERS = r"<\[(（【〔［`~$\\{"  # of a character class
ADDRESS_STARTS = r"https?://|www\."

_DIRTY = re.compile(r"[^\w\s，。！？、；：,.!?;:%％+\-/·～—“”《》¥￥℃㎡²³×=@&—…]|_|www|://|---|--|&#?\w+;")
_LINE = re.compile(
    r"^\s*(?:#{1,6}\s+(?!\s*[号键])|>+(?:\s+|(?=[^\d\s=]))|(?!\*\s*[号键])[-*+•·▪‣●○■□◆◇►▶→➢★☆✓✔✅❌✗]\s+|[-•·▪‣●■◆►▶➢✓✔✅❌✗](?=[\u4e00-\u9fff])"
    r"|\d{1,2}[.．](?:\s+|(?=[\u4e00-\u9fff*]))|\d{1,2}[)）、]\s*(?!\d)|[（(]\d{1,2}[)）]\s*)+"
)
_TASK = re.compile(r"^\s*\[[ xX]\]\s*")
_RULE = re.compile(r"^\s*(?:[-=_*—]\s*){3,}$|^[\s|:\-]*-{2,}[\s|:\-]*$")
_BOLD = re.compile(r"\*{2,}|(?<!\w)_{2,}(?=\w)|(?<=\w)_{2,}(?!\w)")
_ITALIC = re.compile(r"(?<![\w*])\*(?![\s\d*号键或和])([^*\n]{1,30}?)(?<![\s*])\*(?![\d*号键])")
_ITALIC_INSIDE = re.compile(
    r"(?<=[\u4e00-\u9fff])\*(?![\s\d*号键或和])([\u4e00-\u9fff]{1,12})\*(?![\d*号键])"
)
_ITALIC_FIGURE = re.compile(r"(?<=[\u4e00-\u9fff，：])\*(\d[^*\n]*[\u4e00-\u9fff][^*\n]*)\*(?!\d)")
_UNDERLINED = re.compile(r"(?<![\w@.])_([^_\s][^_\n]{0,30}?)_(?![\w@.])")
_BREAK = re.compile(r"</?(?:br|p|div|li|tr|h[1-6]|ul|ol|table|hr)\b[^<>]*>", re.IGNORECASE)
_NUMBERED = re.compile(r"^\^?\d{1,3}(?:[,，、†:：-].*)?$")  # in square brackets: a source
_CITED = re.compile(
    r"^(?:(?:数据|信息)?(?:来源|出处|参考|引用|详?见|source|ref)s?[:：].*|(?:参考)?(?:资料|文档|doc)\s*[\d一二三、,，]*)$",
    re.IGNORECASE,
)
_PAUSES = re.compile(r"([，,；：。！？])[，,]+")
_WAVES = re.compile(r"[~～]+(?=[，。！？!?\s]|$)")
_QUOTES = {
    "」": "「",
    "』": "『",
    "”": "“",
    "’": "‘",
    "》": "《",
    "】": "【",
    "）": "（",
    ")": "(",
    "]": "[",
    "〕": "〔",
}
_WORDS = {
    "times": "×", "cdot": "×", "div": "÷", "approx": "≈", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", 
    "pm": "±",    "%": "%", "$": "$", "#": "#", "&": "&", "_": "_", "degree": "°", "circ": "°",
}  # fmt: skip
_FRACTION = re.compile(r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}")
_TEXT = re.compile(r"\\(?:text|mathrm|mathbf|textbf|operatorname|boxed)\{([^{}]*)\}")
_COMMAND = re.compile(r"\\([A-Za-z]+|[%$#&_])\s?")
_CODE_SIGNS = re.compile(
    r"[{}=;<>]|\(\)|\w\(|^\s*(?:import|def|class|from|SELECT|var|let|const)\b", re.MULTILINE
)
_PROSE = re.compile(r"[\u4e00-\u9fff].*[\u4e00-\u9fff]", re.DOTALL)
_TEXT_BLOCKS = ("", "text", "txt", "markdown", "md", "plaintext", "plain")


def construct(buffer: str, at: int, *, final: bool) -> int:
    """Return where the construct that begins at ``at`` ends; UNFINISHED, or NONE when there is none."""
    if buffer[at] == "{":
        return _braces(buffer, at, final=final)
    whole, begun = _CONSTRUCTS[buffer[at].lower()]
    if buffer[at] == "`" and not buffer.startswith("``", at):
        whole, begun = _CODE, _CODE_BEGUN
    found, may_go_on = whole.match(buffer, at), not final and begun.match(buffer, at)
    if found and not (may_go_on and found.end() == len(buffer) and buffer[at] in "[!hw"):
        return found.end()
    if may_go_on:
        return UNFINISHED
    if final and buffer.startswith("```", at):
        return len(buffer)
    return NONE


def _braces(buffer: str, at: int, *, final: bool) -> int:
    depth = 0
    for index in range(at, min(len(buffer), at + MAX_CODE)):
        depth += {"{": 1, "}": -1}.get(buffer[index], 0)
        if depth == 0:
            return index + 1
    return len(buffer) if final or len(buffer) - at >= MAX_CODE else UNFINISHED


def plain(text: str, *, line_start: bool) -> str:
    """Return a piece of an answer, whole constructs in it, as words; ``line_start``: it begins a line."""
    if line_start:
        if _RULE.match(text):
            return ""
        text = _TASK.sub("", _LINE.sub("", text))
    if not _DIRTY.search(text):
        return text
    text = _FORMULA.sub(_formula, text)
    text = _FENCE.sub(_fence, text)
    if "```" in text:
        text = re.sub(r"```.*", _fence, text, flags=re.DOTALL)
    text = _without_braces(text)
    text = _TOOL_CALL.sub("", _MAIL.sub(r"\1", text))
    text = html.unescape(_TAG.sub("", _BREAK.sub("，", text))).replace("\xa0", " ")
    text = _STRUCK.sub("", text)
    text = _LINK.sub(_link, text)
    text = without_pictures(_ADDRESS.sub(_address, text))
    text = _CODE.sub(lambda found: found[0][1:-1], text)
    text = _BOLD.sub("", text)
    for pattern in (_ITALIC, _ITALIC_INSIDE, _ITALIC_FIGURE, _UNDERLINED):
        text = pattern.sub(lambda found: spoken_aside(found[1], "*"), text)
    text = _SQUARE.sub(_bracketed, text)
    text = _ROUND.sub(_bracketed, text)
    text = _PAUSES.sub(r"\1", re.sub(r"\s*\|\s*", "，", text.replace("`", "")))
    return _balanced(_WAVES.sub("", text))


def _bracketed(found: re.Match[str]) -> str:
    content, bracket = found[0][1:-1], found[0][0]
    is_source = _CITED.match(content) or (bracket not in "（(" and _NUMBERED.match(content))
    return "" if is_source else spoken_aside(content, bracket)


def _link(found: re.Match[str]) -> str:
    if found[0].startswith("!"):
        return ""
    text, _, target = found[0][1:].partition("]")
    if target or not SAYABLE.search(text):
        return "" if _NUMBERED.match(text) else _ADDRESS.sub(_address, text)
    return "" if _CITED.match(text) or _NUMBERED.match(text) else spoken_aside(text, "[")


def _address(found: re.Match[str]) -> str:
    """A caller can remember the name of a site, nothing behind it."""
    whole = found[0].rstrip(".,!?;:")
    host = urlsplit(whole if "://" in whole else f"https://{whole}").hostname or ""
    host = host.removeprefix("www.")
    rest = found[0][len(whole) :]
    return (host if len(host) <= LONGEST_HOST else "") + rest


def _fence(found: re.Match[str]) -> str:
    """What stands in a block of code is said when it is prose."""
    block = found[0].removeprefix("```").removesuffix("```")
    language, _, content = block.partition("\n") if re.match(r"[\w+#-]*\s*\n", block) else ("", "", block)
    if language.strip().lower() not in _TEXT_BLOCKS or _CODE_SIGNS.search(content):
        return ""
    if not _PROSE.search(content):
        return ""
    return re.sub(r"(?<![。！？；，])\n", "，", content.strip()).replace("\n", "")


def _without_braces(text: str) -> str:
    """JSON and places to be filled in are not for a caller."""
    while (at := text.find("{")) >= 0:
        text = text[:at] + text[_braces(text, at, final=True) :]
    return text


def _formula(found: re.Match[str]) -> str:
    inner = re.sub(r"^(?:\$\$?|\\[(\[])|(?:\$\$?|\\[)\]])$", "", found[0])
    inner = _TEXT.sub(r"\1", _FRACTION.sub(r"\2分之\1", inner))
    return _COMMAND.sub(lambda command: _WORDS.get(command[1], ""), inner).replace("{", "").replace("}", "")


def _balanced(text: str) -> str:
    """Drop closing quotes and brackets that nothing opened, and opening ones that nothing closes."""
    drop: set[int] = set()
    stack: list[tuple[str, int]] = []
    openers = set(_QUOTES.values())
    for index, char in enumerate(text):
        if char in openers:
            stack.append((char, index))
        elif char in _QUOTES:
            if stack and stack[-1][0] == _QUOTES[char]:
                stack.pop()
            else:
                drop.add(index)
    drop.update(index for char, index in stack if char in "「『[【〔")
    return "".join(char for index, char in enumerate(text) if index not in drop) if drop else text
