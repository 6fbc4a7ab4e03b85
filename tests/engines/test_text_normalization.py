import pytest

from engines.local.latin import LatinLexicon
from engines.local.mandarin_g2p import MandarinG2P
from engines.local.text_normalization import speakable, spoken
from engines.local.text_normalization.markup import strip_markup
from engines.local.text_normalization.numerals import cardinal
from tests.reading import FIGURE_IDS, FIGURES, POLYPHONES

READINGS = {
    # times
    "营业时间是9:30-18:00": "营业时间是九点三十分到十八点",
    "周一至周五 9:00~18:00，周末10:00-16:30": "周一至周五 九点到十八点，周末十点到十六点三十分",
    "９：３０～１８：００": "九点三十分到十八点",
    "凌晨0:30，早上8:05": "凌晨零点三十分，早上八点零五分",
    "18:30:05": "十八点三十分五秒",
    # money
    "价格是199.5元": "价格是一百九十九点五元",
    "￥1999": "一千九百九十九元",
    "¥199.00/月": "一百九十九元每月",
    "￥100-200": "一百到两百元",
    "每年￥12,800元起": "每年一万二千八百元起",
    "1,299元/人/年": "一千二百九十九元每人每年",
    "10元/GB": "十元每GB",
    "200RMB": "两百元",
    "$20": "二十美元",
    "1.5万元": "一点五万元",
    "12345元": "一万二千三百四十五元",
    "HK$100，US$20": "一百港元，二十美元",
    "199/月，30元/㎡/月，5元/㎡·天": "一百九十九每月，三十元每平方米每月，五元每平方米每天",
    "10万+": "十万加",
    "98折，最低9.9折": "九八折，最低九点九折",
    # percentages, ranges, ratios
    "增长了25.5%": "增长了百分之二十五点五",
    "15%-20%": "百分之十五到百分之二十",
    "15-20%": "百分之十五到百分之二十",
    "1-2天": "一到两天",
    "3‰": "千分之三",
    "比例是2:1，约1/3": "比例是二比一，约三分之一",
    # telephone numbers
    "拨打13812345678，3-5个工作日内回复": "拨打幺三八 幺二三四 五六七八，三到五个工作日内回复",
    "+86 138-1234-5678": "幺三八 幺二三四 五六七八",
    "热线400-820-8800": "热线四零零 八二零 八八零零",
    "400 820 8800": "四零零 八二零 八八零零",
    "400-8208-800": "四零零 八二零八 八零零",
    "010-12345678": "零幺零 幺二三四 五六七八",
    "(021) 6234 5678": "零二幺 六二三四 五六七八",
    "客服电话10086": "客服电话幺零零八六",
    "拨打12315投诉": "拨打幺二三幺五投诉",
    # other figures that name something
    "尾号1234的卡": "尾号幺二三四的卡",
    "订单号A10023": "订单号A幺零零二三",
    "301会议室，A-301": "三零幺会议室，A 三零幺",
    "618活动": "六幺八活动",
    "A座1203室": "A座幺二零三室",
    "编号20240015": "编号二零二四零零幺五",
    "No.3": "三号",
    "按1转人工，按#号键": "按一转人工，按井号键",
    # dates
    "2026年11月22日": "二零二六年十一月二十二日",
    "2026-11-22": "二零二六年十一月二十二日",
    "2026/1/3到2026.2.2": "二零二六年一月三日到二零二六年二月二日",
    "11月22日-25日": "十一月二十二日到二十五日",
    "2月2日": "二月二日",
    "2025-2026年": "二零二五年到二零二六年",
    # quantities, where two is 两, and names, where it is 二
    "2小时，2个账号": "两小时，两个账号",
    "2年，2次，2份，2间，2公斤": "两年，两次，两份，两间，两公斤",
    "2年级，第2次，12次，2026年": "二年级，第二次，十二次，二零二六年",
    "-1层，B2层": "负一层，B二层",
    "第2个，2单元12层": "第二个，二单元十二层",
    "100,000人": "十万人",
    "满意度是4.8分": "满意度是四点八分",
    "高于10.5": "高于十点五",
    # units and signs
    "50GB存储": "五十GB存储",
    "20㎡和100m²": "二十平方米和一百平方米",
    "3.5km": "三点五公里",
    "-5℃": "负五摄氏度",
    "7x24小时": "七乘二十四小时",
    "T+1到账": "T加一到账",
    # Latin words, addresses, Markdown
    "OneSuite 2.0版本": "OneSuite 二点零版本",
    "v1.2.3": "v一点二点三",
    "请发邮件到support@onesuite.cn": "请发邮件到support艾特onesuite点cn",
    "**重点**：支持3种方式": "重点：支持三种方式",
    "您好，请问有什么可以帮您？": "您好，请问有什么可以帮您？",
}


