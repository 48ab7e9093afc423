"""Sharing across depth: several layers with one set of weights."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from explorer.context import Context, ModelSubject
from explorer.errors import BadInput
from explorer.technique import Family, ModelKind, Stage, Technique, choice, slider
from explorer.techniques import sliders
from explorer.techniques.pruning.removal import removal

if TYPE_CHECKING:
    import torch

Pattern = Literal["sequence", "cycle"]
Start = Literal["mean", "first", "middle"]


class ShareLayers(Technique):
    """Lets several layers use one set of weights, which makes the file smaller; the model computes as much as before.

    Needs fine-tuning afterwards, in which the layers stay one. The file holds each set once.
    """

    name: ClassVar[str] = "share-layers"
    title: ClassVar[str] = "Shared layers"
    family: ClassVar[Family] = "sharing"
    stage: ClassVar[Stage] = "model"
    effect: ClassVar[tuple[str, ...]] = ("file size", "zipped size", "parameters")
    cost: ClassVar[str] = "Costs accuracy, of which fine-tuning after it brings a part back; the speed stays as it is."
    paper: ClassVar[str] = (
        "Lan et al., ALBERT, 2019, arXiv:1909.11942; "
        "sequence and cycle: Takase and Kiyono, Lessons on parameter sharing across layers, 2021, arXiv:2104.06022"
    )
    suits: ClassVar[tuple[ModelKind, ...]] = ("text transformer", "vision transformer")

    unique: float = slider(
        0.5, low=0.05, high=1.0, step=0.05, unit="fraction",
        help="Share of the layers that keep weights of their own; at the lower end all layers are one, as in ALBERT.",
        move=sliders.STORED,
    )  # fmt: skip
    pattern: Pattern = choice(
        "sequence", help="Neighbours become one (sequence), or the whole order is gone through again and again (cycle)."
    )
    start: Start = choice(
        "mean", help="The shared weights start as the mean of those they replace, or as the first or middle layer's."
    )

    def apply(self, subject: ModelSubject, context: Context) -> None:
        from explorer.models.layers import encoder_layers

        layers: Any = subject.model.get_submodule(encoder_layers(subject.model))
        groups = layer_groups(len(layers), self.unique, self.pattern)
        if len(groups) == len(layers):
            context.note("Every layer keeps its own weights.")
            return
        with removal(subject, context):
            share(layers, groups, self.start)
        told = "; ".join(" = ".join(str(number + 1) for number in group) for group in groups)
        context.note(f"{len(groups)} sets of weights for {len(layers)} layers: {told}.", sets=len(groups))


def layer_groups(count: int, unique: float, pattern: Pattern) -> list[list[int]]:
    """Which of ``count`` layers become one: max(1, round(count x unique)) groups of as equal a size as can be.

    >>> layer_groups(6, 0.5, "sequence")
    [[0, 1], [2, 3], [4, 5]]
    >>> layer_groups(6, 0.5, "cycle")
    [[0, 3], [1, 4], [2, 5]]
    """
    sets = max(1, round(count * unique))
    of = [layer * sets // count if pattern == "sequence" else layer % sets for layer in range(count)]
    return [[layer for layer in range(count) if of[layer] == group] for group in range(sets)]


def share(layers: torch.nn.ModuleList, groups: list[list[int]], start: Start) -> None:
    """Put one module in the place of all layers of each group, in place.

    Raises ``BadInput`` where a mean is asked for of layers that differ in shape.
    """
    for group in groups:
        chosen = group[0] if start == "first" else group[(len(group) - 1) // 2]
        shared = mean_layer([layers[i] for i in group]) if start == "mean" else layers[chosen]
        for i in group:
            layers[i] = shared


def mean_layer(layers: list[torch.nn.Module]) -> torch.nn.Module:
    """A layer whose every parameter is the mean over ``layers``."""
    import torch

    made = copy.deepcopy(layers[0])
    parts = [dict(layer.named_parameters()) for layer in layers]
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            same = [part[name] for part in parts if name in part and part[name].shape == parameter.shape]
            if len(same) < len(layers):
                raise BadInput(
                    "The mean of layers needs layers of one shape; these were cut differently. "
                    "Take 'first' or 'middle', or cut with the scope 'uniform'."
                )
            parameter.copy_(torch.stack(tuple(same)).mean(dim=0))
    return made
