import pytest
import torch

from explorer.techniques.training.fine_tune import FineTune
from tests.techniques.workbench import workbench


def test_training_makes_the_model_better_at_its_task(quick_learning) -> None:
    bench = workbench("bert")
    subject = bench.subject()
    context = bench.context()
    before = loss(bench, subject.model)
    FineTune(epochs=20, distill=False).apply(subject, context)
    assert loss(bench, subject.model) < 0.9 * before
    assert context.figures["samples_per_s"] > 0


@pytest.mark.parametrize(
    "field, value", [("alpha", 1.0), ("temperature", 8.0), ("annealing", "cosine"), ("distill", False)]
)
def test_distillation_settings_change_what_is_learned(field: str, value: float) -> None:
    bench = workbench("bert")
    outcomes = []
    for settings in ({}, {field: value}):
        subject = bench.subject()
        with torch.no_grad():  # the teacher is sharp, so that its answers differ from the labels
            subject.model.classifier.bias.add_(torch.tensor([0.3, -0.3]))
        FineTune(epochs=4, learning_rate="bold", **settings).apply(subject, bench.context())
        outcomes.append(bench.logits(subject.model))
    assert not torch.allclose(*outcomes, atol=1e-5)


def loss(bench, model: torch.nn.Module) -> float:
    split = bench.task.splits["train"]
    tensors = bench.preprocessor.encode(split.inputs)
    with torch.inference_mode():
        logits = model(**{name: torch.from_numpy(array) for name, array in tensors.items()}).logits
    return float(torch.nn.functional.cross_entropy(logits, torch.from_numpy(split.labels)))
