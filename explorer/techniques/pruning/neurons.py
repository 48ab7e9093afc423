"""Structured pruning of feed-forward neurons and CNN channels, physically removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from explorer.context import Context, ModelSubject, plain_number
from explorer.technique import Family, Need, Stage, Technique, choice, slider

if TYPE_CHECKING:
    import torch

Importance = Literal["l2", "l1", "taylor", "random"]
Scope = Literal["uniform", "global"]


class PruneNeurons(Technique):
    """Removes the least important feed-forward neurons (of a CNN: channels) for good, so the model has fewer
    parameters and less to compute.

    Transformers are cut by our own surgery; CNN channels, with everything that depends on them, by torch-pruning.
    """

    name: ClassVar[str] = "prune-neurons"
    title: ClassVar[str] = "Neuron and channel pruning"
    family: ClassVar[Family] = "pruning"
    stage: ClassVar[Stage] = "model"
    needs: ClassVar[frozenset[Need]] = frozenset({"gradients"})
    effect: ClassVar[tuple[str, ...]] = ("file size", "zipped size", "parameters", "latency")
    paper: ClassVar[str] = (
        "Fang et al., DepGraph: towards any structural pruning, 2023, arXiv:2301.12900; "
        "taylor: Molchanov et al., 2019, arXiv:1906.10771"
    )

    sparsity: float = slider(
        0.5, low=0.0, high=0.9, step=0.05, unit="fraction", help="Share of the neurons or channels that is removed."
    )
    importance: Importance = choice(
        "l2",
        help="What makes a neuron important: the size of its weights (l2, l1), its effect on the loss "
        "(taylor, needs gradients), or chance (random, to compare with).",
    )
    scope: Scope = choice(
        "uniform", help="The same share from every layer (uniform), or the least important of all layers (global)."
    )
    round_to: Literal[1, 8, 16] = choice(8, help="Widths become multiples of this; kernels like 8 and 16.")

    def apply(self, subject: ModelSubject, context: Context) -> None:
        from explorer.models.layers import is_cnn, parameter_count

        before = parameter_count(subject.model)
        if self.importance == "taylor" and self.sparsity > 0:
            context.gradients(subject)
        cut = self._channels if is_cnn(subject.model) else self._neurons
        cut(subject, context)
        for parameter in subject.model.parameters():
            parameter.grad = None
        after = parameter_count(subject.model)
        context.note(
            f"{plain_number(before)} parameters became {plain_number(after)} ({after / before - 1:+.1%}).",
            parameters_before=before,
            parameters_after=after,
        )

    def _neurons(self, subject: ModelSubject, context: Context) -> None:
        from explorer.models.layers import feed_forwards

        blocks = [
            (subject.model.get_submodule(block.up), subject.model.get_submodule(block.down))
            for block in feed_forwards(subject.model)
        ]
        scores = [neuron_scores(up, down, self.importance, context.seed + i) for i, (up, down) in enumerate(blocks)]
        kept = choose_kept(scores, self.sparsity, self.scope, self.round_to)
        for (up, down), keep in zip(blocks, kept, strict=True):
            keep_neurons(up, down, keep)
        widths = ", ".join(str(len(keep)) for keep in kept)
        context.note(f"Neurons left in each feed-forward layer: {widths} of {len(scores[0])}.")

    def _channels(self, subject: ModelSubject, context: Context) -> None:
        left = prune_channels(
            subject.model, subject.preprocessor.dummy(2, 16), self.sparsity, self.importance, self.scope,
            self.round_to, context.seed,
        )  # fmt: skip
        context.note("Channels left in each convolution: " + ", ".join(str(width) for width in left) + ".")


def neuron_scores(up: Any, down: Any, importance: Importance, seed: int) -> torch.Tensor:
    """Importance of each of a feed-forward block's F neurons, [F].

    A neuron is its row of ``up`` [F, H] with its bias and its column of ``down`` [H, F]: l1 and l2 sum |w| and w²
    over them, taylor sums |w · gradient| (gradients must be there), random is seeded.
    """
    import torch

    if importance == "random":
        return torch.rand(up.out_features, generator=torch.Generator().manual_seed(seed))
    total = torch.zeros(up.out_features)
    for parameter, axis in ((up.weight, 1), (up.bias, None), (down.weight, 0)):
        if parameter is None:
            continue
        value = parameter.detach() * parameter.grad if importance == "taylor" else parameter.detach()
        size = value.square() if importance == "l2" else value.abs()
        total += size if axis is None else size.sum(dim=axis)
    return total


def choose_kept(scores: list[torch.Tensor], sparsity: float, scope: Scope, round_to: int) -> list[torch.Tensor]:
    """Sorted indices of the neurons that stay in each layer; widths are multiples of ``round_to`` where they can be.

    At least one neuron (or ``round_to`` of them, where there are as many) stays in each layer. A layer that loses none
    keeps its width, whatever it is.
    """
    import torch

    if scope == "uniform":
        wanted = [len(score) * (1 - sparsity) for score in scores]
    else:
        every = torch.cat([score / score.mean() for score in scores])
        count = round(sparsity * every.numel())
        threshold = torch.sort(every).values[count - 1] if count else torch.tensor(-1.0)
        wanted = [float((score / score.mean() > threshold).sum()) for score in scores]
    kept = []
    for score, width in zip(scores, wanted, strict=True):
        rounded = max(round_to, round(width / round_to) * round_to) if width < len(score) else len(score)
        kept.append(torch.topk(score, min(len(score), rounded)).indices.sort().values)
    return kept


def keep_neurons(up: Any, down: Any, keep: torch.Tensor) -> None:
    """Cut a feed-forward block down to the neurons ``keep`` (sorted indices), in place."""
    import torch

    with torch.no_grad():
        up.weight = torch.nn.Parameter(up.weight[keep].clone())
        if up.bias is not None:
            up.bias = torch.nn.Parameter(up.bias[keep].clone())
        down.weight = torch.nn.Parameter(down.weight[:, keep].clone())
    up.out_features = down.in_features = len(keep)


def prune_channels(
    model: torch.nn.Module,
    example: dict[str, Any],
    sparsity: float,
    importance: Importance,
    scope: Scope,
    round_to: int,
    seed: int,
) -> list[int]:
    """Remove channels of a CNN with everything that depends on them (torch-pruning); returns the widths left.

    ``example`` holds ``pixel_values`` [N, C, H, W]. Gradients must be there for ``taylor``.
    """
    import torch
    import torch_pruning

    from explorer.models.layers import head

    torch.manual_seed(seed)
    scores = {
        "l1": lambda: torch_pruning.importance.GroupMagnitudeImportance(p=1),
        "l2": lambda: torch_pruning.importance.GroupMagnitudeImportance(p=2),
        "taylor": torch_pruning.importance.GroupTaylorImportance,
        "random": torch_pruning.importance.RandomImportance,
    }
    pixels = torch.from_numpy(example["pixel_values"])
    pruner = torch_pruning.pruner.BasePruner(
        model,
        pixels,
        importance=scores[importance](),
        pruning_ratio=sparsity,
        global_pruning=scope == "global",
        round_to=round_to if round_to > 1 else None,
        ignored_layers=[model.get_submodule(head(model))],
        output_transform=lambda output: output.logits,
    )
    pruner.step()
    return [module.out_channels for module in model.modules() if isinstance(module, torch.nn.Conv2d)]
