"""Figures that name something and are said one by one: telephone numbers, codes, rooms, models, addresses."""

from __future__ import annotations

import re

from engines.local.text_normalization.context import names_a_code, strongly_names_a_code
from engines.local.text_normalization.item import Item, Kind, Match, Reader, before, left_of, reader
from engines.local.text_normalization.numerals import cardinal, code_digits, digits

# A figure before one of these is counted, whatever stands before it.
_COUNTED = (
    r"(?:\.\d|\d|\s?(?:[元个位次天年月日%万亿块米折倍平多余秒人]|美元|港元|欧元|分钟|小时"
    r"|工作日|°|m²|km|GB|MB|kg)|[:/]\d)"
)
_EXTENSION = r"(?:\s?(?:-|#|x|(?:ext|EXT)\.?)\s?(?P<extension>\d{1,6})(?!\d|-\d))?"
# What a telephone number may be followed by, and no more figures.
_END = r"(?![\d元]|\.\d)"


def _groups(*groups: str | None) -> str:
    return " ".join(code_digits(group) for group in groups if group)


def _with_extension(match: Match, *groups: str | None) -> str:
    """Say the groups with pauses between them, and the extension behind 转."""
    extension = match["extension"]
    return _groups(*groups) + (f" 转{code_digits(extension)}" if extension else "")


# -- addresses


@reader(
    r"(?:https?|ftp)://(?:www\.)?(?P<url>[\w.-]+(?:[:/?#=&%~+@\w.-]*[\w/])?)"
    r"|(?P<mail>[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)"
    r"|(?P<site>(?:[A-Za-z0-9-]+\.)+(?:com|cn|net|org|io|ai|gov|edu|info|top|xyz|app|cc|me|tv|vip|shop|co)(?![A-Za-z0-9])"
    r"(?:/[A-Za-z0-9/_.?=&%#-]*[A-Za-z0-9/])?)",
    Kind.WORD,
    re.ASCII,
)
def address(match: Match) -> str:
    return _spelled(match["url"] or match["mail"] or match["site"])


@reader(r"@(?=[A-Za-z0-9\u4e00-\u9fff])", Kind.WORD)
def at(_match: Match) -> str:
    return "艾特"


_SPELLED = {
    "@": "艾特", ".": "点", "/": "斜杠", "_": "下划线", "-": "杠", ":": "冒号", "?": "问号",
    "=": "等于", "&": "和",
    "#": "井号", "%": "百分号", "+": "加", "~": "波浪号",
}  # fmt: skip


def _spelled(text: str) -> str:
    return code_digits("".join(_SPELLED.get(character, character) for character in text.rstrip("/")))


# -- telephone numbers


@reader(rf"(?:\(?\+?86\)?[- ]?)?(1[3-9]\d)[- ]?(\d{{4}})[- ]?(\d{{4}})(?![\d]){_EXTENSION}", Kind.CODE)
def mobile(match: Match) -> str:
    return _with_extension(match, *match.groups()[:3])


@reader(
    rf"(?:\(?\+?86\)?[- ]?)?([48]00)(?:[- ]?(\d{{3}})[- ]?(\d{{4}})"
    rf"|[- ](\d{{4}})[- ]?(\d{{3}})){_END}{_EXTENSION}",
    Kind.CODE,
)
def service_line(match: Match) -> str:
    return _with_extension(match, *match.groups()[:5])


@reader(rf"\(?(0\d{{2,3}})(?:\)\s?|[- ])(\d{{3,4}})[- ]?(\d{{4}}){_END}{_EXTENSION}", Kind.CODE)
def landline(match: Match) -> str:
    area, first, second = match.groups()[:3]
    # Before an extension the number is said in one breath: the pause is where the caller has to wait.
    return _with_extension(match, area, *([first + second] if match["extension"] else [first, second]))


@reader(rf"\(?(0\d{{2,3}})[)-]\s?(\d{{3,6}}){_END}{_EXTENSION}", Kind.CODE)
def short_landline(match: Match) -> str:
    return _with_extension(match, match[1], match[2])


@reader(r"\+?(86)[- ]?\(?0?(\d{2,3})\)?[- ](\d{4})[- ]?(\d{4}|\d{3})(?!\d)" + _EXTENSION, Kind.CODE)
def with_country(match: Match) -> str:
    return _with_extension(match, *match.groups()[:4])


@reader(r"\+(\d{1,3})((?:[- ]?\(?\d{2,4}\)?)(?:[- ]?\d{2,5}){1,4})(?!\d)", Kind.CODE)
def international(match: Match) -> str | None:
    return _groups(match[1], *re.findall(r"\d+", match[2])) if len(re.sub(r"\D", "", match[0])) >= 8 else None


