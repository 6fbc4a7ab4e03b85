"""What a model writes beside its answer is never said, however it is cut; an answer stays as it is."""

from __future__ import annotations

import pytest

from aiker.calls.clauses import ClauseSplitter
from aiker.calls.model_output.filter import OutputFilter, OutputSettings

ANSWER = "价格是99元。"
SIZES = (1, 2, 3, 7, 10_000)


def filtered(text: str, size: int = 2, question: str = "多少钱", texts: tuple[str, ...] = ()) -> OutputFilter:
    output = OutputFilter(OutputSettings(), question, texts)
    said = ""
    for start in range(0, len(text), size):
        said += output.feed(text[start : start + size])
        if output.ended:
            break
    said += output.finish()
    assert said == output.text
    return output


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("written", "said"),
    [
        # thoughts
        pytest.param("<think>用户在问价格。</think>价格是99元。", ANSWER, id="S6-whole"),
        pytest.param("<think>\n用户在问。\n</think>\n\n价格是99元。", ANSWER, id="S6-lines"),
        pytest.param("<thinking>x</thinking>价格是99元。", ANSWER, id="S6-thinking"),
        pytest.param("<Reasoning effort='low'>x</Reasoning>价格是99元。", ANSWER, id="S6-reasoning"),
        pytest.param("<reflection>x</reflection><answer>价格是99元。</answer>", ANSWER, id="S6-reflection"),
        pytest.param("◁think▷用户在问。◁/think▷价格是99元。", ANSWER, id="S6-triangles"),
        pytest.param("[THINK]用户在问。[/THINK]价格是99元。", ANSWER, id="S6-square"),
        pytest.param("用户在问价格，我需要查资料。</think>价格是99元。", ANSWER, id="S6-closed-only"),
        pytest.param("让我想想，这是价格。\n</think>\n价格是99元。", ANSWER, id="S6-closed-only-self-talk"),
        pytest.param("价格是99元。<think>还有什么", ANSWER, id="S6-unclosed-behind-an-answer"),
        pytest.param(
            "<|begin_of_thought|>想<|end_of_thought|>价格是99元。", ANSWER, id="S6-begin-of-thought"
        ),
        pytest.param(
            "<|channel|>analysis<|message|>The user asks.<|end|><|start|>assistant<|channel|>final<|message|>"
            "价格是99元。<|return|>",
            ANSWER,
            id="S6-channels",
        ),
        # tokens of chat templates
        pytest.param("价格是99元。<|im_end|>\n<|im_start|>user\n那呢", ANSWER, id="T-im_end"),
        pytest.param("<|endoftext|>价格是99元。</s>那呢", ANSWER, id="T-endoftext-first"),
        pytest.param(
            "<|start_header_id|>assistant<|end_header_id|>\n\n价格是99元。<|eot_id|>", ANSWER, id="T-eot"
        ),
        pytest.param("<|im_start|>assistant\n价格是99元。", ANSWER, id="T-role-first"),
        pytest.param("<start_of_turn>model\n价格是99元。<end_of_turn>还有", ANSWER, id="T-gemma"),
        pytest.param("价格是99元。<｜end▁of▁sentence｜>吗", ANSWER, id="T-full-width"),
        pytest.param("价格是99元。[INST]那呢[/INST]打折", ANSWER, id="T-INST"),
        pytest.param("<0x0A><s>价格是99元。<unk>", ANSWER, id="T-padding"),
        # tool calls nobody offered
        pytest.param('<tool_call>\n{"name": "x"}\n</tool_call>价格是99元。', ANSWER, id="T-call-before"),
        pytest.param('价格是99元。<tool_call>{"name": "x"', ANSWER, id="T-call-behind"),
        pytest.param('价格是99元。{"name": "search", "parameters": {"q": "价格"}}', ANSWER, id="T-bare-json"),
        pytest.param('价格是99元。```json\n{"price": 99}\n```', ANSWER, id="T-fenced-json"),
        pytest.param('价格是99元。\nAction: search\nAction Input: {"q": 1}', ANSWER, id="T-react"),
        pytest.param('价格是99元。[search(query="价格")]', ANSWER, id="T-python"),
        # invented dialogue
        pytest.param(
            "客服：价格是99元。\n客户问：那有优惠吗\n客服：有的，打八折。", ANSWER, id="S7-dialogue"
        ),
        pytest.param("价格是99元。\nUser: 那呢\nAssistant: 打折", ANSWER, id="S7-English-labels"),
        pytest.param("价格是99元。用户：谢谢", ANSWER, id="S7-in-one-line"),
        pytest.param("**客服：** 价格是99元。\n\n**客户：** 好", ANSWER, id="S7-bold-labels"),
        pytest.param("客户问：多少钱\n价格是99元。", ANSWER, id="S7-repeated-question"),
        pytest.param("问：多少钱？答：价格是99元。", ANSWER, id="S7-question-and-answer"),
        pytest.param("价格是99元。\n资料：\n- 会员价：80元", ANSWER, id="S7-material"),
        # stage directions
        pytest.param("（微笑）价格是99元。", ANSWER, id="S7-smile"),
        pytest.param("[叹气]价格是99元（语气温和）。", ANSWER, id="S7-sigh"),
        pytest.param("【系统提示】价格是99元。", ANSWER, id="S7-system"),
        pytest.param("*轻声* 价格是99元。", ANSWER, id="S7-stars"),
        pytest.param("(smiles warmly) 价格是99元。", ANSWER, id="S7-English"),
        pytest.param("（旁白：此时客户有些不耐烦，需要安抚他的情绪）价格是99元。", ANSWER, id="S7-narration"),
        pytest.param("价格是99元。\n- 客户回复说：好", ANSWER, id="S7-reply"),
        pytest.param("（用户沉默）价格是99元（停顿两秒）。", ANSWER, id="S7-pause"),
        # markup
        pytest.param("请看[官网](https://a.example/b?c=1)，谢谢。", "请看官网，谢谢。", id="S5-link"),
        pytest.param("![图](https://a.cn/b.png)价格是99元。", ANSWER, id="S5-picture"),
        pytest.param("请访问https://www.onesuite.cn/help?id=3&x=1。", "请访问onesuite.cn。", id="S5-address"),
        pytest.param("~~原价199元~~ 现价99元。", "现价99元。", id="S5-struck"),
        pytest.param("原价<del>199元</del>，现价99元。", "原价，现价99元。", id="S5-struck-html"),
        pytest.param("<b>价格</b>是99元。<br>谢谢。", "价格是99元。谢谢。", id="S5-html"),
        pytest.param("好的，```\n价格是99元。", "好的，价格是99元。", id="S5-open-fence"),
        pytest.param("`价格`是**99元**。", ANSWER, id="S5-code-and-bold"),
        pytest.param("# 价格\n99元\n", "价格。99元。", id="S5-heading"),
        pytest.param("1. **甲**：99元\n2. 乙\n- 丙\n", "甲：99元。乙。丙。", id="S5-lists"),
        pytest.param("| 套餐 | 价格 |\n|---|---|\n| 甲 | 99元 |\n", "甲，99元。", id="S5-table"),
        pytest.param(
            "| 套餐 | 价格 | Wi-Fi |\n|:-|-:|-|\n| 甲 | 99元 | ✅ |\n都含税。",
            "甲，价格99元，Wi-Fi有。都含税。",
            id="S5-wide-table",
        ),
        pytest.param("价格是99元[1]，限时【2†source】。", "价格是99元，限时。", id="S5-sources"),
        pytest.param("价格是$99\\times 2=198$元。", "价格是99×2=198元。", id="S5-formula"),
        pytest.param("您好{name}，价格是99元。", "您好，价格是99元。", id="S5-placeholder"),
        pytest.param("价格\u200b是\ue1a099\ufffd元😊👍🏻。", ANSWER, id="S8-invisible"),
        pytest.param("价格是99元(^_^)。", ANSWER, id="S8-kaomoji"),
        pytest.param("」价格是99元』。", ANSWER, id="S8-quotes"),
        pytest.param("（含税）价格是99元。", "（含税）价格是99元。", id="brackets-that-are-facts"),
    ],
)
def test_only_the_answer_is_said(written: str, said: str, size: int) -> None:
    output = filtered(written, size)
    assert (output.text, output.failure) == (said, None)


