"""Excel's number formats, against what Excel shows."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest

from knowledge.readers.number_format import formatted


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (8.0, "General", "8"),
        (0.1 + 0.2, "General", "0.3"),
        (1e20, "General", "100000000000000000000"),
        (-5, "0.00", "-5.00"),
        (-5, "#,##0.00;[Red](#,##0.00)", "(5.00)"),
        (0, '0;-0;"无"', "无"),
        (5, ";;;", ""),
        ("x", ";;;", ""),
        ("x", '@"元"', "x元"),
        (1234567, '0.0,,"百万"', "1.2百万"),
        (1299, "[$¥-804]#,##0.00", "¥1,299.00"),
        (1299, '_ "¥"* #,##0.00_ ;_ "¥"* -#,##0.00_ ;_ "¥"* "-"??_ ;_ @_ ', "¥1,299.00"),
        (1.5, 'General"元"', "1.5元"),
        (0.5, "#.##", ".5"),
        (0, "#,##0", "0"),
        (1.005, "0.00", "1.01"),
        (2112345678, "000\\-0000\\-0000", "021-1234-5678"),
        (4008001234, '000"-"000"-"0000', "400-800-1234"),
        (1, '[=1]"是";[=0]"否";0', "是"),
        (3, '[=1]"是";[=0]"否";0', "3"),
        (150, '[>=100]"大"0;"小"0', "大150"),
        (12345.678, "0.00E+00", "1.23E+04"),
        (True, "General", "是"),
    ],
)
def test_numbers(value: object, code: str, shown: str) -> None:
    assert formatted(value, code) == shown


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (datetime(2026, 12, 1, 9, 30), "yyyy-mm-dd h:mm:ss", "2026-12-01 9:30"),
        (datetime(2026, 12, 1), "yyyy-mm-dd hh:mm:ss", "2026-12-01"),
        (datetime(2026, 12, 1), "mm-dd-yy", "2026/12/1"),
        (datetime(2026, 12, 1), 'yyyy"年"m"月"d"日";@', "2026年12月1日"),
        (datetime(2026, 12, 1), "aaaa", "星期二"),
        (datetime(2026, 12, 1), "[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy", "Tuesday, December 01, 2026"),
        (date(2026, 1, 31), "General", "2026-01-31"),
        (time(18, 30), "h:mm AM/PM", "6:30 PM"),
        (time(18, 30), "上午/下午h:mm", "下午6:30"),
        (time(9), "h:mm:ss", "9:00"),
        (time(9, 30, 15), 'h"时"mm"分"', "9时30分"),
        (timedelta(hours=26, minutes=5), "[hh]:mm:ss", "26:05"),
        (timedelta(minutes=5, seconds=7), "[m]:ss", "5:07"),
    ],
)
def test_days_and_times(value: object, code: str, shown: str) -> None:
    assert formatted(value, code) == shown
