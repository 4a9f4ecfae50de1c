"""What is found in a sentence, and in which form."""

from __future__ import annotations

from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.nlu.entities import EntityFinder
from bot.nlu.examples import TRAINING, Example, TrainingData, read_training
from bot.understanding import Entity

TABLE = """
我在杭州交社保 | city=杭州 insurance_type=社保
从上海转到杭州市 | city=上海 city=杭州市
余杭的居民医保怎么交 | city=余杭 person_group=城乡居民 insurance_type=医疗
黑龙江的养老金转过来 | city=黑龙江 insurance_type=养老
养老保险断了怎么办 | insurance_type=养老
职工养老保险怎么转 | person_group=职工 insurance_type=养老
失业金怎么领 | insurance_type=失业
五险都要交吗 | insurance_type=社保
新农合和医保冲突吗 | insurance_type=医疗 insurance_type=医疗
长护险要交吗 | insurance_type=医疗
生育津贴多久到账 | insurance_type=生育
工伤保险单位不交 | insurance_type=工伤
社保卡丢了 |
社保局几点上班 |
社保中心在哪里 |
社保网站打不开 |
灵活就业人员怎么参保 | person_group=灵活就业
个体户能交吗 | person_group=灵活就业
外卖骑手有工伤吗 | person_group=新就业形态 insurance_type=工伤
我是退休人员 | person_group=退休人员
农民工能领吗 | person_group=职工
在校大学生看病 | person_group=学生
公务员辞职了 | person_group=机关事业
退伍军人补缴 | person_group=军人
老外要交社保吗 | person_group=外国人 insurance_type=社保
台湾同胞参保 | person_group=港澳台
HR怎么申报 | person_group=单位
SCHRODER |
单位不给交 |
交了三年零两个月 | months=38
交了15年 | months=180
十五年够不够 | months=180
9年半了 | months=114
断了半年 | months=6
一年零七个月没交 | months=19
缴了一百九十二个月 | months=192
12年6个月 | months=150
14年11个月 | months=179
10年零4个月 | months=124
4年零10个月 | months=58
三十年零六个月 | months=366
断缴俩月 | months=2
空了四个多月 | months=4
还缺三年多 | months=36
两年半没交 | months=30
我今年52岁 | date=今年 age=52
五十三岁还能交吗 | age=53
我妈80周岁 | age=80
59岁半 | age=59
他50多岁 | age=50
四十五岁和六十岁 | age=45 age=60
工资三千五 | amount=3500
月薪1万2 | amount=12000
每月交800块 | amount=800
账户里有9.6万 | amount=96000
花了1.8万元 | amount=18000
扣了571.6元 | amount=571.6
扣我763块2 | amount=763.2
每单扣3毛钱 | amount=0.3
两千零八十够吗 | amount=2080
账户十万零五千 | amount=105000
花了十一万 | amount=110000
花了1万7千多 | amount=17000
拿三千八，我才2950元 | amount=3800 amount=2950
月薪13500 | amount=13500
工资八千 | amount=8000
要两万出头 | amount=20000
每年3000元，交20年 | amount=3000 months=240
打12333没人接 |
2026怎么算 |
工号33333 |
三四千吧 |
百万医疗要不要买 |
1976年8月生 | date=1976-08
1964年12月8日出生 | date=1964-12-08
1976-08出生 | date=1976-08
1970.5.1出生 | date=1970-05-01
76年8月生的 | date=1976-08
六九年五月生 | date=1969-05
七四年九月出生 | date=1974-09
一九七六年生 | date=1976
65年生的 | date=1965
2030年开始 | date=2030
1963年元月生 | date=1963-01
03年1月参加工作 | date=2003-01
2011年到2014年在外地 | date=2011年到2014年
上个月离职 | date=上个月
上个月15号去世 | date=上个月15号
去年9月辞职 | date=去年9月
明年3月退休 | date=明年3月
10月底停保 | date=10月底
12月25日之前 | date=12月25日
下周一入职 | date=下周一
下个礼拜天气好吗 | date=下个礼拜
星期天上班吗 | date=星期天
前天晚上丢的 | date=前天晚上
昨晚到账 | date=昨晚
月底辞职 | date=月底
上半年交的 | date=上半年
交了3个月底薪 | months=3
25号扣款 | date=25号
女，49岁 | sex=女 age=49
男的几岁退 | sex=男
女职工50岁退 | sex=女 age=50
男同志六十岁 | sex=男 age=60
女儿的社保 | insurance_type=社保
我女朋友 |
独生子女证 |
随女婿住 |
男，1964年12月8日出生，交了22年 | sex=男 date=1964-12-08 months=264
女，50岁，杭州，灵活就业，养老交了13年 | sex=女 age=50 city=杭州 person_group=灵活就业 insurance_type=养老 months=156
 |
""".strip("\n").splitlines()


