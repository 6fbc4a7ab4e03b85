"""Units: how those in Latin letters are said, and behind which words 2 is 两.

::

    unit("kWh一个月", 0)       # Unit("千瓦时", end=3, pair=True)
    unit("个人", 0)            # Unit("个", end=1, pair=True)
    unit("GB的", 0)            # None: letters stay letters
"""

from __future__ import annotations

import re
from typing import NamedTuple

from engines.local.text_normalization.context import counts

# As written, in the case it has; the longest that fits wins.
_LATIN = {
    # length, area, volume
    "km": "公里", "m": "米", "dm": "分米", "cm": "厘米", "mm": "毫米", "μm": "微米", "um": "微米",
    "nm": "纳米",
    "km²": "平方千米", "m²": "平方米", "dm²": "平方分米", "cm²": "平方厘米", "mm²": "平方毫米", "ha": "公顷",
    "sqm": "平方米", "m³": "立方米", "dm³": "立方分米", "cm³": "立方厘米", "mm³": "立方毫米", "cc": "毫升",
    "L": "升", "l": "升", "dL": "分升", "dl": "分升", "cL": "厘升", "cl": "厘升", "mL": "毫升", "ml": "毫升",
    "ML": "毫升", "μL": "微升", "uL": "微升", "in": "英寸", "inch": "英寸", "ft": "英尺",
    "yd": "码", "mi": "英里",
    # mass
    "kg": "千克", "KG": "千克", "Kg": "千克", "g": "克", "mg": "毫克", "μg": "微克", "ug": "微克",
    "mcg": "微克",
    "t": "吨", "lb": "磅", "lbs": "磅", "oz": "盎司", "ct": "克拉",
    # time
    "h": "小时", "H": "小时", "hr": "小时", "hrs": "小时", "min": "分钟", "mins": "分钟", "s": "秒",
    "sec": "秒",
    "ms": "毫秒", "μs": "微秒", "us": "微秒", "ns": "纳秒",
    # electricity, energy, power
    "V": "伏", "kV": "千伏", "KV": "千伏", "mV": "毫伏", "A": "安", "mA": "毫安", "Ah": "安时", "AH": "安时",
    "mAh": "毫安时", "mah": "毫安时", "MAH": "毫安时", "W": "瓦", "kW": "千瓦", "KW": "千瓦", "MW": "兆瓦",
    "GW": "吉瓦", "mW": "毫瓦", "Wh": "瓦时", "kWh": "千瓦时", "kwh": "千瓦时", "KWH": "千瓦时",
    "KWh": "千瓦时",
    "MWh": "兆瓦时", "VA": "伏安", "kVA": "千伏安", "KVA": "千伏安", "Ω": "欧姆", "kΩ": "千欧", "J": "焦",
    "kJ": "千焦", "KJ": "千焦", "cal": "卡", "kcal": "千卡", "Kcal": "千卡", "F": "法拉", "μF": "微法",
    # temperature, angle, light, sound, pressure, force
    "°C": "摄氏度", "°F": "华氏度", "°": "度", "K": "开尔文", "dB": "分贝", "db": "分贝", "dBm": "分贝毫瓦",
    "lm": "流明", "lx": "勒克斯", "lux": "勒克斯", "kW·h": "千瓦时", "W·h": "瓦时", "cd": "坎德拉",
    "nit": "尼特", "nits": "尼特", "Pa": "帕", "hPa": "百帕",
    "kPa": "千帕", "KPa": "千帕", "MPa": "兆帕", "Mpa": "兆帕", "mmHg": "毫米汞柱", "N": "牛", "kN": "千牛",
    "bar": "巴", "psi": "磅每平方英寸",
    # frequency, speed, data rate, concentration
    "Hz": "赫兹", "HZ": "赫兹", "kHz": "千赫", "KHz": "千赫", "MHz": "兆赫", "GHz": "吉赫", "THz": "太赫",
    "rpm": "转每分钟", "bpm": "次每分钟", "fps": "帧每秒", "kn": "节", "mph": "英里每小时",
    "kph": "公里每小时",
    "bps": "比特每秒", "Kbps": "千比特每秒", "kbps": "千比特每秒", "Mbps": "兆比特每秒", "Gbps": "吉比特每秒",
    "mol": "摩尔", "mmol": "毫摩尔", "μmol": "微摩尔", "ppm": "百万分率", "px": "像素", "pt": "磅", "w": "万",
    "pcs": "件", "wh": "瓦时", "kw": "千瓦", "hz": "赫兹", "mhz": "兆赫", "ghz": "吉赫", "mbps": "兆比特每秒",
}  # fmt: skip
_SQUARES = {f"{unit[:-1]}{figure}": said for unit, said in _LATIN.items() for figure in ("2", "^2")
            if unit.endswith("²")} | {
    f"{unit[:-1]}{figure}": said for unit, said in _LATIN.items() for figure in ("3",
    "^3") if unit.endswith("³")
}  # fmt: skip
# Letters that more often name something than measure it: 4K, 5A景区, 3F.
_NAMES = frozenset("KFN")
_NOT_BEFORE = {"A": "级景类股座区栋楼认写", "H": "股", "t": "恤", "V": "型", "L": "型码号"}
LATIN_UNITS = _LATIN | _SQUARES
_LATIN_UNIT = re.compile(
    r"\s?(h(?=\d{1,2}\s?min)|(?:"
    + "|".join(map(re.escape, sorted(LATIN_UNITS, key=len, reverse=True)))
    + r")(?![A-Za-z0-9²³^]))"
)
# What is counted, one or more characters; the longest that fits wins. 2 before it is 两.
_PAIRED = (
    "个位名人口户家间套台辆部件条张份本册页篇章封包袋箱盒瓶罐桶杯碗盘块片根支枝把双对副组批群类种样项款次回遍趟场顿番下步"
    "天周年刻夜晚宿米里寸尺丈斤克吨磅升亩度元毛分倍成处所架艘匹头只颗粒朵束串堆排列圈轮局盏扇幅盆枚门句段则道笔单杆滴"
    "届季厘平岁桌席例宗顶床针剂片期万千百亿代届秒"
)
_PAIRED_WORDS = (
    r"室(?=\d?厅|\d卫|户)|房(?=\d厅)|厅|卫(?![生视星士])|小时|分钟|秒钟|时辰|星期|礼拜|个月|点钟|厘米|毫米|公里|千米|分米|海里|英里|英寸|英尺|公斤|千克|毫克|毫升|公顷|公分"
    "|平方米|平方公里|平方千米|平米|立方米|立方厘米|平方|立方|摄氏度|华氏度|千瓦时|千瓦|美元|美金|欧元|港元|港币|日元"
    "|英镑|人民币|块钱|毛钱|工作日|自然日|居室|人次|人份|线程|百分点|层楼|兆|瓦|伏|安"
)
# With 2 these name a place in a row (二楼, 二期), unless it is said that there are so many: 共两层.
_ROW = r"层|楼|级|期|班|栋|幢|座|单元|版|代|届|组|排|列|章|档|队|路|环|区|款|线"
_ROW_UNIT = re.compile(_ROW)
_UNIT = re.compile(rf"\s?({_PAIRED_WORDS}|[{_PAIRED}])")
_NO_UNIT = re.compile(
    r"年级|年制|手[房车]|分之|次[元方]|人[转间]房|日游|维码?|月|号|点|时(?!辰)|角|两|日|月份|折|胎|甲|人世界|家族|下单"
)


class Unit(NamedTuple):
    said: str
    end: int
    pair: bool
    latin: bool = False


def unit(text: str, position: int, left: str = "") -> Unit | None:
    """Return the unit that begins at ``position``; ``left`` is what stands before its number."""
    if latin := _LATIN_UNIT.match(text, position):
        name, end = latin[1], latin.end()
        if name in _NAMES or text[end : end + 1] in tuple(_NOT_BEFORE.get(name, "")):
            return None
        return Unit(LATIN_UNITS[name], end, pair=True, latin=True)
    if _NO_UNIT.match(text, position):
        return None
    if row := _ROW_UNIT.match(text, position):
        return Unit(row[0], row.end(), pair=counts(left))
    if counted := _UNIT.match(text, position):
        return Unit(counted[1], counted.end(), pair=True)
    return None
