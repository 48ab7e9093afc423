"""Drawings of words show what the words say."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from explorer import pareto
from explorer.charts.glossary import WORDS, examples, glossary_figure, words, words_of
from explorer.technique import techniques
from explorer.techniques.sharing.layers import layer_groups
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
    kept = examples.front_of_examples()
    for point in examples.VARIANTS:
        beaten = any(pareto.dominates(other, point, (False, True)) for other in examples.VARIANTS)
        assert beaten == (point not in kept)
    assert 3 <= len(kept) < len(examples.VARIANTS)
    assert pareto.knee(kept, (False, True)) not in (None, 0, len(kept) - 1)


def test_single_weights_become_zero_and_columns_go():
    matrix = examples.weights(6, 10)
    single, whole = examples.without_smallest(matrix), examples.without_columns(matrix)
    assert single.shape == matrix.shape and (single == 0).sum() == 30
    assert np.abs(matrix[single == 0]).max() < np.abs(matrix[single != 0]).min()
    assert whole.shape == (6, 5) and (whole != 0).all()
    norms = np.linalg.norm(matrix, axis=0)
    assert np.linalg.norm(whole, axis=0).min() >= np.sort(norms)[5] - 1e-12


def test_two_of_each_four_stay():
    matrix = examples.weights(5, 12)
    kept = examples.two_of_four(matrix)
    for before, after in zip(matrix.reshape(-1, 4), kept.reshape(-1, 4), strict=True):
        assert (after != 0).sum() == 2
        assert np.abs(before[after != 0]).min() > np.abs(before[after == 0]).max()


def test_rounding_is_to_the_nearest_step():
    values, step = np.array([0.9, -0.31, 0.1, 0.0]), 0.3
    found, distance = examples.rounded(values)
    assert distance == pytest.approx(step)
    assert found == pytest.approx([0.9, -0.3, 0.0, 0.0])


def test_a_step_for_each_group_rounds_better():
    small, large = 0.3 * examples.weights(1, 8)[0], examples.weights(2, 8)[1]
    together = examples.rounded(np.concatenate([small, large]))[0][:8]
    assert np.abs(small - examples.rounded(small)[0]).mean() < np.abs(small - together).mean() / 2


def test_softmax_by_hand():
    shares = examples.softmax((np.log(3.0), 0.0), 1.0)
    assert shares == pytest.approx([0.75, 0.25])
    hard, soft = (examples.softmax(examples.LOGITS, heat) for heat in (1.0, examples.SOFT))
    assert hard[0] > 0.9 and soft[0] < 0.6 and soft.sum() == pytest.approx(1)
    assert list(np.argsort(hard)) == list(np.argsort(soft))


def test_one_example_is_within_noise_and_its_interval_holds_zero():
    found = [examples.difference(*flips) for flips in examples.FLIPS.values()]
    assert [noise for *_, noise in found] == [False, True]
    (real, real_low, real_high, _), (close, low, high, _) = found
    assert real == pytest.approx(-4.0) and real_low < real < real_high < 0
    assert close == pytest.approx(-0.4) and low < 0 < high


def test_quantiles_of_the_latency():
    assert examples.latency_quantile(0.5) == pytest.approx(5.0)
    assert examples.latency_quantile(0.95) == pytest.approx(5.0 * np.exp(0.35 * 1.6448536))
    tail = next(trace for trace in glossary_figure("latency").data if trace.fill == "tozeroy")
    assert min(tail.x) >= examples.latency_quantile(0.95)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("prune-magnitude", ("structure", "calibration_data")),
        ("prune-gradual", ("structure",)),
        ("prune-n-m", ("n_of_m", "calibration_data")),
        ("low-rank", ("low_rank", "calibration_data")),
        ("factorize-embeddings", ("low_rank",)),
        ("cluster-weights", ("palette",)),
        ("weight-bits", ("groups", "calibration_data")),
        ("quantization-aware-training", ("groups", "temperature", "alpha")),
        ("distill-student", ("temperature", "alpha")),
        ("int8-dynamic", ("calibration_data",)),
        ("half-precision", ("half_floats",)),
        ("sparse-training", ("structure",)),
        ("share-layers", ("shared_layers",)),
        ("optimize-graph", ("fusion",)),
    ],
)
def test_a_technique_names_its_words_by_its_declaration(name, expected):
    assert words_of(techniques()[name]) == expected


def test_no_technique_is_without_a_drawing():
    assert [name for name, technique in techniques().items() if not words_of(technique)] == []


def test_the_sets_of_shared_layers_are_those_of_the_technique():
    for names, pattern in zip(examples.SHARED, ("sequence", "cycle"), strict=True):
        groups = [[at for at, name in enumerate(names) if name == one] for one in sorted(set(names))]
        assert groups == layer_groups(len(names), 0.5, pattern)


def test_fused_operators_compute_the_same_with_fewer_reads_and_writes():
    apart, fused = "".join(examples.APART), "".join(examples.FUSED)
    assert [one for one in apart if one.isdigit()] == [one for one in fused if one.isdigit()]
    assert (apart.count("r"), apart.count("w"), fused.count("r"), fused.count("w")) == (3, 3, 1, 1)


def test_the_formats_have_as_many_bits_as_their_makers_say():
    known = {"fp32": np.finfo(np.float32), "fp16": np.finfo(np.float16), "bf16": ml_dtypes.finfo(ml_dtypes.bfloat16)}
    assert {name: (known[name].nexp, known[name].nmant) for name in examples.FORMATS} == examples.FORMATS


def test_the_rare_class_draws_macro_f1_below_the_accuracy():
    scores, mean = examples.f1_of_classes()
    confusion = np.array(examples.ANSWERS)
    assert scores[0] == pytest.approx(100 * 2 * 90 / (100 + 99)) and mean == pytest.approx(scores.mean())
    assert scores[2] == scores.min() and mean < 100 * np.trace(confusion) / confusion.sum()


def test_the_calibration_error_is_the_mean_length_of_the_bars():
    gaps = [abs(share * count - hits) for share, count, hits in examples.CONFIDENT]
    inputs = sum(count for _, count, _ in examples.CONFIDENT)
    assert examples.calibration_of_answers() == pytest.approx(100 * sum(gaps) / inputs)


def test_each_word_takes_all_it_takes_from_the_words():
    for head in range(len(examples.ATTENTION)):
        shares = examples.attention(head)
        assert shares.sum(axis=1) == pytest.approx(1)
        assert list(shares.argmax(axis=1)) == [at for _, at in examples.ATTENTION[head]]
    for code in texts_of("en"), texts_of("zh"):
        assert len(code["glossary.heads.words"].split()) == len(examples.ATTENTION[0])


def test_more_inputs_shorten_the_interval():
    (trace,) = glossary_figure("wilson").data
    lengths = np.add(trace.error_x.array, trace.error_x.arrayminus)
    assert list(lengths) == sorted(lengths, reverse=True)


def test_two_thin_matrices_come_as_close_as_two_can():
    matrix = examples.weights(8, 8)
    left, right = examples.thin_pair(matrix, 2)
    sizes = np.linalg.svd(matrix, compute_uv=False)
    assert (left.shape, right.shape) == ((8, 2), (2, 8))
    assert np.square(matrix - left @ right).sum() == pytest.approx(np.square(sizes[2:]).sum())


def test_each_weight_has_the_nearest_value_of_the_palette():
    values = examples.weights(1, 24)[0]
    centres, found = examples.palette(values, examples.PALETTE)
    assert sorted(set(found)) == pytest.approx(sorted(centres)) and len(centres) == 4
    assert np.abs(values - found) == pytest.approx(np.abs(values[:, None] - centres).min(axis=1))
    for centre in centres:
        assert values[found == centre].mean() == pytest.approx(centre), "k-means has come to rest"


def test_the_elbow_is_that_of_sweeps_and_the_ridge_parts_the_layers():
    figure = glossary_figure("elbow")
    assert (figure.data[-1].x, figure.data[-1].y) == ((60,), (78.4,))
    waits, computes = examples.LAYERS
    assert examples.attainable_gflops(waits) == waits * examples.BANDWIDTH_GB_S < examples.PEAK_GFLOPS
    assert examples.attainable_gflops(computes) == examples.PEAK_GFLOPS


def test_parallel_lines_cross_each_axis_at_their_values():
    lines = [trace for trace in glossary_figure("parallel").data if len(trace.x) == 3]
    assert len(lines) == len(examples.LINES)
    assert (lines[0].y[0], lines[0].y[1], lines[0].y[2]) == (0, 1, 1)
