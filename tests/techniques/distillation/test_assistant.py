import pytest
import torch

from explorer.context import Context
from explorer.models.layers import parameter_count
from explorer.techniques.distillation.assistant import DistillAssistant, between, portion
from explorer.techniques.distillation.student import Size, student_of
from tests.techniques.workbench import Workbench, workbench


@pytest.fixture
def lessons(monkeypatch) -> list[dict]:
    """Trainings that were asked for, instead of done."""
    asked: list[dict] = []
    monkeypatch.setattr(
        Context, "train", lambda context, subject, **settings: asked.append({"model": subject.model, **settings})
    )
    return asked


def deep(kind: str = "bert") -> Workbench:
    """A workbench whose model has eight layers: the two of the tiny one, one after the other."""
    bench = workbench(kind)
    layers = bench.model.bert.encoder.layer if kind == "bert" else bench.model.vit.layers
    for number in range(2, 8):
        layers.append(type(layers[0])(bench.model.config))
        layers[number].load_state_dict(layers[number % 2].state_dict())
    bench.model.config.num_hidden_layers = 8
    bench.model.eval()
    return bench


def test_sizes_lie_evenly_between() -> None:
    assert list(between(Size(0.5, 1.0), 1)) == [Size(0.75, 1.0)]
    sizes = [(round(size.layers, 3), round(size.width, 3)) for size in between(Size(0.25, 0.7), 2)]
    assert sizes == [(0.75, 0.9), (0.5, 0.8)]


@pytest.mark.parametrize(("count", "layers", "epochs"), [(1, [5, 2], [1.0, 3.0]), (2, [6, 4, 2], [0.5, 0.5, 3.0])])
def test_everyone_learns_from_the_one_before(count: int, layers: list, epochs: list, lessons) -> None:
    bench = deep()
    subject, context = bench.subject(), bench.context()
    DistillAssistant(layers=0.25, assistants=count, epochs=4, assistant_share=0.25).apply(subject, context)
    assert [lesson["model"].config.num_hidden_layers for lesson in lessons] == layers
    assert [lesson["epochs"] for lesson in lessons] == pytest.approx(epochs)
    assert [lesson["teacher"] for lesson in lessons] == [None, *(lesson["model"] for lesson in lessons[:-1])]
    assert lessons[-1]["model"] is subject.model
    sizes = [parameter_count(lesson["model"]) for lesson in lessons]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] < parameter_count(bench.model)
    assert context.figures["assistants"] == count


def test_the_student_is_the_usual_one(lessons) -> None:
    bench = deep("vit")
    subject = bench.subject()
    DistillAssistant(layers=0.25).apply(subject, bench.context())
    usual, _ = student_of(bench.model, Size(0.25, 1.0), {}, 0)
    assert torch.equal(bench.logits(subject.model), bench.logits(usual))


def test_without_room_for_an_assistant_the_student_has_all_epochs(lessons) -> None:
    bench = workbench("bert")
    context = bench.context()
    DistillAssistant(layers=0.5, epochs=2).apply(bench.subject(), context)
    assert [(lesson["teacher"], lesson["epochs"]) for lesson in lessons] == [(None, 2.0)]
    assert "No assistant fits" in " ".join(context.notes)


def test_what_the_assistant_says_reaches_the_student(quick_learning) -> None:
    """A teacher that is sure of one answer whatever the labels say is believed down the chain."""
    bench = deep()
    subject = bench.subject()
    with torch.no_grad():
        bench.model.classifier.weight.zero_()
        bench.model.classifier.bias.copy_(torch.tensor([9.0, -9.0]))
    DistillAssistant(layers=0.25, epochs=12, alpha=1.0).apply(subject, bench.context())
    assert float(bench.logits(subject.model, 32).softmax(1)[:, 0].mean()) > 0.9


def test_progress_of_parts_adds_up() -> None:
    told: list[float | None] = []
    report = portion(lambda *, stage, text, fraction=None, **_: told.append(fraction), 0.25, 0.5)
    report(stage="train", text="", fraction=0.0)
    report(stage="train", text="", fraction=1.0)
    report(stage="evaluate", text="", fraction=1.0)
    report(stage="apply", text="")
    assert told == [0.25, 0.75, 1.0, None]