@pytest.mark.parametrize(
    "answer",
    [
        "我们早上九点开门。",
        "会员价（含税）是99元，周末除外。",
        "办公区可以养猫（大声喧哗除外）。",
        "客户经理会联系您，用户协议在官网。",
        "新客户：首月半价；老客户：九折。",
        "会议室A：80元。会议室B：120元。",
        "地址：建国路88号，电话：010-12345678。",
        "转人工请按 * 号键，然后按 # 号键。",
        "我们的服务是7*24小时的，尺寸是50*30*20厘米。",
        "邮箱是zhang_san@qq.com，微信号是one_suite。",
        "100<200，200>100，气温25℃，面积80㎡，误差±3。",
        "支持Wi-Fi、USB-C和iPhone充电，用APP扫码。",
        "您可以在App Store搜索OneSuite，或者用Visa、Mastercard付款。",
        "您的卡号是8888888888，金额是1000000元。",
        "原价~30元，8~10折，周一~周五。",
        "“月卡”1200元，《会员须知》里有。",
        "是的，是的，没错。",
        "2、3个工作日到账。",
        "1、2号楼都可以。",
        "3.15活动正在进行。",
        "时间是9：00到18：00，比例3:1。",
        "我需要查一下您的订单号，请稍等。",
        "用户需要先在官网注册。",
        "（010）12345678",
        ">100元的订单免运费。",
        "# 号键结束，* 号键返回。",
        "α波和β版都可以。",
        "99元，99元，都是99元。",
        "OK，没问题。",
        "他说：“可以。”我也同意。",
        "系统升级期间（系统升级除外）照常营业。",
    ],
)
@pytest.mark.parametrize("size", SIZES)
def test_an_answer_stays_as_it_is(answer: str, size: int) -> None:
    output = filtered(answer, size)
    assert (output.text, output.failure, output.notes) == (answer, None, {})


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("<think>用户在问价格，我需要", id="S6-unclosed"),
        pytest.param("用户在问价格。", id="S6-without-a-tag"),
        *(
            pytest.param(sign, id=f"S8-{sign!a}")
            for sign in ("」", "😊", "……", "。。。", "***", "   ", "\n", "")
        ),
        pytest.param("\ue1a0\ue4ce", id="S8-private-use"),
        pytest.param("\u200b\ufeff", id="S8-zero-width"),
        pytest.param("┌─┐(╯°□°）╯", id="S8-frames-and-faces"),
        pytest.param("（微笑）", id="S7-nothing-but-a-smile"),
        pytest.param('{"name": "search", "parameters": {"q": "价格"}}', id="T-nothing-but-json"),
        pytest.param('<tool_call>{"name": "x"}</tool_call>', id="T-nothing-but-a-call"),
        pytest.param('```json\n{"price": 99}\n', id="S5-nothing-but-code"),
        pytest.param("![图](https://a.cn/b.png)", id="S5-nothing-but-a-picture"),
    ],
)
@pytest.mark.parametrize("size", SIZES)
def test_what_cannot_be_said_is_a_failure(written: str, size: int) -> None:
    output = filtered(written, size)
    assert output.text == ""
    assert output.failure is not None
    assert output.failure[0] == "empty"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        pytest.param("価格は九十九元です。ありがとうございます。", "", id="S9-Japanese"),
        pytest.param("가격은 구십구 위안입니다.", "", id="S9-Korean"),
        pytest.param("Здравствуйте, цена девяносто девять.", "", id="S9-Russian"),
        pytest.param("السعر هو تسعة", "", id="S9-Arabic"),
        pytest.param("The price is ninety nine yuan per month. Thank you.", "", id="S9-English"),
        pytest.param("Le prix est de 99 yuans par mois.", "", id="S9-French"),
        pytest.param("您好，цена是99元。", "您好，", id="S9-Russian-in-Chinese"),
        pytest.param("您好，我们的价格は99元です。", "您好，", id="S9-Japanese-in-Chinese"),
        pytest.param("价格是ninety nine yuan per month。", "", id="S9-English-in-a-clause"),
    ],
)
@pytest.mark.parametrize("size", SIZES)
def test_another_language_is_a_failure_and_not_spoken(written: str, said: str, size: int) -> None:
    output = filtered(written, size)
    assert output.text == said
    assert output.failure is not None
    assert output.failure[0] == "language"
    assert output.notes["dropped"] == ["language"]


