import copy

import pytest
import torch

from explorer.context import Context
from explorer.errors import BadInput
from explorer.techniques.distillation.features import DistillFeatures, same_weights
from explorer.techniques.distillation.student import DistillStudent
from explorer.training.distillation import FeatureLesson, Watched
from tests.techniques.workbench import KINDS, Workbench, workbench

METHODS = [
    {"method": "tinybert"},
    {"method": "minilm", "relations": "query-key-value"},
    {"method": "minilm", "relations": "attention-value"},
]


def learned(bench: Workbench, **settings) -> tuple[torch.nn.Module, Context]:
    subject, context = bench.subject(), bench.context()
    DistillFeatures(**settings).apply(subject, context)
    return subject.model, context


@pytest.mark.parametrize("kind", KINDS)
def test_without_weight_it_is_the_distilled_student(kind: str) -> None:
    bench = workbench(kind)
    student, _ = learned(bench, feature_weight=0, epochs=1)
    subject = bench.subject()
    DistillStudent(epochs=1).apply(subject, bench.context())
    assert torch.equal(bench.logits(student), bench.logits(subject.model))


@pytest.mark.parametrize("kind", ["bert", "vit"])
@pytest.mark.parametrize("settings", METHODS, ids=str)
def test_a_copy_of_the_teacher_has_nothing_to_imitate(kind: str, settings: dict) -> None:
    bench = workbench(kind)
    twin = copy.deepcopy(bench.model)
    relations = settings.get("relations", "query-key-value")
    inputs = {name: torch.from_numpy(array) for name, array in bench.tensors().items()}
    for changed in (False, True):
        if changed:
            with torch.no_grad():
                next(p for name, p in twin.named_parameters() if ".1." in name and "weight" in name).mul_(2)
        with FeatureLesson(
            Watched(bench.model), settings["method"], relations, 3.0, bench.preprocessor.dummy(2, 16)
        ) as lesson:
            lesson.start(twin, 1)
            with torch.no_grad():
                outputs = twin(**inputs, **lesson.arguments)
                loss = float(lesson.loss(torch.tensor(1.0), inputs, outputs))
        assert loss > 1.001 if changed else loss == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_imitation_comes_closer_to_the_teacher(kind: str, quick_learning) -> None:
    for settings in METHODS if kind != "cnn" else METHODS[:1]:
        _, context = learned(workbench(kind), epochs=4, feature_weight=10, alpha=1.0, width=0.5, **settings)
        assert context.figures["feature_loss_after"] < 0.9 * context.figures["feature_loss_before"], settings


def test_what_served_the_training_only_is_gone() -> None:
    student, _ = learned(workbench("bert"), epochs=0.5)
    hooks = [hook for module in student.modules() for hook in module._forward_hooks.values()]
    assert not [hook for hook in hooks if hook.__module__.startswith("explorer")]  # the library leaves its own
    plain = workbench("bert").subject()
    DistillStudent(epochs=0.5).apply(plain, workbench("bert").context())
    assert student.state_dict().keys() == plain.model.state_dict().keys()


@pytest.mark.parametrize("kind", KINDS)
def test_the_teacher_is_asked_once_for_a_batch(kind: str, monkeypatch) -> None:
    """Its features and, where they are not in the cache as those of texts, its answers come from one pass."""
    passes, forward = [], Watched.forward
    monkeypatch.setattr(Watched, "forward", lambda self, **inputs: passes.append(1) or forward(self, **inputs))
    bench = workbench(kind)
    subject, context, asked = bench.subject(), bench.context(), []
    bench.model.register_forward_hook(lambda *_: asked.append(1))
    DistillFeatures(epochs=1).apply(subject, context)
    # two batches of 96 inputs, and one look at the sizes of teacher and student
    assert len(passes) == 2 + 2
    assert len(asked) == (1 if kind == "bert" else 0), "the workbench's cache asks the uncompressed model once"


def test_an_earlier_step_that_changed_the_weights_leaves_the_answers_to_the_baseline() -> None:
    bench = workbench("vit")
    subject = bench.subject()
    assert same_weights(subject.model, bench.model)
    with torch.no_grad():
        subject.model.classifier.bias.add_(1)
    assert not same_weights(subject.model, bench.model)
    asked = []
    bench.model.register_forward_hook(lambda *_: asked.append(1))
    DistillFeatures(epochs=1).apply(subject, bench.context())
    assert len(asked) == 2


def test_a_cnn_has_no_relations() -> None:
    with pytest.raises(BadInput, match="'method' is minilm but a CNN has no attention"):
        learned(workbench("cnn"), method="minilm")


@pytest.mark.parametrize("kind", KINDS)
def test_it_imitates_at_every_width_and_from_anywhere(kind: str) -> None:
    bench = workbench(kind)
    for settings in ({"width": 0.5}, {"start": "fresh"}, {"seed_layers": "last"}, {"alpha": 0.0}):
        student, context = learned(bench, epochs=0.5, **settings)
        assert bench.logits(student).isfinite().all() and context.figures["feature_loss_before"] > 0
