"""Structured pruning of depth: whole layers, physically removed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from explorer.context import Context, ModelSubject
from explorer.technique import Family, Need, Stage, Technique, choice
from explorer.techniques import sliders
from explorer.techniques.pruning.removal import removal

if TYPE_CHECKING:
    import torch

    from explorer.models.activations import Arrays

Which = Literal["last", "first", "alternate", "angular"]
CALIBRATION_INPUTS = 256


class PruneLayers(Technique):
    """Removes whole layers for good, which makes a model smaller and faster everywhere by the same share.

    Of a CNN, residual blocks go; the first block of each stage, which changes the resolution, always stays. Of a
    transformer at least one layer stays. By our own surgery.
    """

    name: ClassVar[str] = "prune-layers"
    title: ClassVar[str] = "Layer pruning"
    family: ClassVar[Family] = "pruning"
    stage: ClassVar[Stage] = "model"
    needs: ClassVar[frozenset[Need]] = frozenset({"calibration"})
    effect: ClassVar[tuple[str, ...]] = ("file size", "zipped size", "parameters", "latency")
    cost: ClassVar[str] = "Costs accuracy, of which fine-tuning after it brings a part back."
    paper: ClassVar[str] = (
        "Gromov et al., The unreasonable ineffectiveness of the deeper layers, 2024, arXiv:2403.17887; "
        "Men et al., ShortGPT, 2024, arXiv:2403.03853"
    )

    sparsity: float = sliders.removed("layers or residual blocks")
    which: Which = choice(
        "last",
        help="The last layers, the first, every other one (alternate), or those that turn calibration inputs least on "
        "their way through (angular).",
    )

    def apply(self, subject: ModelSubject, context: Context) -> None:
        from explorer.models.surgery import keep_layers, layer_lists

        lists = layer_lists(subject.model)
        counts = [len(subject.model.get_submodule(name)) for name in lists]  # type: ignore[arg-type]
        removable = removable_layers(counts)
        distances = self._distances(subject, context) if self.which == "angular" else []
        gone = removed_layers(removable, sum(counts), self.sparsity, self.which, distances)
        if not gone:
            context.note("Nothing was removed: that share is less than one layer.")
            return
        with removal(subject, context):
            renamed = keep_layers(subject.model, kept_in_lists(counts, gone))
            subject.pruned = {name for old in subject.pruned if (name := new_name(old, lists, renamed))}
        numbers = ", ".join(str(number + 1) for number in gone)
        context.note(f"Removed of {sum(counts)} layers: {numbers}.", layers_removed=len(gone))

    def _distances(self, subject: ModelSubject, context: Context) -> list[float]:
        context.report(stage="apply", text=f"What layers do to {CALIBRATION_INPUTS} calibration inputs")
        part = context.task.splits["calibration"].subset(CALIBRATION_INPUTS, context.seed)
        distances = angular_distances(subject.model, subject.preprocessor.encode(part.inputs))
        told = ", ".join(f"{distance:.2f}" for distance in distances)
        context.note(f"Angular distance between input and output of each layer (1 turns it round): {told}.")
        return distances


def removable_layers(counts: list[int]) -> list[int]:
    """Which layers may go, numbered through all lists: all of one list, and all but the first of several."""
    if len(counts) == 1:
        return list(range(counts[0]))
    starts = [sum(counts[:i]) for i in range(len(counts))]
    return [number for number in range(sum(counts)) if number not in starts]


def removed_layers(removable: list[int], total: int, share: float, which: Which, distances: list[float]) -> list[int]:
    """The numbers of the layers that go, sorted: round(share x total), as far as there are as many, and never all.

    ``distances``, by layer, decide with ``angular``.
    """
    from explorer.models.surgery import spread

    count = min(round(share * total), len(removable), total - 1)
    if which == "angular":
        return sorted(sorted(removable, key=lambda number: distances[number])[:count])
    if which == "alternate":
        stay = {removable[i] for i in spread(len(removable), len(removable) - count)}
        return [number for number in removable if number not in stay]
    return removable[:count] if which == "first" else removable[len(removable) - count :]


def kept_in_lists(counts: list[int], gone: list[int]) -> list[list[int]]:
    """What stays of each list of layers, when ``gone`` numbers through all of them."""
    starts = [sum(counts[:i]) for i in range(len(counts))]
    return [[i for i in range(count) if start + i not in gone] for start, count in zip(starts, counts, strict=True)]


def new_name(parameter: str, lists: list[str], renamed: dict[str, str]) -> str:
    """A parameter's name after its layer moved up; empty where the layer is gone."""
    for name in lists:
        if parameter.startswith(name + "."):
            number, _, rest = parameter[len(name) + 1 :].partition(".")
            moved = renamed.get(f"{name}.{number}", "")
            return f"{moved}.{rest}" if moved else ""
    return parameter


def angular_distances(model: torch.nn.Module, inputs: Arrays) -> list[float]:
    """For each layer the mean angle between what goes into it and what comes out, over pi (0 to 1).

    Over all tokens or pixels that are no padding; infinite for a layer that changes the shape. Gromov et al. take the
    last token alone, which in an encoder stands for nothing.
    """
    import torch

    from explorer.models.activations import batches

    found: list[list[torch.Tensor]] = []
    with _passing(model) as passed, torch.inference_mode():
        for batch in batches(inputs):
            passed.clear()
            model(**batch)
            found.append([angles(before, after, batch.get("attention_mask")) for before, after in passed])
    return [float(torch.cat(layer).mean()) for layer in zip(*found, strict=True)]


def angles(before: torch.Tensor, after: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """The angle over pi between tokens, [N, T, H], or pixels, [N, C, H, W], and what becomes of them, [R].

    ``mask``, [N, T], is 0 for padded tokens, which do not count.
    """
    import torch

    from explorer.models.activations import rows

    if before.shape != after.shape:
        return torch.tensor([math.inf])
    cosine = torch.nn.functional.cosine_similarity(rows(before, mask), rows(after, mask), dim=-1)
    return torch.arccos(cosine.clamp(-1, 1)) / math.pi


@contextmanager
def _passing(model: Any) -> Iterator[list[Any]]:
    """Collects (input, output) of each layer in the order of the calls; a layer that is called twice counts twice."""
    from explorer.models.surgery import layer_lists

    passed: list[Any] = []

    def hook(_: Any, given: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
        before = given[0] if given else named["hidden_states"]
        passed.append((before, output[0] if isinstance(output, tuple) else output))

    layers = {id(layer): layer for name in layer_lists(model) for layer in model.get_submodule(name)}
    handles = [layer.register_forward_hook(hook, with_kwargs=True) for layer in layers.values()]
    try:
        yield passed
    finally:
        for handle in handles:
            handle.remove()
