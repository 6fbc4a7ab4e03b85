"""Who asks for a person, what offers one, and who is angry."""

from __future__ import annotations

import pytest

from aiker.calls.transfer_requests import (
    NO_OFFER_LEFT,
    asks_for_person,
    asks_or_announces,
    hotline_among,
    instructions_without_offer,
    is_angry,
    next_line,
    offers_transfer,
    without_offer,
)


@pytest.mark.parametrize(
    "said",
    [
        "转人工",
        "帮我转人工",
        "转人工服务",
        "赚人工",
        "请帮我转接人工客服",
        "人工",
        "人工客服",
        "我要人工",
        "接人工",
        "我要退款你给我转人工",
        "能不能给我转个人工啊",
        "你给我找个真人来",
        "叫你们经理来",
        "让你们领导接电话",
        "我不想跟机器人说话",
        "别跟我扯了，找个人来跟我说",
        "换个人",
        "能换个人吗",
        "有人工吗",
        "有没有人工客服",
        "我要跟真人说话",
        "我想和客服沟通一下",
        "帮我转前台",
        "转一下售后",
        "麻烦转接到财务部",
        "你们那边有真人吗",
        "转人工我要投诉",
        "给我转人工你个废物",
        "什么破机器人，叫个活人来",
        "转到人工",
        "怎么转人工",
        "客服",
        "找你们负责人",
        "我要找你们店长",
        "转人工转人工",
        "帮我接一下人工",
        "不是，我要人工",
        "叫个能管事的来",
        "你听不懂，给我换人工",
        "要求转人工",
        "你给我叫个人",
        "人工人工",
        "别废话转人工",
        "我要求人工处理",
        "可不可以给我转到客服那边",
        "不想跟你讲了叫真人",
        "找一个真人客服",
        "转接",
        "请帮我转一下客服部",
    ],
)
def test_a_person_is_asked_for(said: str) -> None:
    assert asks_for_person(said)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "不要转人工",
        "我不想转人工",
        "先不转人工",
        "转人工要多久",
        "转人工要等多久",
        "转人工是什么意思",
        "转人工多少钱啊",
        "为什么要转人工",
        "转人工之前我想问一下停车",
        "你是真人吗",
        "你是人工还是机器人",
        "人工费怎么算",
        "人工智能是什么",
        "张人工智能是谁",
        "我刚才转人工没人接",
        "办公室可以转租吗",
        "押金怎么转账",
        "工作人员几点下班",
        "经理电话是多少",
        "会议室能坐几个人",
        "我要四个人的办公室",
        "有几个人的工位",
        "可以带别人来吗",
        "找人合租可以吗",
        "前台在几楼",
        "销售电话",
        "好的",
        "客服热线是多少",
        "客服几点上班",
        "我要换一个办公室",
        "不用找人工了",
        "不需要人工",
        "怎么联系经理",
        "我来找人",
    ],
)
def test_no_person_is_asked_for(said: str) -> None:
    assert not asks_for_person(said)


@pytest.mark.parametrize(
    "text",
    [
        "这个我不太清楚，需要为您转人工确认吗？",
        "这个问题需要为您转人工确认。",
        "正在为您转接，请稍候。",
        "请稍等，我帮您转接客服同事。",
        "要不要我给您接人工客服？",
        "按0转人工。",
        "人工服务请按0。",
        "我让同事来为您解答，好吗？",
        "需要我帮您转到售后吗？",
        "资料里没有答案时，就说这个问题需要为您转人工确认。",
    ],
)
def test_an_offer_is_seen(text: str) -> None:
    assert offers_transfer(text)
    assert not offers_transfer(without_offer(text))


@pytest.mark.parametrize(
    "text",
    [
        "您好，请问有什么可以帮您？",
        "抱歉，我这边暂时不能转接人工。",
        "这里没有人工客服。",
        "不要说可以转人工。",
        "办公室可以转租。",
        "感谢您的来电，再见。",
        "客服热线是400-000-5100。",
        "前台在一楼。",
        "请您联系前台。",
    ],
)
def test_what_offers_nothing_stays(text: str) -> None:
    assert not offers_transfer(text)
    assert without_offer(text) == text


def test_only_the_offer_is_left_out() -> None:
    assert without_offer("这个我不太清楚，需要为您转人工确认吗？") == "这个我不太清楚。"
    assert without_offer("您好，这里是前台。转人工请按0。") == "您好，这里是前台。"
    assert without_offer("需要为您转人工吗？") == NO_OFFER_LEFT
    prompt = "你是安娜。用一句话回答。资料里没有答案时，就说这个问题需要为您转人工确认。"
    assert instructions_without_offer(prompt) == (
        "你是安娜。用一句话回答。资料里没有答案时，就说这个问题不太清楚。"
    )


@pytest.mark.parametrize(
    ("said", "offered"),
    [
        ("这个我不太清楚，需要为您转人工确认吗？", True),
        ("这个问题需要为您转人工确认。", True),
        ("可以转人工吗？可以的。请问还有什么问题？", False),
        ("一天80元。", False),
        ("转人工请按0。", False),
        ("", False),
    ],
)
def test_a_yes_accepts_what_was_offered_last(said: str, offered: bool) -> None:
    assert asks_or_announces(said) is offered


@pytest.mark.parametrize(
    "said",
    [
        "你们什么破机器人",
        "傻逼吧你",
        "我说了多少遍了",
        "你有病吧",
        "垃圾公司",
        "我要投诉你们",
        "听不懂人话吗",
    ],
)
def test_anger_is_heard(said: str) -> None:
    assert is_angry(said)


@pytest.mark.parametrize(
    "said", ["垃圾桶在哪", "停车多少钱", "不用了", "滚动屏在哪", "有病房吗", "投诉电话是多少", "谢谢"]
)
def test_no_anger_is_made_up(said: str) -> None:
    assert not is_angry(said)


def test_what_was_said_already_is_not_said_again() -> None:
    lines = ["第一句。", "第二句。"]
    assert next_line(lines, []) == "第一句。"
    assert next_line(lines, [{"role": "user", "content": "第一句。"}]) == "第一句。"
    history = [{"role": "assistant", "content": "第一句"}]
    assert next_line(lines, history) == "第二句。"
    assert next_line(lines, [*history, {"role": "assistant", "content": "第二句。"}]) == "第二句。"
    assert next_line([], history) == ""


def test_a_hotline_of_the_knowledge_is_found_without_its_offer() -> None:
    told = "可以转人工，人工客服每天8点到22点在线，也可以拨400-000-5100。"
    assert hotline_among(["保修期为一年。", told]) == "人工客服每天8点到22点在线，也可以拨400-000-5100。"
    assert hotline_among(["保修期为一年，人工损坏除外。", "订单123456已发货。"]) == ""
