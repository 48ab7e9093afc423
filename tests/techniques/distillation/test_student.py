import pytest
import torch

from explorer.context import ModelSubject
from explorer.models.layers import parameter_count
from explorer.models.structure import load_torch, save_torch
from explorer.techniques.distillation.student import (
    DistillStudent,
    head_dimensions,
    kept_layers,
    residual_student,
    transformer_student,
)
from explorer.techniques.pruning.neurons import PruneNeurons
from tests.techniques.workbench import KINDS, Workbench, workbench


def student(bench: Workbench, kind: str, layers: float, width: float) -> tuple[torch.nn.Module, str]:
    build = residual_student if kind == "cnn" else transformer_student
    return build(bench.model, layers, width, bench.preprocessor.dummy(2, 16))


def test_kept_layers_are_spread_from_the_first() -> None:
    assert kept_layers(6, 0.5) == [0, 2, 4]
    assert kept_layers(6, 1.0) == [0, 1, 2, 3, 4, 5]
    assert kept_layers(12, 0.1) == [0]
    assert kept_layers(2, 0.1) == [0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_student_of_full_size_is_its_teacher(kind: str) -> None:
    bench = workbench(kind)
    twin, _ = student(bench, kind, 1.0, 1.0)
    assert torch.equal(bench.logits(twin), bench.logits(bench.model))


@pytest.mark.parametrize("kind", KINDS)
def test_both_sliders_make_it_smaller(kind: str) -> None:
    bench = workbench(kind)
    full, fewer, narrower, both = (
        parameter_count(student(bench, kind, layers, width)[0])
        for layers, width in ((1.0, 1.0), (0.5, 1.0), (1.0, 0.5), (0.5, 0.5))
    )
    assert both < min(fewer, narrower) and max(fewer, narrower) < full


def test_weights_come_from_the_teachers_layers() -> None:
    bench = workbench("bert")
    short, _ = student(bench, "bert", 0.5, 1.0)
    teacher_layer = bench.model.bert.encoder.layer[0].output.dense.weight
    assert torch.equal(short.bert.encoder.layer[0].output.dense.weight, teacher_layer)
    assert torch.equal(short.classifier.weight, bench.model.classifier.weight)


def test_the_strongest_head_is_kept() -> None:
    bench = workbench("bert")
    with torch.no_grad():
        for layer in bench.model.bert.encoder.layer:
            layer.attention.self.value.weight[8:16] *= 50
    assert head_dimensions(bench.model, 16, 2, 1).tolist() == list(range(8, 16))
    narrow, _ = student(bench, "bert", 1.0, 0.5)
    expected = bench.model.bert.encoder.layer[1].attention.self.value.weight[8:, 8:]
    assert torch.equal(narrow.bert.encoder.layer[1].attention.self.value.weight, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_student_of_a_student_is_cut_from_what_is_there(kind: str, tmp_path) -> None:
    """The second time from the narrowed model: at full size it is its teacher, and both sliders still cut."""
    bench = workbench(kind)
    bench.model, _ = student(bench, kind, 1.0, 0.5)
    twin, _ = student(bench, kind, 1.0, 1.0)
    assert torch.equal(bench.logits(twin), bench.logits(bench.model))
    smaller, words = student(bench, kind, 0.5, 0.5)
    assert parameter_count(smaller) < parameter_count(bench.model) and words
    save_torch(smaller, tmp_path)
    assert torch.equal(bench.logits(load_torch(tmp_path)), bench.logits(smaller))


def test_a_student_of_a_cnn_whose_channels_were_pruned_unevenly() -> None:
    bench = workbench("cnn")
    PruneNeurons(sparsity=0.4, scope="global", importance="random", round_to=1).apply(
        subject := ModelSubject(bench.model, bench.preprocessor), bench.context(seed=2)
    )
    bench.model = subject.model
    twin, _ = student(bench, "cnn", 1.0, 1.0)
    assert torch.equal(bench.logits(twin), bench.logits(bench.model))
    fewer, _ = student(bench, "cnn", 0.5, 1.0)
    kept = bench.model.resnet.encoder.stages[1].layers[0].layer[0].convolution.weight
    assert torch.equal(fewer.resnet.encoder.stages[1].layers[0].layer[0].convolution.weight, kept)


def test_a_recipe_with_two_students_runs(quick_learning) -> None:
    for kind in ("bert", "cnn"):
        bench = workbench(kind)
        subject = bench.subject()
        for _ in range(2):
            DistillStudent(layers=0.5, width=0.5, epochs=0.5).apply(subject, bench.context())
        assert bench.logits(subject.model).isfinite().all()


def test_alpha_weighs_the_teacher_against_the_labels(quick_learning) -> None:
    shares = []
    for alpha in (0.0, 1.0):
        bench = workbench("bert")
        subject = bench.subject()
        with torch.no_grad():  # a teacher that is sure of one answer, whatever the labels say
            bench.model.classifier.weight.zero_()
            bench.model.classifier.bias.copy_(torch.tensor([9.0, -9.0]))
        DistillStudent(layers=0.5, epochs=20, alpha=alpha).apply(subject, bench.context())
        shares.append(float(bench.logits(subject.model, 32).softmax(1)[:, 0].mean()))
    assert shares[0] < 0.7 and shares[1] > 0.9