@pytest.mark.parametrize(("written", "said"), READINGS.items(), ids=list(READINGS))
def test_reads_as_a_speaker_would(written: str, said: str) -> None:
    assert spoken(written) == said


@pytest.mark.parametrize(("row", "written", "said"), FIGURES, ids=FIGURE_IDS)
def test_figures_are_read_by_what_stands_around_them(row: str, written: str, said: str) -> None:
    assert spoken(written) == said, row


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        ("0", "零"),
        ("10", "十"),
        ("110", "一百一十"),
        ("1002", "一千零二"),
        ("20002", "两万零二"),
        ("100010000", "一亿零一万"),
        ("1234567890123", "一万二千三百四十五亿六千七百八十九万零一百二十三"),
    ],
)
def test_whole_numbers(figure: str, said: str) -> None:
    assert cardinal(figure) == said


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("**价格**是*199元*", "价格是199元"),
        ("# 价格\n- 基础版\n> 说明", "价格\n基础版\n说明"),
        ("|套餐|价格|\n|---|---|\n|基础版|199元|", "套餐|价格\n基础版|199元"),
        ("`code`和__重点__", "code和重点"),
        ("7*24小时，按*号键，100>50，a_b，C#，>100元", "7*24小时，按*号键，100>50，a_b，C#，>100元"),
        ("138****5678", "138****5678"),
    ],
)
def test_A2_markup_is_stripped_only_where_it_is_markup(written: str, kept: str) -> None:
    assert strip_markup(written) == kept


def test_a_long_text_without_words_is_read_in_time() -> None:
    for text in ("1" * 2000, "1-" * 1000, "1、" * 1000, "1/" * 1000, "A1" * 1000, "*" * 2000):
        assert not any(character.isdecimal() for character in spoken(text))


@pytest.fixture(scope="module")
def g2p(tmp_path_factory: pytest.TempPathFactory) -> MandarinG2P:
    return MandarinG2P(tmp_path_factory.mktemp("cache"))


@pytest.mark.parametrize(
    ("sentence", "character", "reading"), POLYPHONES, ids=[f"P-{row[0]}" for row in POLYPHONES]
)
def test_polyphones_are_read_by_their_context(
    g2p: MandarinG2P, sentence: str, character: str, reading: str
) -> None:
    syllables = g2p.pinyin(sentence).replace(",", "").split()
    assert " ".join(s for c, s in zip(sentence, syllables, strict=True) if c == character) == reading


def test_pinyin_keeps_latin_words_and_marks(g2p: MandarinG2P) -> None:
    assert g2p.pinyin("您好，OneSuite！") == "nin2 hao3, OneSuite!"


def test_no_figure_is_left_unread() -> None:
    text = "型号X-77/9#3，代码0xFF12，比分3-2-1，圆周率3.14159，2026Q3，1e9，5‰"

    assert not any(character.isdecimal() for character in spoken(text))


@pytest.fixture(scope="module")
def lexicon() -> LatinLexicon:
    return LatinLexicon()


@pytest.mark.parametrize(
    ("word", "sound"),
    [
        ("OneSuite", "wˈʌnswˈit"),
        ("onesuite", "wˈʌn swˈit"),
        ("hello", "həlˈO"),
        ("API", "ˈA pˈi ˈI"),
        ("CRM", "sˈi ˈɑɹ ˈɛm"),
        ("SaaS", "sˈæs"),
        ("iPhone", "ˈIfˈOn"),
        ("Xqz", "ˈɛks kjˈu zˈi"),
    ],
)
def test_latin_words_are_read_split_or_spelled(lexicon: LatinLexicon, word: str, sound: str) -> None:
    assert lexicon.phonemes(word) == sound


def test_what_no_voice_can_say_is_dropped_and_words_stay() -> None:
    assert spoken("好的😀👍🏽，\x00您\u200b好\u202e！") == "好的，您好！"
    assert spoken("今天25℃❤️") == "今天二十五摄氏度"
    assert speakable("Cafe\u0301 🎉\n\x07№ 1") == "Café \n 1"
