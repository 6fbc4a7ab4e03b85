"""Tables as they really lie on sheets: several headers and tables, records, matrices, merged cells."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date
from typing import Any

import openpyxl
import pytest

from tests.knowledge.uploads import entries, saved, xlsx

pytestmark = pytest.mark.usefixtures("english")
HOURS: list[list[Any]] = [
    ["门店", "工作日", None, "周末", None],
    [None, "开门", "关门", "开门", "关门"],
    ["静安店", "9:00", "18:00", "10:00", "17:00"],
    ["徐汇店", "10:00", "20:00", "10:00", "21:00"],
]
HOURS_READ = [
    ("静安店", "静安店：工作日开门 9:00，工作日关门 18:00，周末开门 10:00，周末关门 17:00。"),
    ("徐汇店", "徐汇店：工作日开门 10:00，工作日关门 20:00，周末开门 10:00，周末关门 21:00。"),
]


def sheet(rows: Sequence[Sequence[Any]], *merged: str, name: str = "表") -> bytes:
    workbook = openpyxl.load_workbook(io.BytesIO(xlsx({name: rows})))
    for area in merged:
        workbook[name].merge_cells(area)
    return saved(workbook)


def answers(content: bytes | str, name: str = "a.xlsx") -> list[tuple[str, str]]:
    return [(e.title, e.answer) for e in entries(name, content)]


def csv(rows: Sequence[Sequence[Any]]) -> str:
    return "\n".join(",".join("" if cell is None else str(cell) for cell in row) for row in rows)


@pytest.mark.parametrize("merged", [("B1:C1", "D1:E1", "A1:A2"), ()], ids=["merged", "not merged"])
def test_K5d_a_header_over_two_rows(merged: tuple[str, ...]) -> None:
    assert answers(sheet(HOURS, *merged)) == HOURS_READ


def test_K5d_a_header_over_two_rows_in_csv_and_html() -> None:
    assert answers(csv(HOURS), "a.csv") == HOURS_READ
    page = (
        "<table><tr><th rowspan=2>门店<th colspan=2>工作日<th colspan=2>周末"
        "<tr><th>开门<th>关门<th>开门<th>关门<tr><td>静安店<td>9:00<td>18:00<td>10:00<td>17:00"
        "<tr><td>徐汇店<td>10:00<td>20:00<td>10:00<td>21:00</table>"
    )
    read = [(title.removeprefix("a "), answer) for title, answer in answers(page, "a.html")]
    assert read == HOURS_READ


def test_K5d_a_header_over_three_rows() -> None:
    rows: list[list[Any]] = [
        ["门店", "营业时间", None, None, None],
        [None, "工作日", None, "周末", None],
        [None, "开门", "关门", "开门", "关门"],
        ["静安店", "9:00", "18:00", "10:00", "17:00"],
    ]
    found = answers(sheet(rows, "A1:A3", "B1:E1", "B2:C2", "D2:E2"))
    assert found == [
        (
            "静安店",
            "静安店：营业时间工作日开门 9:00，营业时间工作日关门 18:00，"
            "营业时间周末开门 10:00，营业时间周末关门 17:00。",
        )
    ]


TWO: list[list[Any]] = [
    ["产品", "规格", "单价（元）"],
    ["床垫", "1.5m", 1299],
    ["床垫", "1.8m", 1599],
    [None],
    ["配送区域", "运费"],
    ["市区", "免费"],
    ["郊区", 50],
]
TWO_READ = [
    ("床垫 1.5m", "床垫 1.5m：单价 1299元。"),
    ("床垫 1.8m", "床垫 1.8m：单价 1599元。"),
    ("市区", "市区：运费 免费。"),
    ("郊区", "郊区：运费 50。"),
]


def test_K5d_a_second_table_below() -> None:
    assert answers(sheet([["2026年价目表"], [None], *TWO], "A1:C1")) == TWO_READ
    assert answers(csv(TWO), "a.csv") == TWO_READ


def test_K5d_three_tables_with_captions_name_rows_that_are_called_the_same() -> None:
    rows: list[list[Any]] = [
        ["静安店价目"], ["项目", "价格"], ["日卡", 80], [None],
        ["徐汇店价目"], ["项目", "价格"], ["日卡", 90], [None],
        ["停车"], ["时长", "费用"], ["1小时", 10],
    ]  # fmt: skip
    assert answers(sheet(rows)) == [
        ("静安店价目 日卡", "静安店价目 日卡：价格 80。"),
        ("徐汇店价目 日卡", "徐汇店价目 日卡：价格 90。"),
        ("1小时", "1小时：费用 10。"),
    ]


def test_K5d_tables_side_by_side() -> None:
    rows: list[list[Any]] = [
        ["商品", "价格", None, "区域", "运费"],
        ["书桌", 899, None, "市区", 0],
        ["台灯", 99, None, "郊区", 50],
    ]
    assert answers(sheet(rows)) == [
        ("书桌", "书桌：价格 899。"),
        ("台灯", "台灯：价格 99。"),
        ("市区", "市区：运费 0。"),
        ("郊区", "郊区：运费 50。"),
    ]


def test_K5d_rows_behind_a_gap_belong_to_the_table_above() -> None:
    rows: list[list[Any]] = [
        ["名称", "价格"],
        ["日卡", 80],
        [None],
        ["月卡", 580],
        [None],
        ["名称", "价格"],
        ["年卡", 5800],
    ]
    assert answers(sheet(rows)) == [
        ("日卡", "日卡：价格 80。"),
        ("月卡", "月卡：价格 580。"),
        ("年卡", "年卡：价格 5800。"),
    ]


RECORD = [["门店名称", "徐汇店"], ["电话", "021-12345678"], ["营业时间", "9:00-20:00"], ["地址", "漕溪路1号"]]


def test_K5d_a_record_from_top_to_bottom() -> None:
    read = ("徐汇店", "徐汇店：电话 021-12345678，营业时间 9:00-20:00，地址 漕溪路1号。")
    assert answers(sheet(RECORD)) == [read]
    assert answers(sheet([["项目", "内容"], *RECORD])) == [read]
    assert answers(csv(RECORD), "a.csv") == [read]


def test_K5d_a_record_without_a_name_is_called_by_its_sheet_or_file() -> None:
    assert answers(sheet(RECORD[1:], name="徐汇店"))[0][0] == "徐汇店"
    assert answers(sheet(RECORD[1:], name="Sheet1"), "徐汇店.xlsx")[0][0] == "徐汇店"


@pytest.mark.parametrize(
    ("rows", "read"),
    [
        ([["日卡", "80元"], ["月卡", "580元"]], [("日卡", "日卡：80元。"), ("月卡", "月卡：580元。")]),
        (
            [["WiFi密码", "88888888"], ["停车", "免费2小时"], ["宠物", "不可入内"]],
            [
                ("WiFi密码", "WiFi密码：88888888。"),
                ("停车", "停车：免费2小时。"),
                ("宠物", "宠物：不可入内。"),
            ],
        ),
        (
            [["能退吗？", "可以。"], ["保修多久？", "三年。"]],
            [("能退吗？", "可以。"), ("保修多久？", "三年。")],
        ),
    ],
)
def test_K5d_tables_without_a_header(rows: list[list[str]], read: list[tuple[str, str]]) -> None:
    assert answers(csv(rows), "a.csv") == read
    assert answers(sheet(rows)) == read


def test_K5d_a_matrix_of_prices() -> None:
    rows: list[list[Any]] = [["尺寸", "普通", "豪华"], ["1.2米", 899, 1399], ["1.5米", 1099, 1599]]
    assert answers(sheet(rows)) == [
        ("1.2米", "1.2米：普通 899，豪华 1399。"),
        ("1.5米", "1.5米：普通 1099，豪华 1599。"),
    ]
    months = [["套餐", "1个月", "3个月"], ["基础", "199元", "549元"], ["尊享", "299元", "829元"]]
    assert answers(sheet(months))[0] == ("基础", "基础：1个月 199元，3个月 549元。")


def test_K5d_a_merged_cell_counts_in_each_row_and_column_that_it_covers() -> None:
    rows: list[list[Any]] = [
        ["楼层", "工作日", "周末"],
        ["一楼", "免费", None],
        ["二楼", 10, 20],
        ["三楼", None, 30],
    ]
    assert answers(sheet(rows, "B2:C2", "B3:B4")) == [
        ("一楼", "一楼：工作日 免费，周末 免费。"),
        ("二楼", "二楼：工作日 10，周末 20。"),
        ("三楼", "三楼：工作日 10，周末 30。"),
    ]


def test_K_r_each_column_of_a_row_is_named_and_found_by_a_wording_of_its_own() -> None:
    found = entries("a.csv", "序号,门店,电话,面积（㎡）\n1,静安店,021-1111,80\n2,徐汇店,021-2222,120\n")
    assert [(e.title, e.answer) for e in found] == [
        ("静安店", "静安店：电话 021-1111，面积 80㎡。"),
        ("徐汇店", "徐汇店：电话 021-2222，面积 120㎡。"),
    ]
    assert found[1].alternative_questions == ["徐汇店电话", "徐汇店面积"]


def test_K_r_a_long_row_is_said_in_sentences_that_each_name_it() -> None:
    columns = [f"栏目{n}" for n in range(10)]
    text = ",".join(["门店", *columns]) + "\n" + ",".join(["静安店", *["很长的内容" * 6] * 10]) + "\n"
    answer = entries("a.csv", text)[0].answer
    sentences = answer.removesuffix("。").split("。")
    assert len(sentences) > 2
    assert all(sentence.startswith("静安店：栏目") and len(sentence) <= 160 for sentence in sentences)


def test_K_r_a_value_with_a_comma_is_told_from_the_next_column() -> None:
    assert answers("名称,说明,价格\n日卡,含茶，咖啡,80\n", "a.csv") == [
        ("日卡", "日卡：说明 含茶，咖啡；价格 80。")
    ]


def test_K5e_days_end_entries_of_any_table() -> None:
    found = entries("a.csv", "活动,折扣,有效期至\n双十一,5折,2025-11-11\n会员日,9折,长期\n")
    assert [(e.title, e.valid_until) for e in found] == [("双十一", date(2025, 11, 11)), ("会员日", None)]
