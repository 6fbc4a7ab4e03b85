"""Which column of a table is which field of an entry: by its name, or as the operator assigned it.

::

    columns = Columns({"备注": "ignore"})
    columns.fields_of(["问题", "答案", "有效期至", "备注"])
    # {"question": [0], "answer": [1], "valid_until": [2], "ignore": [3]}
    columns.seen["备注"]                           # Column(name="备注", sample="", field="ignore")

Names are compared without spaces, marks, brackets and the number of a repeated column (相似问1, 相似问2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

MAX_COLUMNS_SHOWN = 100
MAX_SAMPLE = 60
NAMES = {
    "id": "id 编号 知识编号 知识id 问题编号 faqid",
    "category": (
        "category 分类 类别 类目 问题分类 问题类别 知识分类 所属分类 所属类目 业务分类 一级分类 "
        "二级分类 三级分类 一级类目 二级类目 目录 分组 分類 類別"
    ),
    "title": "title subject 标题 主题 知识标题 標題",
    "question": (
        "question questions q query 问题 问 问法 问句 提问 标准问 标准问题 标准问法 主问题 "
        "主问法 常见问题 客户问题 用户问题 用户问法 客户问法 咨询问题 问题描述 问题名称 問題 問 "
        "標準問題 常見問題"
    ),
    "alternative_questions": (
        "alternatives alternativequestions similarquestions variants 其他问法 其它问法 别的问法 "
        "更多问法 相似问 相似问法 相似问题 相似问句 类似问题 扩展问 扩展问法 扩展问题 拓展问 "
        "拓展问法 同义问 同义问法 同义问题 变体 变体问法 别名问法 相似問題 相似問法 其他問法"
    ),
    "answer": (
        "answer answers a reply response 答案 回答 答 回复 答复 解答 应答 答案内容 回答内容 "
        "回复内容 标准答案 标准回答 标准回复 标准答复 标准话术 参考答案 参考话术 话术 回复话术 "
        "应答话术 答复内容 機器人回覆 机器人回复 回覆 標準答案 答覆 解答內容 解答内容"
    ),
    "tags": "tags tag keywords keyword 标签 关键词 关键字 標籤 關鍵字",
    "valid_from": (
        "validfrom startdate effectivefrom effectivedate 生效时间 生效日期 生效日 有效期自 "
        "有效期起 开始日期 开始时间 起始日期 起始时间 有效期开始 有效开始日期 活动开始 "
        "活动开始时间 活动开始日期 上线时间 上线日期 生效日期起"
    ),
    "valid_until": (
        "validuntil validto enddate expires expiry expirydate expirationdate expiredate 有效期至 "
        "有效至 有效期止 失效时间 失效日期 失效日 到期日 到期日期 到期时间 截止日期 截止时间 "
        "截至日期 结束日期 结束时间 有效期结束 有效截止日期 活动截止 活动截止日期 活动截止时间 "
        "活动结束 活动结束时间 活动结束日期 过期时间 过期日期 下线时间 下线日期 到期"
    ),
    "period": (
        "validity period validperiod 有效期 有效期限 有效时间 有效日期 生效期间 活动时间 "
        "活动日期 活动期间 活动期限"
    ),
    "ignore": (
        "no # 序号 序 序號 行号 创建时间 创建日期 创建人 更新时间 更新日期 更新人 修改时间 "
        "修改日期 修改人 最后修改时间 最后更新时间 录入人 录入时间 维护人 createdat createdby "
        "updatedat updatedby"
    ),
}
FIELDS = {name: field for field, names in NAMES.items() for name in names.split()}
# What an operator may assign; "" adds the column to the answer.
ASSIGNABLE = (
    "question", "answer", "alternative_questions", "category", "title", "tags", "valid_from", "valid_until",
    "id", "ignore", "text",
)  # fmt: skip
NOISE = re.compile(r"[\s_*＊:：/\-]+|[(（\[【].*?[)）\]】]")
INTERNAL = re.compile(
    r"内部|成本|底价|毛利|进价|供货价|利润|保密|勿外传|internal|cost price|margin", re.IGNORECASE
)


@dataclass
class Column:
    """A column as the upload page lists it; ``field`` is empty when what it is was not recognised."""

    name: str
    sample: str = ""
    field: str = ""


@dataclass
class Columns:
    """The columns of a file: what the operator assigned, by name, and all that were seen."""

    assigned: Mapping[str, str] = field(default_factory=dict)
    seen: dict[str, Column] = field(default_factory=dict)

    def fields_of(
        self, header: Sequence[str], guessed: Mapping[int, str] | None = None
    ) -> dict[str, list[int]]:
        """Return the positions of the columns by field; ``guessed`` fields count where no name is known."""
        found: dict[str, list[int]] = {}
        for position, name in enumerate(header):
            guess = "" if shortened(name) in self.assigned else (guessed or {}).get(position, "")
            if field := self.field_of(name) or guess:
                found.setdefault(field, []).append(position)
        # A second column of questions is other wordings of the first: 问题, 问法.
        if extra := found.get("question", [])[1:]:
            found["question"] = found["question"][:1]
            found.setdefault("alternative_questions", []).extend(extra)
        return found

    def field_of(self, name: str) -> str:
        """Return the field of a column; "" when it has none, or is to stay text."""
        if not name:
            return ""
        if assigned := self.assigned.get(shortened(name)):
            return "" if assigned == "text" else assigned
        return known_field(name)

    def note(self, header: Sequence[str], fields: Mapping[str, Iterable[int]], first: Sequence[str]) -> None:
        """Remember the columns of a table for the upload page, each with a value of its first row."""
        field_at = {position: field for field, positions in fields.items() for position in positions}
        for position, name in enumerate(header):
            key = shortened(name)
            if not key or (key not in self.seen and len(self.seen) >= MAX_COLUMNS_SHOWN):
                continue
            sample = first[position][:MAX_SAMPLE] if position < len(first) else ""
            column = self.seen.setdefault(key, Column(key))
            column.sample = column.sample or sample
            column.field = field_at.get(position, "") or column.field or self.assigned.get(key, "")


def known_field(name: str) -> str:
    """Return the field that a column's name says; "" when it says none."""
    bare = NOISE.sub("", name).lower()
    return FIELDS.get(bare) or FIELDS.get(re.sub(r"[\d一二三四五六七八九十]+$", "", bare), "")


def shortened(name: str) -> str:
    """Return a column's name as it is listed and assigned: on one line."""
    return " ".join(name.split())[:100]
