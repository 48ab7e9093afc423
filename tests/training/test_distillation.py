"""The losses of distillation against values computed by hand in numpy, and the lessons on tiny models."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from explorer.training.distillation import (
    AnnealedLesson,
    Watched,
    annealed,
    attention_loss,
    dot_products,
    hidden_state_loss,
    projection,
    projections,
    relation_heads,
    relation_loss,
    relative,
    uniform_pairs,
)
from tests.techniques.workbench import Workbench, workbench

N, TOKENS, WIDTH, HEADS = 2, 4, 6, 3
MASK = torch.tensor([[True, True, True, True], [True, True, False, False]])


@pytest.fixture
def tensors() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, N, TOKENS, WIDTH, generator=generator)
    return student, teacher


def scores_by_hand(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """[N, heads, T, T] with one loop for everything."""
    size = WIDTH // HEADS
    made = np.zeros((N, HEADS, TOKENS, TOKENS))
    for n, head, row, column in np.ndindex(*made.shape):
        part = slice(head * size, (head + 1) * size)
        made[n, head, row, column] = first[n, row, part] @ second[n, column, part] / np.sqrt(size)
    return made


def test_hidden_states_are_compared_at_real_tokens_only(tensors) -> None:
    student, teacher = tensors
    real = [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1)]
    expected = np.mean([(student[n, t].numpy() - teacher[n, t].numpy()) ** 2 for n, t in real])
    assert float(hidden_state_loss(student, teacher, MASK)) == pytest.approx(expected, rel=1e-5)
    assert torch.allclose(hidden_state_loss(student, teacher), functional.mse_loss(student, teacher))


def test_attention_is_compared_between_real_tokens_only(tensors) -> None:
    student, teacher = (dot_products(one, one, HEADS) for one in tensors)
    by_hand = [scores_by_hand(one.numpy(), one.numpy()) for one in tensors]
    assert np.allclose(student.numpy(), by_hand[0], atol=1e-5)
    squares = (by_hand[0] - by_hand[1]) ** 2
    pairs = [squares[0, :, row, column] for row in range(4) for column in range(4)]
    pairs += [squares[1, :, row, column] for row in range(2) for column in range(2)]
    assert float(attention_loss(student, teacher, MASK)) == pytest.approx(np.mean(pairs), rel=1e-5)
    assert float(attention_loss(student, teacher)) == pytest.approx(squares.mean(), rel=1e-5)


def test_relations_are_a_divergence_over_real_tokens(tensors) -> None:
    student, teacher = (scores_by_hand(one.numpy(), one.numpy()) for one in tensors)
    rows = []
    for n, head in np.ndindex(N, HEADS):
        real = 4 if n == 0 else 2
        for row in range(real):
            p, q = (np.exp(scores[n, head, row, :real]) for scores in (teacher, student))
            p, q = p / p.sum(), q / q.sum()
            rows.append((p * np.log(p / q)).sum())
    found = relation_loss(torch.tensor(student), torch.tensor(teacher), MASK)
    assert float(found) == pytest.approx(np.mean(rows), rel=1e-6)


def test_relations_without_padding_are_torchs_divergence(tensors) -> None:
    student, teacher = (dot_products(one, one, HEADS) for one in tensors)
    rows = functional.kl_div(
        student.log_softmax(-1).flatten(0, 2), teacher.log_softmax(-1).flatten(0, 2), log_target=True,
        reduction="batchmean",
    )  # fmt: skip
    assert torch.allclose(relation_loss(student, teacher), rows, atol=1e-6)


def test_what_agrees_has_no_distance(tensors) -> None:
    same, _ = tensors
    scores = dot_products(same, same, HEADS)
    assert float(hidden_state_loss(projection(WIDTH, WIDTH)(same).detach(), same, MASK)) == 0
    assert float(attention_loss(scores, scores, MASK)) == 0
    assert float(relation_loss(scores, scores, MASK)) == 0


def test_a_share_of_the_teachers_mean_square_knows_no_unit(tensors) -> None:
    student, teacher = tensors
    found = relative(hidden_state_loss, student, teacher, MASK)
    expected = ((student - teacher)[MASK].square().sum() / teacher[MASK].square().sum()).item()
    assert float(found) == pytest.approx(expected, rel=1e-5)
    assert float(relative(hidden_state_loss, 50 * student, 50 * teacher, MASK)) == pytest.approx(expected, rel=1e-5)
    scores = dot_products(teacher, teacher, HEADS)
    assert float(relative(attention_loss, torch.zeros_like(scores), scores, MASK)) == pytest.approx(1.0)
    assert float(relative(hidden_state_loss, torch.ones(1, 1, 2), torch.zeros(1, 1, 2))) == pytest.approx(1e8)


def test_padding_changes_nothing(tensors) -> None:
    student, teacher = tensors
    other = student.clone()
    other[1, 2:] = 99.0
    for one in (student, other):
        scores, taught = dot_products(one, one, HEADS), dot_products(teacher, teacher, HEADS)
        found = [hidden_state_loss(one, teacher, MASK), attention_loss(scores, taught, MASK)]
        found.append(relation_loss(scores, taught, MASK))
        if one is student:
            expected = found
    assert torch.allclose(torch.stack(found), torch.stack(expected))


def test_heads_are_split_anew_where_widths_differ() -> None:
    assert relation_heads(384, 384, 12) == 12
    assert relation_heads(192, 384, 12) == 12
    assert relation_heads(32, 96, 6) == 4
    assert relation_heads(7, 16, 4) == 1


def test_layers_are_mapped_evenly() -> None:
    assert uniform_pairs(4, 12) == [(0, 0), (1, 3), (2, 6), (3, 9), (4, 12)]
    assert uniform_pairs(2, 2) == [(0, 0), (1, 1), (2, 2)]


@pytest.mark.parametrize(
    ("annealing", "halfway", "quarter"), [("none", 5.0, 5.0), ("linear", 3.0, 4.0), ("cosine", 3.0, 4.41421356)]
)
def test_the_temperature_falls_to_one(annealing: str, halfway: float, quarter: float) -> None:
    lesson = AnnealedLesson(annealing)
    assert lesson.temperature(5.0, 0.0) == 5.0
    assert lesson.temperature(5.0, 0.25) == pytest.approx(quarter)
    assert annealed(5.0, 0.5, annealing) == pytest.approx(halfway)
    assert annealed(5.0, 1.0, annealing) == (5.0 if annealing == "none" else pytest.approx(1.0))
    assert annealed(1.0, 0.3, annealing) == 1.0


@pytest.mark.parametrize("kind", ["bert", "vit"])
def test_queries_and_keys_give_the_attention_that_the_library_tells(kind: str) -> None:
    bench = workbench(kind)
    watched, inputs = Watched(bench.model), torch_inputs(bench)
    with torch.inference_mode():
        outputs = watched(**inputs, output_attentions=True)
    seen = watched.take()
    mask = inputs.get("attention_mask", torch.ones(7, 5))[:, None, None, :]
    for layer in range(2):
        scores = dot_products(seen.parts["query"][layer], seen.parts["key"][layer], 2)
        attention = scores.masked_fill(mask == 0, -1e9).softmax(-1)
        assert torch.allclose(attention, outputs.attentions[layer], atol=1e-5)
    assert torch.equal(torch.stack(seen.hidden), torch.stack(outputs.hidden_states))
    assert watched.take() is None


def test_the_order_of_projections_is_that_of_layers() -> None:
    bench = workbench("bert")
    layer = bench.model.bert.encoder.layer[1].attention.self
    assert projections(bench.model)[3:] == [("query", layer.query), ("key", layer.key), ("value", layer.value)]


def test_layers_that_are_shared_are_seen_once_for_each_pass() -> None:
    bench = workbench("vit")
    bench.model.vit.layers[1] = bench.model.vit.layers[0]
    watched = Watched(bench.model)
    with torch.inference_mode():
        watched(**torch_inputs(bench))
    first, second = watched.take().parts["query"]
    assert not torch.equal(first, second)
    watched.close()
    assert not bench.model.vit.layers[0].attention.q_proj._forward_hooks


def test_stages_of_a_cnn_are_compared_pixel_by_pixel() -> None:
    bench = workbench("cnn")
    watched = Watched(bench.model)
    with torch.inference_mode():
        watched(**torch_inputs(bench))
    assert [tuple(hidden.shape) for hidden in watched.take().hidden] == [(7, 4, 16), (7, 4, 16), (7, 1, 32)]


def torch_inputs(bench: Workbench) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in bench.tensors().items()}
