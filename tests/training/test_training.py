"""The training loop: its loss by hand, what it learns, what it leaves alone, and that it stops."""

import dataclasses
import math
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch.nn import functional

from explorer import training
from explorer.errors import Cancelled
from explorer.models.preprocess import ImagePreprocessor, TextPreprocessor
from explorer.tasks import Split
from explorer.training import batches
from tests.models import tiny

PLAN = training.Plan(epochs=8, learning_rate=5e-3, batch_size=16, seed=1)


@pytest.fixture
def preprocessor() -> TextPreprocessor:
    return TextPreprocessor(tiny.tokenizer(), 16, ("input_ids", "attention_mask", "token_type_ids"))


@pytest.fixture
def split() -> Split:
    return Split(*tiny.texts(160))


def images(n: int = 48) -> Split:
    labels = np.arange(n) % 2
    pixels = np.random.default_rng(0).integers(0, 120, (n, 8, 8, 3)) + 120 * labels[:, None, None, None]
    return Split(pixels.astype(np.uint8), labels.astype(np.int64))


IMAGES = ImagePreprocessor(8, 8, 3, (0.5,) * 3, (0.25,) * 3)


def test_distillation_loss_by_hand() -> None:
    student, teacher, label = torch.tensor([[0.0, 0.0]]), torch.tensor([[2 * math.log(3), 0.0]]), torch.tensor([1])
    # At temperature 2 the teacher says 3/4 and 1/4, the student 1/2 and 1/2.
    divergence = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    loss = training.distillation_loss(student, teacher, label, alpha=0.3, temperature=2.0)
    assert loss.item() == pytest.approx(0.3 * 4 * divergence + 0.7 * math.log(2), rel=1e-6)


@pytest.mark.parametrize(("alpha", "temperature"), [(0.0, 2.0), (0.5, 1.0), (0.9, 4.0), (1.0, 2.0)])
def test_distillation_loss_agrees_with_torch(alpha: float, temperature: float) -> None:
    random = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(7, 5, generator=random), torch.randn(7, 5, generator=random)
    labels = torch.randint(0, 5, (7,), generator=random)
    soft = functional.kl_div(
        functional.log_softmax(student / temperature, 1),
        functional.softmax(teacher / temperature, 1),
        reduction="batchmean",
    )
    expected = alpha * temperature**2 * soft + (1 - alpha) * functional.cross_entropy(student, labels)
    assert training.distillation_loss(student, teacher, labels, alpha, temperature).item() == pytest.approx(
        expected.item(), rel=1e-5
    )


def test_training_learns_and_leaves_eval_mode(preprocessor: TextPreprocessor, split: Split) -> None:
    model = tiny.bert()
    before = training.accuracy(training.evaluate(model, split, preprocessor), split.labels)
    done = training.train(model, split, preprocessor, PLAN)
    after = training.accuracy(training.evaluate(model, split, preprocessor), split.labels)
    assert after > 0.9 > before and not model.training
    assert done.steps == 80 and done.losses[-1] < math.log(2) and done.samples_per_s > 0


def test_training_is_deterministic_by_seed(preprocessor: TextPreprocessor, split: Split) -> None:
    def weights(seed: int) -> torch.Tensor:
        model = tiny.bert()
        training.train(model, split, preprocessor, dataclasses.replace(PLAN, epochs=1, seed=seed))
        return model.classifier.weight.detach().clone()

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_word_embeddings_stay_frozen_only_while_training(preprocessor: TextPreprocessor, split: Split) -> None:
    for freeze in (True, False):
        model = tiny.bert()
        words = model.bert.embeddings.word_embeddings.weight
        before = words.detach().clone()
        training.train(model, split, preprocessor, dataclasses.replace(PLAN, epochs=1, freeze_embeddings=freeze))
        assert torch.equal(before, words) == freeze
        assert words.requires_grad