def test_S9_a_foreign_clause_in_a_chinese_answer_is_dropped_alone() -> None:
    output = filtered("会员价是99元一个月，ราคา，可以随时退订。")
    assert (output.text, output.failure) == ("会员价是99元一个月，可以随时退订。", None)


def test_S9_words_of_the_passages_and_of_the_question_are_known() -> None:
    said = "我们有hot desk和open space两种工位。"
    assert filtered("支持open banking and more，价格是99元。").text == "价格是99元。"
    assert filtered(said, texts=("工位：hot desk、open space",)).text == said
    assert filtered(said, question="hot desk和open space有吗").text == said
    assert filtered("东京店叫さくら店。", texts=("さくら店",)).text == "东京店叫さくら店。"


def test_S9_a_question_in_english_may_be_answered_so() -> None:
    output = filtered("It is ninety nine yuan.", question="how much is it")
    assert (output.text, output.failure) == ("It is ninety nine yuan.", None)


def test_an_assistant_of_another_language_is_not_checked() -> None:
    output = OutputFilter(OutputSettings(language="ja"))
    assert output.feed("価格は九十九元です。") + output.finish() == "価格は九十九元です。"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("written", "said"),
    [
        pytest.param("价格是九十九元，" * 400, "价格是九十九元，" * 2, id="L-clause"),
        pytest.param("甲一百，乙二百。" * 50, "甲一百，乙二百。" * 2 + "甲一百，", id="L-two-clauses"),
        pytest.param("好" * 3000, "好好", id="L-character"),
        pytest.param("哈哈" * 1000, "哈哈", id="L-laughter"),
        pytest.param("好的" * 500, "好的好的", id="L-word"),
        pytest.param("价格是九十九元" * 40, "价格是九十九元" * 2, id="L-without-a-pause"),
    ],
)
def test_the_third_time_ends_the_answer(written: str, said: str, size: int) -> None:
    output = filtered(written, size)
    assert (output.text, output.ended, output.notes["stopped"]) == (said, True, "repetition")


