"""Labels name each step with its first parameter and whatever else differs from its default."""

from __future__ import annotations

from typing import ClassVar, Literal

import pytest

from explorer import labels
from explorer.technique import Technique, choice, flag, slider


class Prune(Technique):
    """Prune."""

    name: ClassVar[str] = "prune"
    family: ClassVar = "pruning"
    sparsity: float = slider(0.5, low=0, high=1, step=0.05, unit="fraction", help="")
    importance: Literal["magnitude", "taylor"] = choice("magnitude", help="")
    width: float = slider(1.0, low=0, high=1, step=0.1, unit="fraction", help="")


class Tune(Technique):
    """Tune."""

    name: ClassVar[str] = "tune"
    family: ClassVar = "training"
    epochs: int = slider(1, low=1, high=9, step=1, unit="epochs", help="")
    distill: bool = flag(False, help="")


class Late(Technique):
    """Tune, with its epochs not in the first place."""

    name: ClassVar[str] = "late"
    family: ClassVar = "training"
    share: float = slider(0.5, low=0, high=1, step=0.1, unit="fraction", help="")
    epochs: int = slider(1, low=1, high=9, step=1, unit="epochs", help="")


class Int8(Technique):
    """Quantize."""

    name: ClassVar[str] = "int8"
    family: ClassVar = "quantization"


class Thin(Technique):
    """Factorise, by the number that the first choice names."""

    name: ClassVar[str] = "thin"
    family: ClassVar = "factorization"
    by: Literal["rank", "energy", "both"] = choice("rank", help="")
    rank: float = slider(0.5, low=0, high=1, step=0.1, unit="fraction", help="", only_with="by=rank|both")
    energy: float = slider(0.9, low=0, high=1, step=0.1, unit="fraction", help="", only_with="by=energy|both")


class Switch(Technique):
    """Quantize, with a switch as its first parameter."""

    name: ClassVar[str] = "switch"
    family: ClassVar = "quantization"
    embeddings: bool = flag(True, help="")


@pytest.fixture(autouse=True)
def _known(monkeypatch):
    monkeypatch.setattr(
        labels, "techniques", lambda: {kind.name: kind for kind in (Prune, Tune, Int8, Switch, Late, Thin)}
    )


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], "baseline"),
        ([Int8()], "int8"),
        ([Switch()], "switch"),
        ([Switch(embeddings=False)], "switch no embeddings"),
        ([Prune(sparsity=0.25), Tune(), Int8()], "prune 25 % → tune 1 epoch → int8"),
        ([Prune(importance="taylor", width=0.3)], "prune 50 % taylor width 30 %"),
        ([Late(epochs=3)], "late 50 % 3 epochs"),
        ([Thin()], "thin rank 50 %"),
        ([Thin(by="energy")], "thin energy 90 %"),
        ([Thin(by="both", rank=0.2)], "thin both rank 20 % energy 90 %"),
        ([Tune(epochs=3, distill=True)], "tune 3 epochs distill"),
    ],
)
def test_label(steps, expected):
    assert labels.label({"steps": [step.step() for step in steps]}) == expected


def test_a_technique_that_exists_no_more_keeps_its_name_and_has_no_family():
    recipe = {"steps": [{"technique": "gone", "rank": 4}, {"technique": "int8"}, {"technique": "int8"}]}
    assert labels.label(recipe) == "gone → int8 → int8"
    assert labels.families(recipe) == ("quantization",)
