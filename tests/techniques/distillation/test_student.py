import pytest
import torch

from explorer.context import ModelSubject
from explorer.errors import BadInput
from explorer.models.layers import parameter_count
from explorer.models.structure import load_torch, save_torch
from explorer.techniques.distillation.student import (
    DistillStudent,
    Size,
    head_dimensions,
    kept_layers,
    residual_student,
    student_of,
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


def test_layers_can_be_the_first_or_the_last() -> None:
    assert kept_layers(6, 0.5, "first") == [0, 1, 2]
    assert kept_layers(6, 0.5, "last") == [3, 4, 5]
    bench = workbench("bert")
    last, _ = transformer_student(bench.model, 0.5, 1.0, {}, "last")
    expected = bench.model.bert.encoder.layer[1].output.dense.weight
    assert torch.equal(last.bert.encoder.layer[0].output.dense.weight, expected)


def test_the_first_block_of_a_stage_always_stays() -> None:
    bench = workbench("cnn")
    last, _ = residual_student(bench.model, 0.5, 1.0, {}, "last")
    for stage, old in zip(last.resnet.encoder.stages, bench.model.resnet.encoder.stages, strict=True):
        assert len(stage.layers) == 1
        assert torch.equal(stage.layers[0].layer[0].convolution.weight, old.layers[0].layer[0].convolution.weight)


@pytest.mark.parametrize("kind", ["bert", "vit"])
def test_fewer_heads_leave_the_width_and_keep_the_strongest(kind: str, tmp_path) -> None:
    bench = workbench(kind)
    attention = (
        bench.model.bert.encoder.layer[0].attention.self if kind == "bert" else bench.model.vit.layers[0].attention
    )
    value = attention.value if kind == "bert" else attention.v_proj
    with torch.no_grad():
        value.weight[8:] *= 50
    fewer, words = student_of(bench.model, Size(1.0, 1.0, heads=0.5), {}, 0)
    kept = dict(fewer.named_modules())[next(n for n, m in bench.model.named_modules() if m is value)]
    assert torch.equal(kept.weight, value.weight[8:]) and "(1 heads in each layer)" in words
    assert fewer.config.hidden_size == bench.model.config.hidden_size
    assert parameter_count(fewer) == parameter_count(bench.model) - 2 * (3 * (8 * 16 + 8) + 16 * 8)
    save_torch(fewer, tmp_path)
    assert torch.equal(bench.logits(load_torch(tmp_path)), bench.logits(fewer))
    again, _ = student_of(fewer, Size(1.0, 1.0), {}, 0)
    assert torch.equal(bench.logits(again), bench.logits(fewer))


def test_a_cnn_has_no_heads_to_lose() -> None:
    bench = workbench("cnn")
    with pytest.raises(BadInput, match=r"'heads' is 0\.5 but a CNN has no attention heads; expected is 1"):
        student_of(bench.model, Size(1.0, 1.0, heads=0.5), bench.preprocessor.dummy(2, 16), 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fresh_student_has_the_same_shape_and_other_weights(kind: str) -> None:
    bench = workbench(kind)
    example = bench.preprocessor.dummy(2, 16)
    started, _ = student_of(bench.model, Size(0.5, 0.5), example, 0)
    first, same, other = (
        student_of(bench.model, Size(0.5, 0.5, start="fresh"), example, seed)[0] for seed in (1, 1, 2)
    )
    shapes = [{name: tensor.shape for name, tensor in model.state_dict().items()} for model in (started, first)]
    assert shapes[0] == shapes[1]
    logits = [bench.logits(model) for model in (started, first, same, other)]
    assert torch.equal(logits[1], logits[2])
    assert not torch.allclose(logits[1], logits[0]) and not torch.allclose(logits[1], logits[3])


def test_word_embeddings_are_trained_where_they_are_random() -> None:
    moved = []
    for start in ("teacher", "fresh"):
        bench = workbench("bert")
        subject = bench.subject()
        before, _ = student_of(subject.model, Size(0.5, 1.0, start=start), {}, 0)
        DistillStudent(start=start, epochs=1).apply(subject, bench.context())
        words = [model.bert.embeddings.word_embeddings.weight for model in (before, subject.model)]
        moved.append(not torch.equal(*words))
        assert all(parameter.requires_grad for parameter in subject.model.parameters())
    assert moved == [False, True]


def test_annealing_changes_what_is_learned() -> None:
    learned = []
    for settings in ({}, {"annealing": "none"}, {"annealing": "linear"}, {"annealing": "cosine"}):
        bench = workbench("bert")
        subject = bench.subject()
        DistillStudent(epochs=3, temperature=8.0, learning_rate="bold", **settings).apply(subject, bench.context())
        learned.append(bench.logits(subject.model))
    assert torch.equal(learned[0], learned[1])
    assert not torch.allclose(learned[1], learned[2]) and not torch.allclose(learned[2], learned[3])


def test_the_teachers_answers_to_texts_come_from_the_cache() -> None:
    bench = workbench("bert")
    context, asked = bench.context(), []
    known = context.teacher_logits

    def teacher_logits():
        asked.append(1)
        return known()

    context.teacher_logits, context.teacher = teacher_logits, None
    DistillStudent(epochs=0.5, annealing="linear").apply(bench.subject(), context)
    assert asked == [1]
