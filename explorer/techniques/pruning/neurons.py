"""Structured pruning of feed-forward neurons and CNN channels, physically removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from explorer.context import Context, ModelSubject
from explorer.errors import BadInput
from explorer.technique import Family, Need, Stage, Technique, choice
from explorer.techniques import sliders
from explorer.techniques.pruning.removal import (
    BREAKS_PATTERNS,
    Scope,
    choose_kept,
    mean_squares,
    random_scores,
    removal,
    weight_scores,
)

if TYPE_CHECKING:
    import torch

    from explorer.models.activations import Activations

Importance = Literal["l2", "l1", "taylor", "activation", "batch-norm", "random"]


class PruneNeurons(Technique):
    """Removes the least important feed-forward neurons (of a CNN: channels) for good, so the model has fewer
    parameters and less to compute.

    Transformers are cut by our own surgery; CNN channels, with everything that depends on them, by torch-pruning.
    """

    name: ClassVar[str] = "prune-neurons"
    title: ClassVar[str] = "Neuron and channel pruning"
    family: ClassVar[Family] = "pruning"
    stage: ClassVar[Stage] = "model"
    needs: ClassVar[frozenset[Need]] = frozenset({"calibration", "gradients"})
    effect: ClassVar[tuple[str, ...]] = ("file size", "zipped size", "parameters", "latency")
    cost: ClassVar[str] = "Costs accuracy, of which fine-tuning after it brings a part back."
    not_after: ClassVar[dict[str, str]] = BREAKS_PATTERNS
    paper: ClassVar[str] = (
        "Fang et al., DepGraph: towards any structural pruning, 2023, arXiv:2301.12900; "
        "taylor: Molchanov et al., 2019, arXiv:1906.10771; "
        "batch-norm: Liu et al., Network slimming, 2017, arXiv:1708.06519"
    )

    sparsity: float = sliders.removed("neurons or channels")
    importance: Importance = choice(
        "l2",
        help="What makes a neuron important: the size of its weights (l2, l1), its effect on the loss "
        "(taylor, needs gradients), how strongly it answers to calibration inputs (activation), the scale of the batch "
        "norm behind it (batch-norm, CNNs only), or chance (random, to compare with).",
    )
    scope: Scope = choice(
        "uniform", help="The same share from every layer (uniform), or the least important of all layers (global)."
    )
    round_to: Literal[1, 8, 16] = choice(
        8, help="Widths become multiples of this; kernels like 8 and 16.", move=sliders.ROUND_TO
    )

    def apply(self, subject: ModelSubject, context: Context) -> None:
        from explorer.models.layers import is_cnn

        if self.importance == "batch-norm":
            _check_batch_norm(subject.model)
        if self.sparsity == 0:
            context.note("Nothing was removed.")
            return
        with removal(subject, context, gradients=self.importance == "taylor"):
            found = context.activations(subject) if self.importance == "activation" else {}
            cut = self._channels if is_cnn(subject.model) else self._neurons
            cut(subject, context, found)

    def _neurons(self, subject: ModelSubject, context: Context, found: dict[str, Activations]) -> None:
        from explorer.models.layers import feed_forwards
        from explorer.models.surgery import distinct

        names = distinct(subject.model, feed_forwards(subject.model), lambda block: block.up)
        blocks = [(subject.model.get_submodule(block.up), subject.model.get_submodule(block.down)) for block in names]
        if self.importance == "activation":
            scores = [mean_squares(found, block.down) for block in names]
        else:
            scores = [neuron_scores(up, down, self.importance, context.seed + i) for i, (up, down) in enumerate(blocks)]
        kept = choose_kept(scores, self.sparsity, self.scope, self.round_to)
        for (up, down), keep in zip(blocks, kept, strict=True):
            keep_neurons(up, down, keep)
        widths = ", ".join(str(len(keep)) for keep in kept)
        context.note(f"Neurons left in each feed-forward layer: {widths} of {len(scores[0])}.")

    def _channels(self, subject: ModelSubject, context: Context, found: dict[str, Activations]) -> None:
        left = prune_channels(
            subject.model, subject.preprocessor.dummy(2, 16), self.sparsity, self.importance, self.scope,
            self.round_to, context.seed, {name: mean_squares(found, name) for name in found},
        )  # fmt: skip
        context.note("Channels left in each convolution: " + ", ".join(str(width) for width in left) + ".")


def _check_batch_norm(model: torch.nn.Module) -> None:
    import torch

    if not any(isinstance(module, torch.nn.BatchNorm2d) for module in model.modules()):
        config: Any = model.config
        raise BadInput(
            f"The importance 'batch-norm' needs a CNN with batch norm; a '{config.model_type}' has none. "
            "Take 'l2' or 'activation' instead."
        )


def neuron_scores(up: Any, down: Any, importance: Importance, seed: int) -> torch.Tensor:
    """Importance of each of a feed-forward block's F neurons, [F], by ``l1``, ``l2``, ``taylor`` or ``random``.

    A neuron is its row of ``up`` [F, H] with its bias and its column of ``down`` [H, F].
    """
    from explorer.models.surgery import cuts

    if importance == "random":
        return random_scores(up.out_features, seed)
    return weight_scores(cuts(up, "outputs") + cuts(down, "inputs"), importance)  # type: ignore[arg-type]


def keep_neurons(up: Any, down: Any, index: torch.Tensor) -> None:
    """Cut a feed-forward block down to the neurons ``index`` (sorted), in place."""
    from explorer.models.surgery import cuts, keep

    keep(cuts(up, "outputs") + cuts(down, "inputs"), index)


def prune_channels(
    model: torch.nn.Module,
    example: dict[str, Any],
    sparsity: float,
    importance: Importance,
    scope: Scope,
    round_to: int,
    seed: int,
    squares: dict[str, torch.Tensor] | None = None,
) -> list[int]:
    """Remove channels of a CNN with everything that depends on them (torch-pruning); returns the widths left.

    ``example`` holds ``pixel_values`` [N, C, H, W]. Gradients must be there for ``taylor``;
    ``squares`` gives the mean square of each input channel of every layer, by its name, for ``activation``.
    """
    import torch
    import torch_pruning

    from explorer.models.layers import head

    torch.manual_seed(seed)
    scores = {
        "l1": lambda: torch_pruning.importance.GroupMagnitudeImportance(p=1),
        "l2": lambda: torch_pruning.importance.GroupMagnitudeImportance(p=2),
        "taylor": torch_pruning.importance.GroupTaylorImportance,
        "batch-norm": torch_pruning.importance.BNScaleImportance,
        "activation": lambda: _activation_importance(model, squares or {}),
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


def _activation_importance(model: torch.nn.Module, squares: dict[str, torch.Tensor]) -> Any:
    """Importance of a channel for torch-pruning: its mean square where the layers behind read it, their mean."""
    import torch_pruning

    reading = (torch_pruning.prune_conv_in_channels, torch_pruning.prune_linear_in_channels)
    known = {model.get_submodule(name): square for name, square in squares.items()}

    class ActivationImportance(torch_pruning.importance.GroupMagnitudeImportance):  # type: ignore[misc]
        def __call__(self, group: Any) -> torch.Tensor | None:
            members = [(dep, idxs, group[i].root_idxs) for i, (dep, idxs) in enumerate(group)]
            read = [
                (known[d.layer][i], roots) for d, i, roots in members if d.pruning_fn in reading and d.layer in known
            ]
            if not read:
                return None
            scores, roots = zip(*read, strict=True)
            return self._normalize(self._reduce(list(scores), list(roots)), self.normalizer)  # type: ignore[no-any-return]

    return ActivationImportance()
