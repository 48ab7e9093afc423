import pytest
import torch
from transformers import ResNetForImageClassification

from explorer.errors import BadInput
from explorer.models.layers import is_cnn, parameter_count
from explorer.models.structure import load_torch, save_torch
from explorer.technique import check_suits
from explorer.techniques.distillation.into_cnn import DistillIntoCNN, cnn_config, new_cnn, stages_for
from explorer.techniques.distillation.student import DistillStudent
from explorer.techniques.pruning.neurons import PruneNeurons
from tests.techniques.workbench import workbench


def test_stages_follow_the_image() -> None:
    assert [stages_for(side) for side in (8, 16, 28, 32, 64, 224)] == [2, 2, 3, 3, 4, 4]


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_the_cnn_is_the_widest_that_fits(blocks: int) -> None:
    subject = workbench("cnn").subject()
    config = cnn_config(subject, blocks, 200_000)
    width = config.hidden_sizes[0]
    assert width % 8 == 0 and config.hidden_sizes == [width, 2 * width] and config.depths == [blocks] * 2
    wider = type(config)(
        **{**config.to_dict(), "embedding_size": width + 8, "hidden_sizes": [width + 8, 2 * width + 16]}
    )
    assert parameter_count(new_cnn(config, 0)) <= 200_000 < parameter_count(ResNetForImageClassification(wider))


@pytest.mark.parametrize("kind", ["vit", "cnn"])
def test_it_answers_the_same_labels_and_reloads(kind: str, tmp_path) -> None:
    bench = workbench(kind)
    subject, context = bench.subject(), bench.context()
    DistillIntoCNN(size=0.5, epochs=0.5).apply(subject, context)
    assert is_cnn(subject.model) and subject.model.config.id2label == bench.model.config.id2label
    assert parameter_count(subject.model) <= 0.5 * parameter_count(bench.model)
    assert subject.preprocessor is bench.preprocessor
    save_torch(subject.model, tmp_path)
    assert torch.equal(bench.logits(load_torch(tmp_path)), bench.logits(subject.model))


def test_it_learns_what_the_transformer_says(quick_learning) -> None:
    bench = workbench("vit")
    subject = bench.subject()
    with torch.no_grad():  # a teacher that is sure of one answer, whatever the labels say
        bench.model.classifier.weight.zero_()
        bench.model.classifier.bias.copy_(torch.tensor([9.0, -9.0]))
    DistillIntoCNN(size=0.5, epochs=8, alpha=1.0).apply(subject, bench.context())
    assert float(bench.logits(subject.model, 32).softmax(1)[:, 0].mean()) > 0.9


def test_one_that_is_too_small_is_refused() -> None:
    subject = workbench("vit").subject()
    with pytest.raises(BadInput, match=r"A residual CNN has [\d,]+ parameters at least; 'size' leaves it 100\."):
        cnn_config(subject, 1, 100)


def test_what_follows_must_suit_a_cnn() -> None:
    """The kind of model changes on the way."""
    steps = [DistillIntoCNN(), DistillStudent(), PruneNeurons()]
    check_suits(steps, "vision transformer", "vit-digits")
    assert DistillIntoCNN.turns_into == "CNN"


def test_a_student_can_be_cut_out_of_the_cnn() -> None:
    bench = workbench("vit")
    subject = bench.subject()
    DistillIntoCNN(size=1.0, blocks=2, epochs=0.5).apply(subject, bench.context())
    before = parameter_count(subject.model)
    DistillStudent(layers=0.5, epochs=0.5).apply(subject, bench.context())
    assert parameter_count(subject.model) < before and bench.logits(subject.model).isfinite().all()