@pytest.mark.parametrize("tokens", [1, 40, 100])
def test_a_batch_in_pieces_has_the_gradient_of_the_whole(
    tokens: int, preprocessor: TextPreprocessor, split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    def weights() -> tuple[torch.Tensor, list[float]]:
        model = tiny.bert().eval()
        model.train = lambda mode=True: model  # type: ignore[method-assign] # without dropout, which draws by piece
        done = training.train(model, split, preprocessor, dataclasses.replace(PLAN, epochs=1))
        return model.classifier.weight.detach().clone(), done.losses

    monkeypatch.setattr(training, "REPORT_EVERY_S", 0.0)  # a loss for every step, however quick the machine is
    (whole, losses), pieces = weights(), []
    counted = batches.pieces_of
    monkeypatch.setattr(batches, "PIECE_TOKENS", tokens)
    monkeypatch.setattr(batches, "pieces_of", lambda *given: pieces.append(counted(*given)) or pieces[-1])
    cut, cut_losses = weights()
    torch.testing.assert_close(cut, whole, rtol=1e-3, atol=1e-5)
    assert cut_losses == pytest.approx(losses, rel=1e-3)
    assert all(len(one) > 1 for one in pieces)


def test_pieces_hold_every_row_once_and_no_more_tokens_than_they_may() -> None:
    random = np.random.default_rng(0)
    lengths, batch = random.integers(1, 128, 300), random.permutation(300)[:64]
    pieces = batches.pieces_of(batch, lengths)
    assert sorted(np.concatenate(pieces)) == sorted(batch) and len(pieces) > 1
    for piece in pieces:
        assert len(piece) * batches.padded(int(lengths[piece].max())) <= batches.PIECE_TOKENS


def test_gradients_are_those_of_the_mean_cross_entropy(
    preprocessor: TextPreprocessor, split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny.bert().eval()
    inputs = {name: torch.from_numpy(array) for name, array in preprocessor.encode(split.inputs).items()}
    functional.cross_entropy(model(**inputs).logits, torch.from_numpy(split.labels)).backward()
    expected = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    monkeypatch.setattr(batches, "PIECE_TOKENS", 100)
    training.accumulate_gradients(model, split, preprocessor, batch_size=48)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-3, atol=1e-6)


def test_what_the_caller_froze_stays_frozen(preprocessor: TextPreprocessor, split: Split) -> None:
    model = tiny.bert()
    model.bert.embeddings.requires_grad_(False)
    training.train(model, split, preprocessor, dataclasses.replace(PLAN, epochs=0.5))
    assert not model.bert.embeddings.word_embeddings.weight.requires_grad


class Watching(training.Lesson):
    """Takes part in everything: adds a penalty that a parameter of its own learns to lower."""

    arguments: ClassVar = {"output_hidden_states": True}

    def start(self, model, steps):
        self.own, self.steps, self.said = torch.nn.Parameter(torch.ones(())), steps, []
        self.model = model

    def parameters(self):
        return [self.own]

    def temperature(self, usual, progress):
        self.said.append(("temperature", usual, progress))
        return usual

    def loss(self, loss, inputs, outputs):
        assert len(outputs.hidden_states) == 3 and set(inputs) >= {"input_ids"}
        return loss + self.own.square()

    def after_backward(self, step):
        self.said.append(("gradient", step, self.model.classifier.weight.grad is not None))

    def after_step(self, step):
        self.said.append(("updated", step, self.own.item()))


def test_a_lesson_takes_part_in_the_training(preprocessor: TextPreprocessor, split: Split) -> None:
    lesson, plan = Watching(), dataclasses.replace(PLAN, epochs=1)
    done = training.train(tiny.bert(), split, preprocessor, plan, lesson=lesson)
    assert lesson.steps == done.steps
    first, last = lesson.said[:3], lesson.said[-3:]
    assert first[0] == ("temperature", 2.0, 0.0) and first[1] == ("gradient", 1, True)
    assert last[0][2] == pytest.approx(1 - 1 / done.steps) and last[2][:2] == ("updated", done.steps)
    assert last[2][2] < 1.0, "its own parameter was trained with the model"


def test_zeros_stay_zero_and_the_rest_moves(preprocessor: TextPreprocessor, split: Split) -> None:
    model = tiny.bert()
    name = "bert.encoder.layer.0.intermediate.dense.weight"
    weight = dict(model.named_parameters())[name]
    mask = torch.rand_like(weight) > 0.5
    weight.data.mul_(mask)
    before = weight.detach().clone()
    training.train(model, split, preprocessor, PLAN, keep_zeros={name: mask})
    assert (weight[~mask] == 0).all()
    assert (weight[mask] != before[mask]).float().mean() > 0.9


def test_a_student_follows_its_teacher_even_against_the_labels(preprocessor: TextPreprocessor, split: Split) -> None:
    teacher = tiny.bert(seed=5)
    training.train(teacher, split, preprocessor, PLAN)
    wrong = Split(split.inputs, 1 - split.labels)
    answers = training.evaluate(teacher, split, preprocessor)
    for source in ({"teacher": teacher}, {"teacher_logits": answers}):
        student = tiny.bert(seed=6)
        training.train(student, wrong, preprocessor, PLAN, alpha=1.0, **source)
        agreement = training.evaluate(student, split, preprocessor).argmax(1) == answers.argmax(1)
        assert agreement.mean() > 0.9


def test_teacher_logits_belong_to_their_rows_in_a_subset(preprocessor: TextPreprocessor, split: Split) -> None:
    plan = dataclasses.replace(PLAN, samples=60, epochs=20)
    sure = np.where(np.eye(2)[split.labels] > 0, 5.0, -5.0).astype(np.float32)
    student = tiny.bert()
    done = training.train(student, split, preprocessor, plan, teacher_logits=sure, alpha=1.0)
    assert done.steps == 20 * 4
    assert training.accuracy(training.evaluate(student, split, preprocessor), split.labels) > 0.85


def test_augmented_images_train_with_a_teacher() -> None:
    split, teacher, student = images(), tiny.vit(seed=1), tiny.vit(seed=2)
    plan = training.Plan(epochs=10, learning_rate=5e-3, batch_size=16, augment=True, schedule="cosine")
    training.train(teacher, split, IMAGES, plan)
    training.train(student, split, IMAGES, plan, teacher=teacher)
    assert training.accuracy(training.evaluate(student, split, IMAGES), split.labels) > 0.9


def test_random_affine_moves_but_keeps_shape_and_range() -> None:
    torch.manual_seed(0)
    pixels = torch.rand(4, 3, 12, 10)
    moved = batches.random_affine(pixels)
    assert moved.shape == pixels.shape and not torch.allclose(moved, pixels)
    assert moved.min() >= pixels.min() - 1e-6 and moved.max() <= pixels.max() + 1e-6
    assert torch.allclose(batches.random_affine(torch.full((2, 1, 6, 6), 0.3)), torch.tensor(0.3), atol=1e-5)


def test_progress_is_reported_with_rate_and_loss(preprocessor: TextPreprocessor, split: Split) -> None:
    told: list[dict] = []
    training.train(tiny.bert(), split, preprocessor, PLAN, report=lambda **progress: told.append(progress))
    last = told[-1]
    assert (last["stage"], last["fraction"], last["seconds_left"]) == ("train", 1.0, 0.0)
    assert last["samples_per_s"] > 0 and last["metrics"]["loss"] > 0 and "80 of 80" in last["text"]


def test_cancelling_stops_at_the_next_step(preprocessor: TextPreprocessor, split: Split) -> None:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    model = tiny.bert()
    with pytest.raises(Cancelled):
        training.train(model, split, preprocessor, PLAN, cancelled=cancelled)
    assert asked == 4 and not model.training
    assert model.bert.embeddings.word_embeddings.weight.requires_grad


def test_after_epoch_is_called_once_for_every_pass(preprocessor: TextPreprocessor, split: Split) -> None:
    passes: list[int] = []
    training.train(tiny.bert(), split, preprocessor, dataclasses.replace(PLAN, epochs=2.5), after_epoch=passes.append)
    assert passes == [1, 2, 3]


def test_evaluate_answers_in_the_splits_order(preprocessor: TextPreprocessor, split: Split) -> None:
    model = tiny.bert()
    together = training.evaluate(model, split, preprocessor, batch_size=7)
    for row in (0, 33, 159):
        alone = training.evaluate(model, split.take(np.array([row])), preprocessor)
        np.testing.assert_allclose(together[row], alone[0], atol=1e-5)


def test_the_learning_rate_rises_then_falls_to_nothing() -> None:
    for schedule in ("linear", "cosine"):
        plan = training.Plan(warmup=0.2, schedule=schedule)
        rates = [training._rate(plan, 100, step) for step in range(101)]
        assert 0 < rates[0] < 0.1 and max(rates) == pytest.approx(1.0) and rates.index(max(rates)) == 20
        assert rates[20:] == sorted(rates[20:], reverse=True) and rates[100] == pytest.approx(0.0, abs=1e-9)


def test_bf16_is_for_large_models_on_processors_that_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    small, large, cpu = torch.nn.Linear(4, 4), torch.nn.Linear(3000, 2000), torch.device("cpu")
    for has in (True, False):
        monkeypatch.setattr(training, "cpu_has_bf16", lambda has=has: has)
        for model in (small, large):
            with training.autocast(model, cpu):
                expected = torch.bfloat16 if has and model is large else torch.float32
                assert torch.nn.functional.linear(torch.ones(1, 3), torch.ones(2, 3)).dtype == expected
