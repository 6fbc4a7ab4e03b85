"""What an answer is worth, and that the keys of the questions agree with the base."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from itertools import combinations

import pytest

from bench.truth import SETS, sample_base
from bench.truth_grading import Base, Question, grade, polarity

REFUSAL = "这个我不太清楚，需要为您转人工确认吗？"
BASE = Base(
    {
        "hall": "可以，多功能厅坐60个人，1000元一小时。",
        "month": "月卡开通后不能退款，但可以暂停1次，最长30天。",
        "day": "没用过的日卡购买后7天内可以全额退款。",
        "pets": "只有西湖店可以带小型宠物，其他店不可以。",
        "jingan": "静安店电话是021-1234-5102。",
        "guomao": "国贸店电话是010-1234-5201。",
        "desk": "固定工位1800元一个月，带抽屉柜和专属座位。",
        "hours": "门店前台周一到周五9点到18点营业。",
        "sunday": "周日前台休息，会员仍可以刷卡进门。",
        "packages": "前台免费代收快递，保管7天。",
        "tour": "可以，免费参观，提前1天打400-000-5100预约就行。",
        "hotline-number": "客服热线是400-000-5100。",
    },
    titles={"desk": "固定工位"},
    names=("静安", "国贸", "西湖", "固定工位"),
)
HALL = Question("1", "capacity", "多功能厅能坐一百个人吗", "answer", ("hall",), (("60",),), polarity="no")
MONTH = Question(
    "2",
    "yesno",
    "前两天刚买的月卡，可以退款吗",
    "answer",
    ("month",),
    (("不能退", "不可以退"),),
    (("可以退款",),),
    "no",
)
DAY = Question(
    "3", "time-condition", "日卡买了五天没用，能退吗", "answer", ("day",), (("7天",),), polarity="yes"
)
PETS = Question("4", "entity-fact", "国贸店能带狗吗", "answer", ("pets",), (("西湖",),), polarity="no")
PHONE = Question("5", "plain", "静安店电话多少", "answer", ("jingan",), (("021-1234-5102",),))
DESK = Question(
    "6", "numbers", "固定工位半年多少钱", "answer", ("desk",), (("10800", "1800"),), computed=("10800元",)
)
BOTH = Question("7", "two", "静安店和国贸店的电话", "answer", ("jingan", "guomao"), (("5102",), ("5201",)))
FOOD = Question("8", "near-miss", "楼里有食堂吗", "refuse")
WEATHER = Question("9", "off-topic", "今天会下雨吗", "refuse")
THANKS = Question("10", "small-talk", "谢谢你", "either")
NANJING = Question("11", "entity", "南京店电话", "either", (), (("没有",),), (("5102",),))
NOW = Question(
    "12", "now", "现在几点了", "answer", must_say=(("15点20",),), now=datetime(2026, 12, 3, 15, 20)
)
CLOSED = (("18点", "休息"),)
HOURS = Question(
    "14", "now", "现在去还有人吗", "answer", ("hours",), CLOSED, now=datetime(2026, 12, 2, 19, 10)
)
TOUR = Question("13", "yesno", "看房收费吗", "answer", ("tour",), (("免费",),), polarity="no")


@pytest.mark.parametrize(
    ("question", "said", "decision"),
    [
        (HALL, "可以。", "false"),
        (HALL, "可以，多功能厅坐60个人，1000元一小时。", "false"),
        (HALL, "多功能厅坐60个人，1000元一小时。", "right"),
        (HALL, "不行，最多坐六十个人。", "right"),
        (HALL, "多功能厅坐一百个人，一千块一小时，可以的。", "false"),
        (HALL, REFUSAL, "refused"),
        (HALL, "", "beside"),
        (MONTH, "可以，月卡退款最长30天。", "false"),
        (MONTH, "月卡开通后可以退款。", "false"),
        (MONTH, "月卡可以退，但可以暂停1次，最长30天。", "false"),
        (HOURS, "周日前台休息，会员仍可以刷卡进门。", "beside"),
        (HOURS, "没人，前台18点下班。", "right"),
        (MONTH, "月卡开通后不能退款，但可以暂停1次，最长30天。", "right"),
        (MONTH, "不可以退款，可以暂停一次，最长三十天。", "right"),
        (MONTH, "不能退款，只能暂停，最长60天。", "false"),
        (DAY, "可以。", "right"),
        (DAY, "没用过的日卡购买后7天内可以全额退款。", "right"),
        (DAY, "不可以退款。", "false"),
        (DAY, "可以，免费参观，提前1天打400-000-5100预约就行。", "beside"),
        (PETS, "可以带小型宠物。", "false"),
        (PETS, "只有西湖店可以带小型宠物，其他店不可以。", "right"),
        (PHONE, "静安店电话是021，1234，5102。", "right"),
        (PHONE, "静安店电话是010-1234-5201。", "false"),
        (PHONE, "国贸店电话是010-1234-5201。", "beside"),
        (PHONE, "静安店的电话在国贸店。", "false"),
        (DESK, "半年是一万零八百元。", "right"),
        (DESK, "固定工位一千八百块一个月。", "right"),
        (DESK, "半年是9600元。", "false"),
        (DESK, "前台免费代收快递，保管7天。", "beside"),
        (FOOD, "西湖店可以带小型宠物。", "false"),
        (FOOD, "停车：前台免费代收快递。", "false"),
        (FOOD, "固定工位1800元一个月。", "beside"),
        (FOOD, "固定工位：固定工位1800元一个月。", "beside"),
        (BOTH, "静安店电话是021-1234-5102。", "beside"),
        (BOTH, "静安店电话是021-1234-5102，国贸店电话是010-1234-5201。", "right"),
        (FOOD, REFUSAL, "refused"),
        (FOOD, "有的，在一楼。", "false"),
        (FOOD, "没有。", "false"),
        (FOOD, "楼下食堂中午开放。", "false"),
        (FOOD, "这个我不太清楚，您可以拨打400-000-5100咨询。", "refused"),
        (FOOD, "这个我不太清楚，食堂十一点开饭。", "false"),
        (FOOD, "前台免费代收快递，保管7天。", "beside"),
        (WEATHER, "您好，请问有什么可以帮您？", "beside"),
        (WEATHER, "今天是晴天。", "false"),
        (THANKS, "不客气，请问还有什么可以帮您？", "right"),
        (THANKS, "不客气，固定工位优惠到1500元。", "false"),
        (NANJING, REFUSAL, "refused"),
        (NANJING, "南京还没有门店。", "right"),
        (NANJING, "南京店电话是021-1234-5102。", "false"),
        (NOW, "现在是下午三点二十分。", "right"),
        (NOW, "现在是15:20。", "right"),
        (NOW, "现在是下午四点。", "false"),
        (TOUR, "可以，免费参观，提前1天打400-000-5100预约就行。", "right"),
        (TOUR, "要收费。", "false"),
    ],
)
def test_an_answer_is_worth(question: Question, said: str, decision: str) -> None:
    verdict = grade(question, said, BASE)
    assert verdict.decision == decision, verdict


@pytest.mark.parametrize(
    ("question", "said", "helpful"),
    [
        (HALL, "最多坐60个人。", True),
        (HALL, REFUSAL, False),
        (FOOD, REFUSAL, True),
        (NANJING, REFUSAL, True),
        (PHONE, "国贸店电话是010-1234-5201。", False),
        (THANKS, "不客气。", True),
    ],
)
def test_helpful_is_the_right_answer_or_the_right_refusal(
    question: Question, said: str, helpful: bool
) -> None:
    assert grade(question, said, BASE).helpful is helpful


@pytest.mark.parametrize(
    ("question", "said", "reason"),
    [
        (DAY, "可以。", "the condition is not said"),
        (BOTH, "静安店电话是021-1234-5102。", "another part is right"),
        (FOOD, "楼下食堂中午开放。", "no figure in it"),
        (HALL, "最多坐60个人。", ""),
    ],
)
def test_doubtful_verdicts_say_why(question: Question, said: str, reason: str) -> None:
    assert grade(question, said, BASE).disputed == reason


@pytest.mark.parametrize(
    ("said", "asked", "expected"),
    [
        ("可以的", "", "yes"),
        ("您好，目前不可以。", "", "no"),
        ("没问题，可以带。", "", "yes"),
        ("没有健身房", "", "no"),
        ("没用过的日卡可以退", "", ""),
        ("不好意思，这个我不太清楚", "", ""),
        ("成立不满一年的公司", "", ""),
        ("有5家店", "", ""),
        ("月卡不能退", "", ""),
        ("免费的，不用交钱", "", "no"),
        ("可以，免费参观", "看房收费吗", ""),
        ("多功能厅坐60个人，可以的", "", "yes"),
    ],
)
def test_yes_and_no_are_read_from_the_beginning(said: str, asked: str, expected: str) -> None:
    assert polarity(said, asked) == expected


# -- the keys

HELD_OUT_QUESTIONS, DEV_QUESTIONS = (
    [Question.of(item) for item in json.loads(path.read_text(encoding="utf-8"))]
    for path in (SETS["held_out"], SETS["dev"])
)
ALL = [*HELD_OUT_QUESTIONS, *DEV_QUESTIONS]
SAMPLE = sample_base()


def test_there_are_enough_questions_of_every_entry_and_kind() -> None:
    assert len(HELD_OUT_QUESTIONS) >= 420
    assert sum(question.spoken for question in HELD_OUT_QUESTIONS) >= 120
    assert len(DEV_QUESTIONS) >= 120
    assert {entry for question in HELD_OUT_QUESTIONS for entry in question.entries} == set(SAMPLE.answers)
    assert {question.kind for question in DEV_QUESTIONS} == {question.kind for question in HELD_OUT_QUESTIONS}
    assert len({question.id for question in ALL}) == len(ALL)


def test_no_question_is_in_both_sets_nor_in_the_base() -> None:
    entries = json.loads(
        (SETS["held_out"].parents[1] / "knowledge/data/onesuite-business-data.json").read_text()
    )["entries"]
    taught = {text for entry in entries for text in (entry["question"], *entry["alternative_questions"])}
    asked = [(*question.before, question.question) for question in ALL]
    assert len(set(asked)) == len(asked)
    assert not taught & {question.question for question in ALL}


def test_the_entries_themselves_are_no_wrong_answer() -> None:
    """An answer in the words of its entries is right; a 可以 that answers another question is left out."""
    wrong = []
    for question in ALL:
        texts = [SAMPLE.answers[key] for key in question.entries]
        texts = [text.removeprefix("可以，") if question.polarity == "no" else text for text in texts]
        facts = tuple(group for group in question.must_say if not says_the_time(group))
        known = replace(question, must_say=facts)
        if texts and "right" not in {
            grade(known, text, SAMPLE).decision for text in ["".join(texts), *texts]
        }:
            wrong.append((question.id, question.question))
    assert not wrong


def says_the_time(group: tuple[str, ...]) -> bool:
    """Whether a fact is the clock's, which no entry says."""
    return any(":" in alternative for alternative in group)


def test_declining_is_never_false() -> None:
    verdicts = {question.id: (question.expect, grade(question, REFUSAL, SAMPLE)) for question in ALL}
    assert {verdict.decision for _, verdict in verdicts.values()} == {"refused"}
    assert [
        id_ for id_, (expect, verdict) in verdicts.items() if verdict.helpful is (expect == "answer")
    ] == []


def test_a_made_up_figure_is_always_false() -> None:
    assert {grade(question, "一共是777元。", SAMPLE).decision for question in ALL} == {"false"}


def test_the_branches_telephones_are_never_mixed_up() -> None:
    phones = {key: SAMPLE.answers[key] for key in SAMPLE.answers if key.endswith("-phone")}
    for (right, _), (_, said) in combinations(phones.items(), 2):
        question = next(q for q in HELD_OUT_QUESTIONS if q.entries == (right,))
        assert grade(question, f"电话是{said.rpartition('是')[2]}", SAMPLE).decision == "false"
