"""Texts in scripts without spaces are counted by their characters."""

import itertools
import random

import pandas as pd
import pytest

from reprotune.data.duplicates import near_duplicate_groups
from reprotune.data.judges import Asked, judge_labels
from reprotune.evaluation.baselines import tfidf
from reprotune.evaluation.slices import find_topics
from reprotune.project.scripts import choose_units

SUBJECTS = "公司 银行 集团 市场 工厂 商店 机场 铁路 电厂 港口".split()
WHAT = "利润 销售额 订单 产量 股价 出口 收入 需求 库存 成本".split()
VERBS = {
    "down": "下跌 减少 降低 缩小 恶化 亏损".split(),
    "flat": "持平 稳定 不变 维持 相当 平稳".split(),
    "up": "上涨 增长 提高 扩大 改善 回升".split(),
}
TAIL = (
    "分析师 认为 主要 因为 原材料 价格 政策 天气 汇率 投资者 预期 新的 项目 国内 海外 客户".split()
)
CLASSES = list(VERBS)


def write_news(count: int, seed: int) -> pd.DataFrame:
    """Chinese headlines that only their verb tells apart."""
    draw = random.Random(seed)
    rows = []
    for label in itertools.islice(itertools.cycle(CLASSES), count):
        parts = [draw.choice(SUBJECTS), draw.choice(WHAT), draw.choice(VERBS[label])]
        rows.append(("".join([*parts, "，", *draw.choices(TAIL, k=8), "。"]), label))
    return pd.DataFrame(rows, columns=["text", "label"])


@pytest.mark.parametrize(("units", "found"), [("words", 0), ("characters", 100)])
def test_near_duplicates_are_found_by_characters(units: str, found: int) -> None:
    texts, draw = write_news(300, seed=1)["text"].tolist(), random.Random(2)
    edited = [text[: (at := draw.randrange(20))] + "的" + text[at:] for text in texts[:100]]
    groups = near_duplicate_groups([*texts, *edited], 0.8, 1, units)
    assert sum(groups[n] == groups[300 + n] for n in range(100)) == found
    assert len(set(groups[:300])) == 300  # others are apart


@pytest.mark.parametrize(("units", "low", "high"), [("words", 0, 0.5), ("characters", 0.9, 1)])
def test_tfidf_and_the_judge_of_labels_read_characters(units: str, low: float, high: float) -> None:
    train, test = write_news(240, seed=3), write_news(90, seed=4)
    shares = tfidf(train, test["text"], CLASSES, 2, 3, 1, units)
    right = pd.Series(CLASSES).to_numpy()[shares.argmax(axis=1)] == test["label"]
    assert low <= right.mean() <= high
    rows = train.assign(group=range(len(train)), role="train")
    codes = pd.Categorical(train["label"], categories=CLASSES).codes
    said = judge_labels(rows, codes, Asked(3, 1, units)).probability
    judged = said.argmax(axis=1) == codes
    assert low <= judged.mean() <= high


def test_topics_are_found_and_named_by_characters() -> None:
    named = set(find_topics(write_news(90, seed=5)["text"], 1, "characters"))
    parts = [part for name in named for part in name.split(", ")]
    assert len(named) > 1 and {len(part) for part in parts} == {2}


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("公司利润今年上涨，分析师认为主要因为价格。", "characters"),
        ("好评", "characters"),
        ("会社の利益は今年増加した。", "characters"),
        ("บริษัทมีกำไรเพิ่มขึ้นในปีนี้ นักวิเคราะห์คาดการณ์ไว้", "characters"),
        ("公司 利润 今年 上涨 ， 分析师 认为", "words"),
        ("회사의 이익이 올해 늘었다.", "words"),
        ("Le bénéfice de 公司 a augmenté", "words"),
        ("कंपनी का मुनाफा बढ़ा", "words"),
        ("5 %", "words"),
    ],
)
def test_what_texts_are_counted_in_is_told_by_their_letters(text: str, units: str) -> None:
    assert choose_units(pd.Series([text] * 3)) == units


def test_some_texts_without_spaces_among_many_others_change_nothing() -> None:
    texts = pd.Series(["公司利润今年上涨"] * 10 + ["profit rose this year"] * 90)
    assert choose_units(texts) == "words"
