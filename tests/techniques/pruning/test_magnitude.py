import pytest
import torch

from explorer.context import ModelSubject
from explorer.models.layers import head, weighted
from explorer.techniques.pruning.magnitude import PruneMagnitude
from explorer.techniques.pruning.masks import keep_largest
from explorer.techniques.pruning.zeroing import counts_by_sensitivity, layer_costs
from explorer.techniques.training.fine_tune import FineTune
from explorer.training import evaluate
from tests.techniques.workbench import KINDS, workbench


def zero_places(subject: ModelSubject) -> dict[str, torch.Tensor]:
    return {name: ~mask for name, mask in subject.keep_zeros().items()}


@pytest.mark.parametrize("scope", ["global", "layer", "sensitivity"])
@pytest.mark.parametrize("importance", ["l1", "l2", "random"])
def test_zero_sparsity_is_the_identity(importance: str, scope: str) -> None:
    bench = workbench("bert")
    subject = bench.subject()
    PruneMagnitude(sparsity=0.0, importance=importance, scope=scope).apply(subject, bench.context())
    assert torch.equal(bench.logits(subject.model), bench.logits(bench.model))


@pytest.mark.parametrize("kind", KINDS)
def test_zeros_survive_fine_tuning_and_the_head_is_left_alone(kind: str) -> None:
    bench = workbench(kind)
    subject = bench.subject()
    PruneMagnitude(sparsity=0.6, scope="layer").apply(subject, bench.context())
    zeros = zero_places(subject)
    assert sum(int(mask.sum()) for mask in zeros.values()) > 0
    before = {name: value.clone() for name, value in subject.model.state_dict().items()}
    FineTune(epochs=1.0).apply(subject, bench.context())
    for name, mask in zeros.items():
        assert not subject.model.get_parameter(name)[mask].any(), name
    assert any(not torch.equal(before[name], value) for name, value in subject.model.state_dict().items())
    assert bool((subject.model.get_submodule(head(subject.model)).weight != 0).all())


def test_embeddings_are_pruned_only_when_asked_for() -> None:
    bench = workbench("bert")
    for asked in (False, True):
        subject = bench.subject()
        PruneMagnitude(sparsity=0.5, scope="layer", embeddings=asked).apply(subject, bench.context())
        share = float((subject.model.bert.embeddings.word_embeddings.weight == 0).float().mean())
        # the padding row is zero from the start
        assert (share > 0.4) is asked


def test_the_defaults_set_the_smallest_weights_of_the_whole_model_to_zero() -> None:
    bench = workbench("vit")
    subject, weights = bench.subject(), weighted(bench.model, embeddings=False)
    PruneMagnitude().apply(subject, bench.context())
    masks = keep_largest([weight.detach().abs() for weight in weights.values()], 0.5, "global")
    for (name, weight), mask in zip(weights.items(), masks, strict=True):
        assert torch.equal(subject.model.get_parameter(name), weight * mask)


def test_random_depends_on_the_seed_alone() -> None:
    bench = workbench("bert")
    found = []
    for seed in (1, 1, 2):
        PruneMagnitude(importance="random").apply(subject := bench.subject(), bench.context(seed=seed))
        found.append(subject.model.bert.encoder.layer[0].output.dense.weight != 0)
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])


@pytest.mark.parametrize("importance", ["l1", "random"])
def test_a_second_pruning_takes_what_the_first_took(importance: str) -> None:
    bench = workbench("bert")
    subject = bench.subject()
    PruneMagnitude(sparsity=0.5, importance="random", scope="layer").apply(subject, bench.context(seed=1))
    first = zero_places(subject)
    PruneMagnitude(sparsity=0.6, importance=importance, scope="layer").apply(subject, bench.context(seed=2))
    for name, mask in zero_places(subject).items():
        assert not (first[name] & ~mask).any()
        assert int(mask.sum()) == round(0.6 * mask.numel())


@pytest.mark.parametrize("kind", KINDS)
def test_sensitivity_removes_as_many_in_all_and_less_where_it_costs_more(kind: str) -> None:
    bench = workbench(kind)
    subject = bench.subject()
    PruneMagnitude(sparsity=0.5, scope="sensitivity").apply(subject, bench.context())
    zeros = {name: int(mask.sum()) for name, mask in zero_places(subject).items()}
    total = sum(weight.numel() for weight in weighted(bench.model, embeddings=False).values())
    assert sum(zeros.values()) == round(0.5 * total)
    shares = {count / bench.model.get_parameter(name).numel() for name, count in zeros.items()}
    assert len(shares) > 1 and max(shares) <= 0.9


def test_the_cost_of_a_layer_is_the_divergence_of_the_answers_without_its_weights() -> None:
    bench = workbench("bert")
    subject, name = bench.subject(), "bert.encoder.layer.1.output.dense.weight"
    scores = {name: subject.model.get_parameter(name).detach().abs()}
    costs = layer_costs(subject, bench.context(), scores, {name: [0, 128, 512]})
    assert torch.equal(bench.logits(subject.model), bench.logits(bench.model))  # put back as it was
    calibration = bench.task.splits["calibration"]
    before = torch.from_numpy(evaluate(bench.model, calibration, bench.preprocessor)).softmax(-1)
    with torch.no_grad():
        subject.model.get_parameter(name).zero_()
    after = torch.from_numpy(evaluate(subject.model, calibration, bench.preprocessor)).softmax(-1)
    expected = float((before * (before / after).log()).sum(-1).mean())
    assert costs[name][0] == 0 and costs[name][2] == pytest.approx(expected, rel=1e-3) and expected > 0


def test_a_layer_that_no_answer_depends_on_goes_first() -> None:
    bench = workbench("bert")
    subject, silent = bench.subject(), "bert.encoder.layer.0.attention.self.value.weight"
    with torch.no_grad():  # nothing that the values hold gets through
        subject.model.bert.encoder.layer[0].attention.output.dense.weight.zero_()
    scores = {name: weight.detach().abs() for name, weight in weighted(subject.model, embeddings=False).items()}
    counts = counts_by_sensitivity(subject, bench.context(), scores, 0.3)
    shares = {name: counts[name] / scores[name].numel() for name in scores}
    assert shares[silent] == max(shares.values()) > 0.7