def test_L_an_answer_without_end_stops_at_a_clause_when_its_seconds_are_over() -> None:
    written = "".join(f"第{number}条，价格是{number}元。" for number in range(1, 2000))
    output = filtered(written)
    assert output.ended
    assert output.notes == {"stopped": "too_long"}
    assert 110 < sum(char.isalnum() for char in output.text) <= 30 * 4.5
    assert output.text[-1] in "，。"
    longer = OutputFilter(OutputSettings(max_seconds=60))
    assert len(longer.feed(written)) > 1.8 * len(output.text)


@pytest.mark.parametrize(
    "answer",
    [
        "您好，基础版每月199元，按人数算。",
        "流动工位月卡1200元一个月，5家店通用。",
        "门店是周一到周五营业的，周末休息。",
    ],
)
def test_an_ordinary_answer_is_not_kept_back_longer_than_the_voice_waits_anyway(answer: str) -> None:
    """With each token the voice has as many clauses as if it read the model's tokens itself."""
    output, before, behind = OutputFilter(OutputSettings()), ClauseSplitter(), ClauseSplitter()
    given = [0, 0]
    for char in answer:
        given[0] += len(before.feed(char))
        given[1] += len(behind.feed(output.feed(char)))
        assert given[1] == given[0]


def test_an_engine_that_only_closes_its_thoughts_is_waited_for() -> None:
    output = OutputFilter(OutputSettings())
    output.expect_thought()
    said = output.feed("这里有几种价格，") + output.feed("会员是99元。</think>")
    assert said == ""
    assert output.feed(ANSWER) == ANSWER
    assert output.closed_thought
    output.finish()
    other = OutputFilter(OutputSettings())
    other.expect_thought()
    assert other.feed(ANSWER) + other.finish() == ANSWER  # it did not think this time
