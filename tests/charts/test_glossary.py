"""Drawings of words show what the words say."""

from __future__ import annotations

import numpy as np
import pytest

from explorer import pareto
from explorer.charts import glossary
from explorer.charts.glossary import WORDS, glossary_figure, words, words_of
from explorer.technique import techniques
from explorer.texts import texts_of


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", WORDS)
def test_every_word_is_drawn_and_told(name, theme):
    figure = glossary_figure(name, theme)
    assert figure.data and figure.layout.title.text
    said = words(name)
    assert said.title and said.text.endswith(".") and said.alt.endswith(".")


def test_every_text_belongs_to_a_word():
    told = {key.split(".")[1] for key in texts_of("en") if key.startswith("glossary.") and key.endswith(".text")}
    assert told == set(WORDS)


def test_dominated_examples_have_one_that_beats_them():
    kept = glossary.front_of_examples()
    for point in glossary.VARIANTS:
        beaten = any(pareto.dominates(other, point, (False, True)) for other in glossary.VARIANTS)
        assert beaten == (point not in kept)
    assert 3 <= len(kept) < len(glossary.VARIANTS)
    assert pareto.knee(kept, (False, True)) not in (None, 0, len(kept) - 1)


def test_single_weights_become_zero_and_columns_go():
    matrix = glossary.weights(6, 10)
    single, whole = glossary.without_smallest(matrix), glossary.without_columns(matrix)
    assert single.shape == matrix.shape and (single == 0).sum() == 30
    assert np.abs(matrix[single == 0]).max() < np.abs(matrix[single != 0]).min()
    assert whole.shape == (6, 5) and (whole != 0).all()
    norms = np.linalg.norm(matrix, axis=0)
    assert np.linalg.norm(whole, axis=0).min() >= np.sort(norms)[5] - 1e-12


def test_two_of_each_four_stay():
    matrix = glossary.weights(5, 12)
    kept = glossary.two_of_four(matrix)
    for before, after in zip(matrix.reshape(-1, 4), kept.reshape(-1, 4), strict=True):
        assert (after != 0).sum() == 2
        assert np.abs(before[after != 0]).min() > np.abs(before[after == 0]).max()


def test_rounding_is_to_the_nearest_step():
    values, step = np.array([0.9, -0.31, 0.1, 0.0]), 0.3
    found, distance = glossary.rounded(values)
    assert distance == pytest.approx(step)
    assert found == pytest.approx([0.9, -0.3, 0.0, 0.0])


def test_a_step_for_each_group_rounds_better():
    small, large = 0.3 * glossary.weights(1, 8)[0], glossary.weights(2, 8)[1]
    together = glossary.rounded(np.concatenate([small, large]))[0][:8]
    assert np.abs(small - glossary.rounded(small)[0]).mean() < np.abs(small - together).mean() / 2


def test_softmax_by_hand():
    shares = glossary.softmax((np.log(3.0), 0.0), 1.0)
    assert shares == pytest.approx([0.75, 0.25])
    hard, soft = (glossary.softmax(glossary.LOGITS, heat) for heat in (1.0, glossary.SOFT))
    assert hard[0] > 0.9 and soft[0] < 0.6 and soft.sum() == pytest.approx(1)
    assert list(np.argsort(hard)) == list(np.argsort(soft))


def test_one_example_is_within_noise_and_its_interval_holds_zero():
    found = [glossary.difference(*flips) for flips in glossary.FLIPS.values()]
    assert [noise for *_, noise in found] == [False, True]
    (real, real_low, real_high, _), (close, low, high, _) = found
    assert real == pytest.approx(-4.0) and real_low < real < real_high < 0
    assert close == pytest.approx(-0.4) and low < 0 < high


def test_quantiles_of_the_latency():
    assert glossary.latency_quantile(0.5) == pytest.approx(5.0)
    assert glossary.latency_quantile(0.95) == pytest.approx(5.0 * np.exp(0.35 * 1.6448536))
    tail = next(trace for trace in glossary_figure("latency").data if trace.fill == "tozeroy")
    assert min(tail.x) >= glossary.latency_quantile(0.95)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("prune-magnitude", ("structure",)),
        ("prune-heads", ("structure",)),
        ("prune-n-m", ("n_of_m",)),
        ("weight-bits", ("groups",)),
        ("quantization-aware-training", ("groups", "temperature")),
        ("distill-student", ("temperature",)),
        ("int8-dynamic", ()),
    ],
)
def test_a_technique_names_its_words_by_its_declaration(name, expected):
    assert words_of(techniques()[name]) == expected