@reader(r"(\d{3,4})-(\d{3,4})-(\d{3,5})(?![\d-])" + _EXTENSION, Kind.CODE)
def hyphened(match: Match) -> str:
    return _with_extension(match, *match.groups()[:3])


# Lines for everybody, where nothing is counted: 110, 12315, 95588, 96110, 10086.
@reader(
    rf"(?:11[0249]|12[02]|123\d\d|9[56]\d{{3,4}}|1000[0-9]|100(?:10|11|86|16|60)|106\d{{5,9}})(?!{_COUNTED}|\s?[\u4e00-\u9fff]*(?<=[元台件条份])|[A-Za-z/~—–.-]|\s?[\d°℃])",
    Kind.CODE,
)
def public_line(match: Match) -> str | None:
    counted = re.search(r"(?:[共约有达为近满第到至比年路每]|超过|[<>=≈+~/:.-])\s?$", before(match))
    called = names_a_code(before(match))
    three = len(match[0]) == 3 and not re.search(r"[拨打报警急救火]|热线|电话", before(match))
    return code_digits(match[0]) if called or not (counted or three) else None


# -- codes


@reader(r"(\d+)(\*{2,})(\d*)", Kind.CODE)
def masked(match: Match) -> str:
    return _groups(match[1], "星" * len(match[2]), match[3])


def named(text: str, position: int) -> Item | None:
    """Read figures and letters behind a word that names a code: 验证码是482915, 税号91310000MA1FL0000X."""
    left = left_of(text, position)
    if not names_a_code(left):
        return None
    match = _NAMED_CODE.match(text, position)
    least = 2 if strongly_names_a_code(left) else 3
    if not match or sum(character.isdecimal() for character in match[0]) < least:
        return None
    if _is_range(match[0], left):
        low, high = match[0].split("-")
        return Item(f"{code_digits(low)}到{code_digits(high)}", match.end(), Kind.CODE)
    return Item(code_digits(re.sub(r"[- ]+", " ", match[0])), match.end(), Kind.CODE)


_NAMED_CODE = re.compile(
    rf"[A-Za-z]{{0,4}}-?\d[\dA-Za-z]*(?:[- ]\d[\dA-Za-z]*(?!{_COUNTED}|[点时号]))*(?!{_COUNTED})(?![A-Za-z])"
)


def _is_range(code: str, left: str) -> bool:
    """Whether two codes of one length stand for all between them: 工号1001-1020."""
    low, dash, high = code.partition("-")
    telephone = re.search(r"电话|热线|拨打?|手机|座机|传真|致电|QQ|单号|验证码|卡号|账号$", left)
    return (
        bool(dash)
        and low.isdecimal()
        and high.isdecimal()
        and len(low) == len(high)
        and low < high
        and not telephone
    )


_MAX_MODEL = 6  # letters and figures before the dash of i7-12700
_ROOM_WORDS = (
    r"\s?(?:室|房(?!租|价|子|产|贷|东)|房间|号房|号?会议室|教室|办公室|包间|包厢|卡座"
    r"|诊室|病房|寝室|宿舍|活动|大促|工作制)"
)
_ROOM = f"(?={_ROOM_WORDS})"
ROOM = re.compile(_ROOM_WORDS)


@reader(rf"(\d{{3,4}})\s?[-~—–至到]+\s?(\d{{3,4}}){_ROOM}", Kind.CODE)
def rooms_from_to(match: Match) -> str:
    return f"{code_digits(match[1])}到{code_digits(match[2])}"


@reader(rf"(\d{{3,4}}){_ROOM}", Kind.CODE)
def room(match: Match) -> str:
    return code_digits(match[1])


@reader(rf"(\d{{1,2}})-(?:(\d{{1,2}})-)?(\d{{3,4}}){_ROOM}", Kind.CODE)
def room_of_building(match: Match) -> str:
    return " ".join(code_digits(group) for group in match.groups() if group)


@reader(rf"(\d{{3,4}})(?!{_COUNTED}|\s?[平套户层])", Kind.CODE)
def room_behind_building(match: Match) -> str | None:
    return (
        code_digits(match[1])
        if re.search(r"\d\s?(?:#|号楼|栋|幢|座|单元|层|楼)\s?$|[A-Za-z]\s?[栋幢座区]\s?$", before(match))
        else None
    )


@reader(r"(\d{1,2})-(\d{1,2})-(\d{3,4})(?![\d-])", Kind.CODE)
def flat(match: Match) -> str:
    """Read 12-3-402: building, entrance, door."""
    return _groups(*match.groups())


@reader(r"([*#]+\d+(?:[*#]\d+)*#)", Kind.CODE)
def service_code(match: Match) -> str:
    """Read *#06#, which is keyed in."""
    return code_digits(match[1].replace("*", "星号").replace("#", "井号"))


@reader(r"(\d{1,3})#(?=\d{3,4}(?!\d))", Kind.CODE)
def building(match: Match) -> str:
    return f"{cardinal(match[1])}号楼"


