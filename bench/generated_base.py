"""A knowledge base of any size: plausible Chinese entries of many businesses, no two alike.

::

    entries(10_000)      # entries of 10,000 passages in all: a tenth questions, the rest articles of six

The same size gives the same entries.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

PARAGRAPHS = 6
ARTICLES = 0.9
"""Share of the passages that are of articles."""
CITIES = [
    "北京",
    "上海",
    "广州",
    "深圳",
    "成都",
    "杭州",
    "武汉",
    "南京",
    "西安",
    "重庆",
    "苏州",
    "天津",
    "长沙",
    "青岛",
    "郑州",
    "宁波",
    "厦门",
    "合肥",
    "福州",
    "济南",
]
NAMES = [
    "春晓",
    "云杉",
    "明德",
    "海棠",
    "青禾",
    "锦程",
    "远山",
    "星野",
    "和风",
    "百川",
    "嘉禾",
    "玉泉",
    "临江",
    "南亭",
    "北辰",
    "东篱",
    "西岭",
    "朝晖",
    "晚枫",
    "观澜",
]
ROADS = [
    "人民",
    "解放",
    "中山",
    "建设",
    "和平",
    "新华",
    "文化",
    "长江",
    "黄河",
    "花园",
    "学府",
    "滨河",
    "迎宾",
    "科技",
    "体育",
    "公园",
    "东风",
    "胜利",
    "幸福",
    "友谊",
]
KINDS = {
    "口腔诊所": "洗牙 补牙 拔智齿 种植牙 牙齿矫正 儿童涂氟 牙齿美白 根管治疗",
    "健身房": "年卡 次卡 私教课 瑜伽课 游泳课 动感单车 体测 储物柜",
    "快捷酒店": "大床房 双人间 家庭房 钟点房 早餐 停车 加床 洗衣",
    "宠物医院": "疫苗 绝育 洗澡 体检 寄养 驱虫 住院 拍片",
    "驾校": "小车手动挡 小车自动挡 摩托车 科目二加课 陪练 补考 夜间班 周末班",
    "搬家公司": "同城搬家 长途搬家 钢琴搬运 空调拆装 仓储 打包 夜间搬家 小件配送",
    "汽车维修店": "小保养 大保养 换轮胎 四轮定位 钣金喷漆 空调加氟 换电瓶 道路救援",
    "培训学校": "英语班 书法班 编程班 钢琴课 托管班 暑假班 一对一 试听课",
    "照相馆": "证件照 全家福 婚纱照 儿童照 商务照 上门拍摄 精修 相册",
    "洗衣店": "羽绒服 西装 窗帘 皮衣 鞋子 床品 上门取送 急件",
    "物业公司": "物业费 门禁卡 装修押金 水管维修 车位 快递柜 垃圾清运 公共收益",
    "旅行社": "周边一日游 海岛游 亲子游 签证 包车 导游 退团 旅游保险",
}
ASPECTS = {
    "价格": ("{place}的{item}多少钱？", "{item}{price}元一次，会员打{off}折，{day}不涨价。"),
    "时间": (
        "{place}做{item}要多久？",
        "{item}一般要{minutes}分钟，{day}人多，最好提前{ahead}天预约。",
    ),
    "预约": ("在{place}怎么预约{item}？", "{item}要提前{ahead}天预约，打分机{ext}或者在小程序里选时间。"),
    "退改": ("{place}的{item}能退吗？", "{item}没有开始可以全额退，开始以后扣{off}成，{ahead}个工作日到账。"),
    "优惠": ("{place}的{item}有活动吗？", "{item}这个月满{price}减{cut}，{day}再送一次，每人限{ahead}次。"),
}
STORIES = (
    "{place}在{road}路{number}号，{item}在{floor}楼，进门左手边登记，{day}到{hour}点。",
    "做{item}之前请带好身份证和{ahead}天内的单据，没有带的可以在前台补办，补办费{cut}元。",
    "{item}由{teacher}老师负责，从业{ahead}年，每天最多接待{floor}{number}位，约满以后顺延到下一个{day}。",
    "如果{item}有问题，{ahead}天内可以免费再来一次，超过以后按{price}元的{off}折收费，需要原来的收据。",
    "会员卡充{price}元送{cut}元，{item}用卡付款再打{off}折，卡在{place}和同城其他门店都能用。",
    "{day}是{item}最忙的时候，{hour}点以后人少，孩子和老人可以先做，其他人按号等候，大约{minutes}分钟。",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """The fields of a document; an article has no question."""

    key: str
    title: str
    question: str
    answer: str
    category: str


def entries(passages: int) -> Iterator[Entry]:
    """Yield entries of so many passages together, each passage shorter than a base cuts them."""
    dice = random.Random(passages)
    articles = int(passages * ARTICLES) // PARAGRAPHS
    for number in range(passages - articles * PARAGRAPHS):
        yield question(number, dice)
    for number in range(articles):
        yield article(number, dice)


def question(number: int, dice: random.Random) -> Entry:
    said = facts(dice)
    aspect, (asked, answer) = dice.choice(list(ASPECTS.items()))
    title = f"{said['place']}{said['item']}{aspect}{number}"
    return Entry(f"faq-{number}", title, asked.format(**said), answer.format(**said), said["kind"])


def article(number: int, dice: random.Random) -> Entry:
    said = facts(dice)
    paragraphs = [
        story.format(**facts(dice) | {"place": said["place"], "item": said["item"]})
        for story in dice.sample(STORIES, PARAGRAPHS)
    ]
    return Entry(
        f"article-{number}",
        f"{said['place']}{said['item']}须知{number}",
        "",
        "\n\n".join(paragraphs),
        said["kind"],
    )


def facts(dice: random.Random) -> dict[str, str]:
    kind = dice.choice(list(KINDS))
    road = dice.choice(ROADS)
    return {
        "kind": kind,
        "place": f"{dice.choice(CITIES)}{dice.choice(NAMES)}{kind}{road}路店",
        "item": dice.choice(KINDS[kind].split()),
        "road": road,
        "price": str(dice.randrange(20, 3000, 5)),
        "cut": str(dice.randrange(5, 200, 5)),
        "off": str(dice.randrange(5, 10)),
        "minutes": str(dice.randrange(10, 240, 5)),
        "ahead": str(dice.randrange(1, 30)),
        "ext": str(dice.randrange(8000, 9000)),
        "number": str(dice.randrange(1, 300)),
        "floor": dice.choice("一二三四五六七八"),
        "hour": str(dice.randrange(17, 23)),
        "day": dice.choice(("周一", "周末", "节假日", "每月第一天", "工作日上午", "会员日")),
        "teacher": dice.choice("王李张刘陈杨赵黄周吴徐孙"),
    }
