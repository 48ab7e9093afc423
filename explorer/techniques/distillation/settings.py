"""What the students of this family have in common: their sliders, and which steps they would undo."""

from __future__ import annotations

from typing import Literal

from explorer.technique import choice, slider
from explorer.techniques import sliders

Start = Literal["teacher", "fresh"]
SeedLayers = Literal["spread", "first", "last"]
Annealing = Literal["none", "linear", "cosine"]

LAYERS = slider(
    0.5,
    low=0.1,
    high=1.0,
    step=0.05,
    unit="fraction",
    help="Share of the teacher's layers the student keeps.",
    move=sliders.KEPT,
)
WIDTH = slider(
    1.0, low=0.1, high=1.0, step=0.05, unit="fraction",
    help="Share of the teacher's width the student keeps, in whole attention heads or channels.",
    move=sliders.KEPT,
)  # fmt: skip
HEADS = slider(
    1.0, low=0.1, high=1.0, step=0.05, unit="fraction",
    help="Share of the attention heads that stay in each layer of the student; the hidden width is left as it is.",
    move=sliders.KEPT,
)  # fmt: skip
START = choice("teacher", help="What the student starts from: the teacher's weights (teacher) or random ones (fresh).")
SEED_LAYERS = choice(
    "spread", only_with="start=teacher",
    help="Which of the teacher's layers seed the student: evenly spread, the first, or the last.",
)  # fmt: skip
EPOCHS = slider(
    2.0,
    low=0.1,
    high=30.0,
    step=0.1,
    unit="epochs",
    help="How often the training data is gone through.",
    move=sliders.EPOCHS,
)
ALPHA = slider(
    0.5, low=0.0, high=1.0, step=0.05, unit="fraction",
    help="Weight of the teacher's answers (soft) against the labels (hard).",
    move=sliders.ALPHA,
)  # fmt: skip
TEMPERATURE = slider(
    2.0, low=1.0, high=10.0, step=0.5, help="How much the teacher's answers are softened.", move=sliders.TEMPERATURE
)
ANNEALING = choice(
    "none",
    help="How the temperature falls to 1 while training: not at all (none), evenly (linear), or slowly at the start "
    "and at the end (cosine).",
)
LEARNING_RATE = choice(
    "usual", help="Size of the steps: what suits this kind of model (usual), 0.3 times that, or 3 times that."
)
ANNEALING_PAPER = "annealing after Jafari et al., Annealing knowledge distillation, 2021, arXiv:2104.07163"

ZEROS = (
    "prune-magnitude", "prune-taylor", "prune-movement", "prune-wanda", "prune-activation-variance", "prune-n-m",
    "prune-gradual", "sparse-training",
)  # fmt: skip
CUT = ("prune-neurons", "prune-heads", "prune-width")
FACTORED = ("low-rank", "factorize-embeddings")
TIED = ("share-layers", "cluster-weights")


def undone_by(name: str) -> dict[str, str]:
    """For ``not_after``: the techniques whose work the student ``name`` would undo, each with the reason."""
    first = f"put '{name}' first"
    return {
        **dict.fromkeys(ZEROS, f"the student is trained anew, which would undo the zeros; {first}"),
        **dict.fromkeys(CUT, f"the student is cut from whole layers; {first}"),
        **dict.fromkeys(FACTORED, f"the student is cut from whole matrices; {first}"),
        **dict.fromkeys(TIED, f"the student is trained anew, each weight by itself; {first}"),
    }