@reader(r"(\d{1,4})#", Kind.CODE)
def numbered(match: Match) -> str | None:
    return None if re.search(r"[按拨入]\s?$", before(match)) else f"{cardinal(match[1])}号"


@reader(r"#(\d{1,4})(?!\d)(?!键)", Kind.CODE)
def hash_number(match: Match) -> str | None:
    return None if re.search(r"[按拨入*\d]\s?$", before(match)) else f"{cardinal(match[1])}号"


@reader(r"No\.\s?(\d+)|NO\.?\s?(\d+)|No\s?(\d+)", Kind.CODE)
def with_no(match: Match) -> str:
    return f"{cardinal(match[1] or match[2] or match[3])}号"


@reader(r"(?:0\d+|\d{9,}[Xx]?|\d{17}[\dXx])(?![\d.:元]|[A-Za-z])", Kind.CODE)
def long_or_with_zero(match: Match) -> str:
    return code_digits(match[0])


@reader(r"(?:\d{1,3}\.){3}\d{1,3}(?![\d.])", Kind.CODE)
def ip_address(match: Match) -> str:
    return code_digits(match[0]).replace(".", "点")


@reader(r"\d+(?:\.\d+){2,}(?![\d.])", Kind.CODE)
def version(match: Match) -> str:
    return "点".join(cardinal(part) for part in match[0].split("."))


# -- letters and figures


@reader(r"[A-Z][·・.]?[A-Z0-9]{5,6}(?![A-Za-z0-9])", Kind.CODE)
def plate(match: Match) -> str | None:
    province = re.search("[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼]$", before(match))
    return code_digits(re.sub("[·・.]", " ", match[0])) if province and re.search(r"\d", match[0]) else None


@reader(r"([vV])\.?\s?(\d+(?:\.\d+)+)(?![\d.])", Kind.CODE)
def v_version(match: Match) -> str:
    parts = match[2].split(".")
    said = "点".join(map(cardinal, parts)) if len(parts) > 2 else f"{cardinal(parts[0])}点{digits(parts[1])}"
    return f"{match[1]}{said}"


@reader(r"([A-Za-z]+)-?(\d{3,})\s?[-~—–至到]+\s?(?:\1-?)?(\d{3,})(?![\d.]|[A-Za-z])", Kind.CODE)
def model_from_to(match: Match) -> str | None:
    low, high = match[2], match[3]
    return (
        f"{match[1]} {code_digits(low)}到{code_digits(high)}"
        if len(low) == len(high) and low < high
        else None
    )


@reader(r"([A-Za-z]+\d+)-(\d{2,6})(?![\d.])", Kind.CODE)
def model_with_dash(match: Match) -> str | None:
    """Read i7-12700H and E5-2680."""
    return None if len(match[1]) > _MAX_MODEL else f"{code_digits(match[1])} {code_digits(match[2])}"


@reader(r"([A-Za-z]{1,12})(-?)(\d+)(?![\d.%]\d|\d|[A-Za-z]{0,3}@)", Kind.CODE)
def model(match: Match) -> str | None:
    """Read A10023, N95 and 5 in iPhone5: what stands for itself, not for so many."""
    letters, dash, figure = match.groups()
    if dash and re.search(r"\d\s?$", before(match)):
        return None  # 10k-15k
    if names_a_code(before(match)) or len(figure) >= 3:
        said = code_digits(figure)
    else:
        said = (
            digits(figure)
            if figure[0] == "0" or (int(figure) > 20 and figure[1] != "0")
            else cardinal(figure)
        )
    return f"{letters}{' ' if dash else ''}{said}"


@reader(r"(\d{3,4})(?=[PpIi](?![A-Za-z0-9]))", Kind.CODE)
def lines_of_a_picture(match: Match) -> str:
    return code_digits(match[1])


@reader(r"[A-Za-z]+(?:['’][a-z]+)?", Kind.WORD)
def word(match: Match) -> str:
    return match[0]


@reader(r"[Ww]i-?[Ff]i(?![a-z])", Kind.WORD)
def wifi(_match: Match) -> str:
    return "WiFi"


FIRST: tuple[Reader, ...] = (
    address,
    at,
    mobile,
    service_line,
    landline,
    with_country,
    international,
    short_landline,
    hyphened,
)
READERS: tuple[Reader, ...] = (
    masked,
    plate,
    named,
    rooms_from_to,
    room_of_building,
    flat,
    room,
    room_behind_building,
    building,
    numbered,
    hash_number,
    with_no,
    ip_address,
    version,
    public_line,
    long_or_with_zero,
    v_version,
    model_from_to,
    lines_of_a_picture,
)
LAST: tuple[Reader, ...] = (wifi, model_with_dash, model, word)
