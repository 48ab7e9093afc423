from pathlib import Path

import numpy as np
import pytest
from sklearn.cluster import KMeans

from explorer import deploy
from explorer.measure.runners.onnx_runtime import optimized_graph
from explorer.measure.size import measure_size
from explorer.measure.targets import targets
from explorer.measure.weights import weights
from explorer.techniques.sharing.cluster import ClusterWeights, clustered, kmeans, stored_width
from tests.techniques.workbench import KINDS, run_onnx, workbench


def values(n: int = 3_000) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(n).astype(np.float32)


@pytest.mark.parametrize("count", [2, 4, 8])
def test_clusters_are_those_of_scikit_learn_from_the_same_start(count: int) -> None:
    ordered = np.sort(values()).astype(np.float64)
    start = np.linspace(-2.0, 2.0, count)
    theirs = KMeans(count, init=start[:, None], n_init=1, max_iter=1_000, tol=0, algorithm="lloyd").fit(
        ordered[:, None]
    )
    ours = kmeans(ordered, start, 1_000)
    assert np.allclose(ours, np.sort(theirs.cluster_centers_[:, 0]), atol=1e-6)
    inertia = float(((ordered[:, None] - ours) ** 2).min(axis=1).sum())
    assert inertia == pytest.approx(theirs.inertia_, rel=1e-6)


def test_every_value_gets_the_nearest_of_its_palette() -> None:
    weights_ = values().reshape(50, 60)
    palette, codes = clustered(weights_, 16)
    assert 14 <= len(palette) <= 16 and codes.shape == weights_.shape and codes.dtype == np.uint8
    assert set(np.unique(codes)) == set(range(len(palette)))
    nearest = np.abs(weights_[..., None] - palette).argmin(axis=-1)
    assert (np.abs(palette[codes] - weights_) <= np.abs(palette[nearest] - weights_) + 1e-6).all()


def test_as_many_places_as_values_is_the_identity() -> None:
    few = np.array([-1.5, -0.5, 0.5, 1.5], np.float32)
    table = np.random.default_rng(0).choice(few, (20, 30))
    palette, codes = clustered(table, 4)
    assert np.array_equal(palette[codes], table)


def test_zeros_of_a_pruned_layer_stay_zero_and_nothing_else_becomes_zero() -> None:
    pruned = values()
    pruned[np.abs(pruned) < 0.7] = 0
    palette, codes = clustered(pruned, 4)
    assert np.array_equal(palette[codes] == 0, pruned == 0)
    palette, codes = clustered(np.zeros((3, 3), np.float32), 4)
    assert (palette[codes] == 0).all()


def test_a_layer_too_small_for_its_palette_stays_in_float() -> None:
    bench = workbench("bert")
    subject, context = bench.graph(), bench.context()
    ClusterWeights(bits=8).apply(subject, context)
    left = [tensor.name for tensor in list(deploy.weights(subject.graph).values())[:-1]]
    assert left == ["bert.embeddings.token_type_embeddings.weight"] or len(left) > 1
    assert (
        f"{len(left)} small layers stay in float, since their palette would take more than it saves." in context.notes
    )
    stored = [one for one in weights(subject.graph) if one.name.endswith("_codes")]
    assert stored and context.figures["weights"] == sum(one.parameters for one in stored)


@pytest.mark.parametrize("kind", KINDS)
def test_eight_bits_answer_as_floats_do(kind: str) -> None:
    bench = workbench(kind)
    subject = bench.graph()
    exact = run_onnx(subject.graph, bench.tensors(32))
    ClusterWeights(bits=8).apply(subject, bench.context())
    assert np.abs(run_onnx(subject.graph, bench.tensors(32)) - exact).mean() < 0.1 * np.abs(exact).mean()


@pytest.mark.parametrize("bits", [8, 5, 4, 3, 2, 1])
def test_the_file_is_as_small_as_claimed_and_counts_the_same_parameters(bits: int, tmp_path: Path) -> None:
    bench = workbench("cnn")
    subject = bench.graph()
    deploy.save_graph(subject.graph, tmp_path / "before.onnx")
    before = {one.name: one for one in weights(subject.graph)}
    clusterable = [tensor.name for tensor in list(deploy.weights(subject.graph).values())[:-1]]
    ClusterWeights(bits=bits).apply(subject, bench.context())
    after = {one.name: one for one in weights(subject.graph)}
    for name in clusterable:
        count = before[name].parameters
        stored = after[f"{name}_codes"]
        assert stored.parameters == count and stored.stored_bytes == -(-count * stored_width(bits) // 8)
    assert sum(one.parameters for one in after.values()) == sum(one.parameters for one in before.values())
    deploy.save_graph(subject.graph, tmp_path / "after.onnx")
    old, new = measure_size(tmp_path / "before.onnx"), measure_size(tmp_path / "after.onnx")
    saved = sum(4 * before[name].parameters for name in clusterable) * (1 - stored_width(bits) / 32)
    palettes = len(clusterable) * (4 * 2**bits + 600)  # each with two nodes and names
    assert old.file_bytes - new.file_bytes > saved - palettes


def test_onnxruntime_makes_floats_of_it_when_it_loads(tmp_path: Path) -> None:
    bench = workbench("bert")
    subject = bench.graph()
    embeddings = {one.name for one in weights(subject.graph) if one.embedding}
    ClusterWeights(bits=4).apply(subject, bench.context())
    assert {one.name for one in weights(subject.graph) if one.embedding} == {f"{name}_codes" for name in embeddings}
    deploy.save_graph(subject.graph, tmp_path / "model.onnx")
    made = optimized_graph(tmp_path / "model.onnx", targets()["cpu-onnxruntime"])
    assert not any("/Palette" in node.name or "_codes" in name for node in made.graph.node for name in node.input)


def test_embeddings_follow_their_switch() -> None:
    bench = workbench("bert")
    for asked in (False, True):
        subject, step = bench.graph(), ClusterWeights(embeddings=asked)
        step.apply(subject, bench.context())
        left = [t.name for t in deploy.weights(subject.graph).values() if "embeddings" in t.name]
        assert bool(left) is not asked
        assert step.encodes == ({"layers", "embeddings"} if asked else {"layers"})
