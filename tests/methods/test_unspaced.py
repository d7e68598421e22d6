"""Texts of scripts without spaces: rules and judges that count words know them by their characters."""

import random
from collections.abc import Sequence

import numpy as np
import pytest

from gotd.choice.near_copies import NearCopies
from gotd.methods.base import TextProblem
from gotd.methods.cross_entropy import CrossEntropy, CrossEntropyOptions
from gotd.methods.dsir import Dsir, DsirOptions
from gotd.overlap import Sharing
from gotd.probing.units import copies

MEDICINE = "患者 临床 治疗 药物 症状 医院 医生 诊断 手术 血压 心脏 病毒 感染 疫苗 剂量 细胞 肿瘤 检查 护理 康复".split()
MARKETS = "市场 股票 投资 银行 利率 经济 增长 公司 收入 利润 债券 汇率 贸易 价格 风险 基金 政策 消费 企业 资本".split()
COMMON = "的 是 在 和 了 我们 他们 可以 因为 所以 但是 非常 已经 没有 这个 那个 一些 许多 进行 提高".split()


def documents(subject: Sequence[str], count: int, seed: int) -> list[str]:
    """Clauses of ten words without a space; no clause occurs twice."""
    source = random.Random(seed)
    return ["。".join("".join(source.choice(source.choice((subject, COMMON))) for _ in range(10)) for _ in range(8))
            for _ in range(count)]


@pytest.mark.parametrize("rule", [Dsir(DsirOptions(min_words=1)), CrossEntropy(CrossEntropyOptions())])
def test_a_rule_of_words_chooses_the_targets_subject(rule: Dsir | CrossEntropy) -> None:
    pool = documents(MEDICINE, 40, 0) + documents(MARKETS, 160, 1)
    fitted = rule.fit(TextProblem([documents(MEDICINE, 30, 2)], [pool], 1))
    scores = rule.scorer(fitted.arrays, fitted.summary, 1).scores(pool)
    assert set(np.argsort(-scores)[:40]) == set(range(40))


def test_copies_with_another_beginning_are_near_copies() -> None:
    one, other = documents(MEDICINE, 2, 3)
    assert copies([one, other, f"转载 {one}"]).tolist() == [0, 1, 0]
    near = NearCopies(0.8)
    assert [near.add(text) for text in (one, other, f"转载 {one}")] == [True, True, False]


def test_texts_whose_vowel_signs_differ_are_no_copies() -> None:
    assert copies(["राम की किताब", "राम, की किताब!", "राम के किताब", "राम को किताब"]).tolist() == [0, 0, 1, 2]


def test_a_text_that_holds_a_held_out_one_shares_it() -> None:
    one, other = documents(MARKETS, 2, 4)
    pool = [f"据报道{one}", other]
    assert Sharing([one])(pool).tolist() == [True, False]
