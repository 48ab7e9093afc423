from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch.nn import functional

from explorer import deploy
from explorer.context import GraphSubject
from explorer.errors import BadInput
from explorer.measure.weights import weights
from explorer.models.structure import load_torch, save_torch
from explorer.recipe import Recipe
from explorer.techniques.factorization.low_rank import LowRank
from explorer.techniques.pruning.magnitude import PruneMagnitude
from explorer.techniques.quantization.aware_training import QuantizationAwareTraining
from explorer.techniques.quantization.weight_bits import WeightBits
from explorer.training import evaluate
from explorer.training.fake_quantization import QuantizedLesson
from tests.techniques.workbench import KINDS, Workbench, run_onnx, workbench

SHORT = {"epochs": 0.3, "distill": False}


def trained(bench: Workbench, **settings: object) -> tuple[torch.nn.Module, GraphSubject]:
    """The model and the graph that stores it."""
    step, subject = QuantizationAwareTraining(**{**SHORT, **settings}), bench.subject()
    step.apply(subject, bench.context())
    graph = GraphSubject(deploy.export(subject.model, bench.preprocessor))
    step.finish(graph, bench.context())
    return subject.model, graph


def in_float(graph: onnx.ModelProto, tensors: dict[str, np.ndarray]) -> np.ndarray:
    """Logits where ONNX Runtime does not round activations to 8 bits in front of DequantizeLinear and MatMul."""
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
    return onnxruntime.InferenceSession(graph.SerializeToString(), options).run(["logits"], tensors)[0]


@pytest.mark.parametrize(
    "settings", [{"bits": 8}, {"bits": 4}, {"bits": 3}, {"bits": 2}, {"bits": 4, "granularity": "channel"}], ids=str
)
@pytest.mark.parametrize("kind", KINDS)
def test_the_file_stores_exactly_what_was_trained(kind: str, settings: dict[str, object], tmp_path: Path) -> None:
    bench = workbench(kind)
    model, subject = trained(bench, **settings)
    exact = bench.logits(model).numpy()
    assert np.abs(in_float(subject.graph, bench.tensors()) - exact).max() < 1e-4 * np.abs(exact).max()
    float_left = [name for name in deploy.weights(subject.graph) if "classifier" not in name]
    assert float_left == [], "every layer but the head is stored in few bits"
    deploy.save_graph(subject.graph, tmp_path / "model.onnx")


@pytest.mark.parametrize("kind", ["bert", "vit"])
def test_integer_products_answer_as_their_simulation(kind: str) -> None:
    bench = workbench(kind)
    step, subject = QuantizationAwareTraining(**SHORT, activations="int8"), bench.subject()
    step.apply(subject, bench.context())
    graph = GraphSubject(deploy.export(subject.model, bench.preprocessor))
    step.finish(graph, bench.context())
    counts = Counter(node.op_type for node in graph.graph.graph.node)
    linears = sum(isinstance(module, torch.nn.Linear) for module in subject.model.modules()) - 1
    assert counts["MatMulInteger"] == linears
    names = [name for name, m in subject.model.named_modules() if isinstance(m, torch.nn.Linear)][:-1]
    lesson = QuantizedLesson({}, names)
    lesson.simulate(subject.model)
    simulated = bench.logits(subject.model).numpy()
    lesson.remove(subject.model)
    stored, plain = run_onnx(graph.graph, bench.tensors()), bench.logits(subject.model).numpy()
    assert np.abs(stored - simulated).mean() < 0.3 * np.abs(stored - plain).mean()
    assert np.abs(stored - simulated).max() < 0.02 * np.abs(simulated).max()


def test_integer_products_need_linear_layers() -> None:
    bench = workbench("cnn")
    with pytest.raises(BadInput, match="none besides its head"):
        QuantizationAwareTraining(activations="int8").apply(bench.subject(), bench.context())


@pytest.mark.usefixtures("quick_learning")
def test_two_bits_lose_less_when_trained_with() -> None:
    bench = workbench("vit")
    train = bench.task.splits["train"]
    subject, rounded = bench.subject(), bench.graph()
    step = QuantizationAwareTraining(bits=2, group_size=16, epochs=4, distill=False, learning_rate="usual")
    step.apply(subject, bench.context())
    WeightBits(bits=2, group_size=16).apply(rounded, bench.context())
    afterwards = torch.from_numpy(run_onnx(rounded.graph, bench.preprocessor.encode(train.inputs)))
    learned = torch.from_numpy(evaluate(subject.model, train, bench.preprocessor))
    labels = torch.from_numpy(train.labels)
    assert functional.cross_entropy(learned, labels) < 0.5 * functional.cross_entropy(afterwards, labels)


def test_zeros_and_thin_layers_stay(tmp_path: Path) -> None:
    bench = workbench("vit")
    subject = bench.subject()
    LowRank(rank=0.25).apply(subject, bench.context())
    PruneMagnitude(sparsity=0.5).apply(subject, bench.context())
    before = subject.keep_zeros()
    step = QuantizationAwareTraining(**SHORT, bits=8, group_size=16)
    step.apply(subject, bench.context())
    parameters = dict(subject.model.named_parameters())
    assert before and all((parameters[name][~mask] == 0).all() for name, mask in before.items())
    save_torch(subject.model, tmp_path)
    reloaded = load_torch(tmp_path)
    assert torch.equal(bench.logits(reloaded), bench.logits(subject.model))
    graph = GraphSubject(deploy.export(reloaded, bench.preprocessor))
    step.finish(graph, bench.context())
    stored = {one.name.removesuffix("_q"): one.nonzero for one in weights(graph.graph) if one.name.endswith("_q")}
    assert stored == {name: int((parameters[name] != 0).sum()) for name in before}


def test_embeddings_follow_their_switch() -> None:
    bench = workbench("bert")
    for asked in (False, True):
        model, subject = trained(bench, embeddings=asked, bits=8)
        left = [t.name for t in deploy.weights(subject.graph).values() if "embeddings" in t.name]
        assert bool(left) is not asked
        words = model.bert.embeddings.word_embeddings.weight
        assert torch.equal(words, bench.model.bert.embeddings.word_embeddings.weight) is not asked


def test_the_finish_leaves_float_what_was_not_trained_for() -> None:
    bench = workbench("vit")
    subject, context = bench.graph(), bench.context()
    exact = run_onnx(subject.graph, bench.tensors())
    QuantizationAwareTraining(bits=4).finish(subject, context)
    assert np.array_equal(run_onnx(subject.graph, bench.tensors()), exact)
    assert "0 weights are stored in 4 bits as they were trained; 13 weights" in context.notes[0]


@pytest.mark.parametrize("later", ["fine-tune", "weight-bits", "int8-dynamic", "low-rank"])
def test_what_would_undo_it_is_refused(later: str) -> None:
    steps = [{"technique": "quantization-aware-training"}, {"technique": later}]
    with pytest.raises(BadInput, match="cannot come after 'quantization-aware-training'"):
        Recipe.parse({"model": "vit-digits", "steps": steps})
