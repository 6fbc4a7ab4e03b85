"""Words of a base: proposed from its texts, corrected in transcripts, read aloud."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from knowledge.correction import Corrector
from knowledge.lexicon import Proposal, example_of, homophones, propose
from knowledge.loaders import read
from knowledge.management.commands.load_knowledge import SAMPLE
from knowledge.models import Document, KnowledgeBase, LexiconEntry
from knowledge.proposing import Outcome, propose_for
from knowledge.reading import Reader
from knowledge.vocabulary import Lexicon, Word, joined

State = LexiconEntry.State


@pytest.fixture(scope="module")
def sample() -> dict[str, Proposal]:
    """What the sample data propose, by term."""
    texts: list[str] = []
    for entry in read(SAMPLE).entries:
        texts += [entry.title, entry.question, *entry.alternative_questions, entry.answer]
    return {proposal.term: proposal for proposal in propose(texts)}


class TestPropose:
    def test_names_terms_and_figures_of_the_sample_data_are_found(self, sample: dict[str, Proposal]) -> None:
        kinds = {
            "OneSuite": "brand",
            "浦江店": "name",
            "国贸店": "name",
            "云帆路": "name",
            "B座": "name",
            "工位": "term",
            "月卡": "term",
            "门禁卡": "term",
            "充电桩": "term",
            "GB": "number",
            "400-000-5100": "number",
        }
        assert {term: sample[term].kind for term in kinds} == kinds
        assert sample["工位"].count > 20
        assert "云帆路" in sample["云帆路"].example

    def test_everybodys_words_are_left_out(self, sample: dict[str, Proposal]) -> None:
        assert not {"公司", "时间", "多少", "上海", "软件", "学校", "我们", "example", "service"} & {*sample}

    def test_a_part_is_left_out_where_only_the_whole_is_said(self, sample: dict[str, Proposal]) -> None:
        assert not {"静安", "浦江", "云帆"} & {*sample}

    @pytest.mark.parametrize(
        ("text", "readings"),
        [
            ("VIP室有50㎡，带独立IP。", {"VIP": "V I P", "㎡": "平方米", "IP": "I P"}),
            ("租金30元/平米，网盘50GB。", {"元/平米": "元每平米", "GB": "G B"}),
            ("离地铁站2km，园区3km2。", {"km": "公里", "km2": "平方公里"}),
            ("电话021-1234-5101。", {"021-1234-5101": "零二幺 幺二三四 五幺零幺"}),
            ("重庆的银行，请问店长。", {"重庆": "虫庆", "银行": "银航"}),
            ("OneSuite提供Wi-Fi和Windows。", {}),  # how a name sounds is nobody's rule
            ("他们也行，长度重量都可以。", {}),
        ],
    )
    def test_readings_are_proposed_where_a_rule_is_sure(self, text: str, readings: dict[str, str]) -> None:
        assert {p.term: p.reading for p in propose([text]) if p.reading} == readings

    def test_what_is_only_read_is_no_hot_word(self) -> None:
        assert {p.term: p.hot for p in propose(["银行旁的B座有50㎡，VIP电话021-1234-5101。"])} == {
            "银行": False,
            "B座": True,
            "㎡": False,
            "VIP": True,
            "021-1234-5101": False,
        }

    def test_misheard_forms_are_common_words_of_the_same_sound(self) -> None:
        assert "恭维" in homophones("工位")
        assert "恭维" not in homophones("工位", frozenset({"恭维"}))  # the base says that, too
        assert homophones("重置") == ()  # which sound is meant is not sure
        assert homophones("月卡") == ()

    def test_an_example_is_a_sentence_of_the_texts(self) -> None:
        texts = ["月卡", "月卡1200元一个月，5家店通用。不能退。", "x" * 100 + "月卡"]
        assert example_of("月卡", texts) == "月卡1200元一个月，5家店通用。"
        assert example_of("日卡", texts) == ""


class TestCorrector:
    corrector = Corrector(
        ["工位", "固定工位", "月卡", "会议室", "续租", "会员", "浦江店", "OneSuite", "Wi-Fi", "IP", "B座"],
        {"足金": "租金", "万套件": "OneSuite"},
    )

    @pytest.mark.parametrize(
        ("heard", "meant"),
        [
            ("固定公位多少钱", "固定工位多少钱"),
            ("月咔能退吗，会意室呢", "月卡能退吗，会议室呢"),
            ("普江店在哪", "浦江店在哪"),
            ("足金怎么付", "租金怎么付"),
            ("万套件是什么", "OneSuite是什么"),
            ("one suite 和 Onesuite，wifi 密码", "OneSuite 和 OneSuite，Wi-Fi 密码"),
            ("I P地址在B 座", "IP地址在B座"),
        ],
    )
    def test_what_is_misheard_is_put_right(self, heard: str, meant: str) -> None:
        assert self.corrector(heard) == meant

    @pytest.mark.parametrize(
        "heard",
        [
            "我需租一间办公室",  # sounds like 续租
            "公卫生间在哪",  # 公卫 ends within a word
            "汇源果汁",
            "他很会恭维人",  # a word people use
            "固定工位、会议室和月卡",
            "wonderful one suited person, it is",
            "我需要跟同事商量一下再决定。",
            "",
        ],
    )
    def test_what_is_right_stays(self, heard: str) -> None:
        assert self.corrector(heard) == heard

    def test_nothing_is_done_without_words(self) -> None:
        assert Corrector([], {})("固定公位") == "固定公位"


class TestReader:
    @pytest.mark.parametrize(
        ("readings", "text", "said"),
        [
            ({"长": "掌", "店长": ""}, "店长很长", "店长很掌"),
            ({"店长": "店掌", "长": "常"}, "店长", "店掌"),
            ({"GB": "G B", "㎡": "平方米"}, "50GB，50㎡", "50G B，50平方米"),
            ({"IP": "I P"}, "IP和VIP、IPv6、zip", "I P和VIP、IPv6、zip"),
            ({"km": "公里", "km2": "平方公里"}, "3km，3km2", "3公里，3平方公里"),
            ({"400": "四零零", "5": "五"}, "400-000，4000，5.5，a5，5个", "四零零-000，4000，5.5，a5，五个"),
            ({"A": ""}, "A座", "A座"),
            ({}, "照旧", "照旧"),
        ],
    )
    def test_words_are_read(self, readings: dict[str, str], text: str, said: str) -> None:
        assert Reader(readings)(text) == said


class TestHotWords:
    def test_the_operators_own_come_first_and_then_the_most_frequent(self) -> None:
        lexicon = Lexicon((Word("日卡", count=2), Word("月卡", count=9), Word("㎡", hot=False, count=99)))
        assert lexicon.hot_words("门店、日卡。", 100) == "门店、日卡、月卡"
        assert lexicon.hot_words("", 100) == "月卡、日卡"
        assert lexicon.hot_words("", 4) == "月卡"

    def test_a_short_word_takes_the_place_that_a_long_one_has_no_room_for(self) -> None:
        assert joined("", ["增值税专用发票", "月卡"], 5) == "月卡"


@pytest.mark.django_db
class TestProposals:
    @pytest.fixture
    def base(self) -> KnowledgeBase:
        base = KnowledgeBase.objects.create(name="测试", slug="test")
        answers = ["国贸店月卡1200元。", "国贸店日卡80元，月卡更便宜。", "国贸店有VIP室，月卡可用。"]
        for answer in answers:
            Document.objects.create(base=base, title="价格", answer=answer)
        return base

    def entries(self, base: KnowledgeBase) -> dict[str, LexiconEntry]:
        return {entry.term: entry for entry in base.lexicon.all()}

    def test_proposals_wait_to_be_accepted(self, base: KnowledgeBase) -> None:
        outcome = propose_for(base)
        found = self.entries(base)
        assert {"国贸店", "月卡", "VIP"} <= {*found}
        assert outcome == Outcome(len(found), 0, 0)
        assert {entry.state for entry in found.values()} == {State.PROPOSED}
        assert (found["VIP"].reading, found["月卡"].count) == ("V I P", 3)
        assert Lexicon.of(base.pk).words == ()

    @pytest.mark.parametrize(
        "decision",
        [
            {"state": State.ACCEPTED, "reading": ""},
            {"state": State.REJECTED, "reading": "微爱批"},
            {"state": State.PROPOSED, "reading": "微爱批", "edited": True},
        ],
        ids=["accepted", "rejected", "edited"],
    )
    def test_what_an_operator_decided_is_kept(self, base: KnowledgeBase, decision: dict[str, Any]) -> None:
        propose_for(base)
        LexiconEntry.objects.filter(term="VIP").update(**decision)
        Document.objects.create(base=base, title="VIP", answer="VIP客户有专人。")
        outcome = propose_for(base)
        entry = self.entries(base)["VIP"]
        assert {name: getattr(entry, name) for name in decision} == decision
        assert entry.count == 3  # a fact, not a decision
        assert (outcome.added, outcome.withdrawn) == (0, 0)

    def test_what_left_the_texts_is_withdrawn_unless_it_was_decided(self, base: KnowledgeBase) -> None:
        propose_for(base)
        LexiconEntry.objects.filter(term="月卡").update(state=State.ACCEPTED)
        base.documents.all().delete()
        assert propose_for(base).withdrawn > 0
        assert [(term, entry.count) for term, entry in self.entries(base).items()] == [("月卡", 0)]

    def test_the_command_says_what_it_did(
        self, base: KnowledgeBase, capsys: pytest.CaptureFixture[str]
    ) -> None:
        call_command("propose_lexicon", base.slug)
        assert "words proposed, 0 were there" in capsys.readouterr().out
        with pytest.raises(CommandError, match="test"):
            call_command("propose_lexicon", "nowhere")

    def test_calls_get_the_accepted_words(self, base: KnowledgeBase) -> None:
        LexiconEntry.objects.create(base=base, term="租金", misheard=["足金"], reading="祖金", count=3)
        lexicon = Lexicon.of(base.pk)
        assert lexicon.words == (Word("租金", True, ("足金",), "祖金", 3),)
        assert (lexicon.correct("足金"), lexicon.read("租金")) == ("租金", "祖金")
        assert Lexicon.of(None) == Lexicon()
