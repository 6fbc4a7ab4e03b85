"""The words before a figure that decide how it is read.

::

    names_a_code("您的验证码是")       # True: the figures that follow are read one by one
    binds_figure("这是我们第", "2")    # True: do not cut the text between the two

The clause splitter of calls asks ``binds_figure``; the readers of figures use the same patterns.
"""

from __future__ import annotations

import re

# So much of the text before a figure may decide how it is read.
LEFT_CHARS = 24
HANZI = "\u4e00-\u9fff"
_CONNECTOR = (
    r"(?:[是为叫即：:=\s“\"'「『（(\[【]|就是|都是|改[为成]|变更为|更[改新]为|换成"
    r"|分别[是为]|的是|No\.?|还有|和|或|、)*"
)
# Nouns in 号 and 码 name what follows, but for those that count or measure: 几号, 信号, 尺码, 起码.
_NOUNS = (
    r"尾号|尾数|[后末前][两三四五六七八]位(?:数字?)?"
    rf"|[{HANZI}](?<![零一二三四五六七八九十百两几多每数哪信符问逗句引括等加减星井大小中年月])号码?"
    rf"|[{HANZI}](?<![尺起数价筹砝加源几])码|号码"
    r"|热线|专线|内线|外线|直线|总机|分机|短号|电话|手机|座机|固话|传真|邮编|房间|会议室|包[间厢]|车牌|门牌|身份证|护照"
    r"|工单|订单|运单|航班|车次|座位|口令|QQ|qq|微信|(?<![A-Za-z])(?:ID|id|PIN|SN|IMEI)"
)
_VERBS = r"拨打?|致电|呼叫|回拨|请打|可打|打给|联系|来电|(?:短信|信息|发送?|传真)(?:到|至|给)|输入|回复|转接?"
# 房间101、102: the codes before in a list.
_LISTED = r"(?:[A-Za-z]{0,3}\d{3,}\s?[、，,/和或及与]\s?)*"
_NAMED = re.compile(rf"(?:{_NOUNS}|{_VERBS}){_CONNECTOR}{_LISTED}(?:(?:\+?86[- ]?)?[A-Za-z]{{1,3}}-?)?$")
# Two figures are enough behind these.
_STRONGLY = re.compile(
    rf"(?:尾号|尾数|[后末前][两三四五六七八]位(?:数字?)?|座位号?|工号|卡号|账号|帐号|密码|验证码|号码){_CONNECTOR}$"
)
# What else is said together with the figure behind it: 第2次, 双11, 周2, 截至3/15, 比分3:2, any sign.
_BOUND = re.compile(
    r"(?:[第双周按比至到于自从]|星期|礼拜|比[例率分]|配比|截止|有效期|日期|时间|生日|放假|假期|活动|[今明昨后]天|元旦|春节|清明|五一"
    r"|端午|中秋|国庆|寒假|暑假|周末|报警|急救|火警|[A-Za-z][栋幢座区]|(?![，。！？；、])[^\u4e00-\u9fff])"
    r"[是为在：:\s]*$"
)
# Behind these 2 is 两 where it would be 二: 共两层, but 二层.
_COUNTING = re.compile(r"(?:[共有总各每仅只又就隔上下满分近约加前后这含]|需要|以上)$")


def names_a_code(left: str) -> bool:
    """Return whether three figures or more behind ``left`` name something and are read one by one."""
    return _NAMED.search(left) is not None


def strongly_names_a_code(left: str) -> bool:
    """Return whether even two figures behind ``left`` are read one by one."""
    return _STRONGLY.search(left) is not None


def counts(left: str) -> bool:
    """Return whether a figure behind ``left`` says how many, not which: 共2层."""
    return _COUNTING.search(left) is not None


def binds_figure(left: str, figure: str) -> bool:
    """Return whether ``figure``, the first of those behind ``left``, is read by what ``left`` ends with."""
    return names_a_code(left) or _BOUND.search(left) is not None or (figure == "2" and counts(left))