@pytest.fixture(scope="module")
def finder() -> EntityFinder:
    return EntityFinder.of(read_training())


@pytest.mark.parametrize("row", TABLE)
def test_entities_are_found_in_their_normal_form(finder: EntityFinder, row: str) -> None:
    text, _, wanted = row.partition(" |")
    assert [f"{e.name}={e.value}" for e in finder.find(text)] == wanted.split()


def test_the_table_is_long_enough() -> None:
    assert len(TABLE) > 80
    assert len(set(TABLE)) == len(TABLE)


@given(
    st.text(
        alphabet="社保养老金杭州男女儿一二三十百千万零半年个月日号岁元块多0123456789.-到上下周天今明去 ，a", max_size=40
    )
)
def test_found_entities_lie_in_the_text_in_order_and_apart(text: str) -> None:
    found = FINDER.find(text)
    assert all(0 <= e.start < e.end <= len(text) and e.value for e in found)
    assert all(one.end <= other.start for one, other in zip(found, found[1:], strict=False))


FINDER = EntityFinder.of(read_training())


@pytest.mark.parametrize(
    "piece", ["1", "1.", "一", "十", "万", "1年", "年", "1月", "一千", "上", "1到", "社保", "3.5", "半", "一二三四五1"]
)
def test_a_long_monotonous_text_takes_no_long_time(piece: str) -> None:
    began = monotonic()
    FINDER.find((piece * 500)[:500])
    assert monotonic() - began < 0.5


def test_a_word_that_examples_seldom_mark_is_not_trusted() -> None:
    examples = (
        Example("单位不交", "a"),
        Example("单位没报", "a"),
        Example("我是单位", "a", (Entity("person_group", "单位", 2, 4),)),
        Example("我是会计", "a", (Entity("person_group", "会计", 2, 4),)),
    )
    finder = EntityFinder.of(TrainingData(examples))
    assert finder.find("单位的会计") == (Entity("person_group", "会计", 3, 5),)


def test_the_longest_word_wins() -> None:
    finder = EntityFinder.of(
        TrainingData((), {}, {"insurance_type": ("养老", "养老保险"), "person_group": ("职工养老",)})
    )
    assert [e.name for e in finder.find("职工养老保险")] == ["person_group"]
    assert finder.find("养老保险") == (Entity("insurance_type", "养老保险", 0, 4),)


def test_without_training_data_patterns_still_work() -> None:
    assert EntityFinder.of(TrainingData(())).find("交了3年，52岁") == (
        Entity("months", "36", 2, 4),
        Entity("age", "52", 5, 8),
    )


class TestAnotherEnginesEntities:
    """Joined with ours: ours are right more often, theirs fill the gaps."""

    def test_they_are_brought_to_our_normal_form(self, finder: EntityFinder) -> None:
        text = "我满五十了，老早来的"
        assert finder.complete([Entity("age", "五十", 2, 4)], text) == (Entity("age", "50", 2, 4),)

    def test_a_mention_of_ours_is_not_doubled(self, finder: EntityFinder) -> None:
        text = "交了三年半"
        assert finder.complete([Entity("months", "三年", 2, 4)], text) == (Entity("months", "42", 2, 5),)

    def test_places_and_insurances_come_from_the_tables_alone(self, finder: EntityFinder) -> None:
        text = "社保卡在哪里"
        assert finder.complete([Entity("insurance_type", "社保", 0, 2), Entity("city", "哪里", 4, 6)], text) == ()

    def test_a_number_that_cannot_be_read_is_left_out(self, finder: EntityFinder) -> None:
        assert finder.complete([Entity("amount", "三四千", 0, 3)], "三四千吧") == ()

    def test_a_synonym_is_replaced(self, finder: EntityFinder) -> None:
        assert finder.complete([Entity("person_group", "x", 2, 4)], "我是会计")[0].value == "单位"

    def test_offsets_outside_the_text_are_harmless(self, finder: EntityFinder) -> None:
        assert finder.complete([Entity("age", "9", 50, 60), Entity("sex", "男", 1, 1)], "您好") == ()


def test_entities_of_the_held_out_sentences_are_found(finder: EntityFinder) -> None:
    found = wanted = right = 0
    for example in read_training(TRAINING / "held_out").examples:
        marks = {(e.name, e.start, e.end) for e in example.entities}
        ours = {(e.name, e.start, e.end) for e in finder.find(example.text)}
        found, wanted, right = found + len(ours), wanted + len(marks), right + len(ours & marks)
    assert 2 * right / (found + wanted) > 0.95
