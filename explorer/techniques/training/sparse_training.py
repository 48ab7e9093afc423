"""Training with a penalty on the weights, after which those that became small are removed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from explorer.context import Context, LearningRate, ModelSubject
from explorer.technique import Family, Need, Stage, Technique, choice, flag, slider
from explorer.techniques import sliders
from explorer.techniques.pruning.neurons import keep_neurons
from explorer.techniques.pruning.removal import removal
from explorer.techniques.pruning.zeroing import Tensors, zero

if TYPE_CHECKING:
    import torch

    from explorer.models.layers import FeedForward

Penalty = Literal["l1", "l2", "huber", "group-lasso"]


class SparseTraining(Technique):
    """Trains with a penalty that pulls weights towards zero, then removes what fell under a threshold: single weights
    become zero, and with group lasso whole feed-forward neurons go for good.

    A layer's typical weight, the root of the mean of its squares before the training, is the unit of threshold and
    penalty; the penalty is a mean over all weights and about 1 at the start. Of a CNN group lasso sets whole output
    channels to zero. Zeros shrink the zipped file only, neurons that are gone shrink everything. The classification
    head is left alone. With strength 0 and threshold 0 this is fine-tuning.
    """

    name: ClassVar[str] = "sparse-training"
    title: ClassVar[str] = "Training towards sparsity"
    family: ClassVar[Family] = "training"
    stage: ClassVar[Stage] = "model"
    needs: ClassVar[frozenset[Need]] = frozenset({"training"})
    effect: ClassVar[tuple[str, ...]] = ("zipped size",)
    cost: ClassVar[str] = "Costs training time, and accuracy where much is removed."
    paper: ClassVar[str] = (
        "l1, l2: Han et al., Learning both weights and connections, 2015, arXiv:1506.02626; "
        "group-lasso: Wen et al., Learning structured sparsity in deep neural networks, 2016, arXiv:1608.03665"
    )

    penalty: Penalty = choice(
        "l1",
        help="Pull all weights as hard (l1), large ones harder (l2), large ones no harder than middling ones (huber), "
        "or all weights of a neuron together (group-lasso).",
    )
    strength: Literal[0, 1, 3, 10, 30, 100, 300] = choice(
        10,
        help="Weight of the penalty, which is about 1 at the start, against the loss.",
        move="Higher: more is removed, less accurate. Lower: less is removed, more accurate.",
    )
    huber_delta: float = slider(
        0.5, low=0.1, high=2.0, step=0.1, only_with="penalty=huber",
        help="Size from which weights are pulled no harder, as a multiple of their layer's typical weight.",
        move="Higher: large weights are pulled harder, as by squares. Lower: all alike, as by absolute values.",
    )  # fmt: skip
    threshold: float = slider(
        0.5, low=0.0, high=1.5, step=0.05,
        help="Weights, or neurons on average, below this multiple of their layer's typical weight are removed.",
        move="Higher: more is removed, less accurate. Lower: less is removed, more accurate.",
    )  # fmt: skip
    epochs: float = sliders.passes()
    learning_rate: LearningRate = choice(
        "usual", help="Size of the steps: what suits this kind of model (usual), 0.3 times that, or 3 times that."
    )
    distill: bool = flag(True, help="Learn from the uncompressed model's answers as well as from the labels.")

    def apply(self, subject: ModelSubject, context: Context) -> None:
        from explorer.models.layers import is_cnn
        from explorer.training.sparsifying import PenaltyLesson, typical_size

        parts = penalised(subject.model, self.penalty)
        sizes = {name: typical_size(part) for name, part in parts().items()}
        before = self._small(parts(), sizes)
        context.train(
            subject, epochs=self.epochs, learning_rate=self.learning_rate, distill=self.distill,
            lesson=PenaltyLesson(parts, sizes, self._penalty(), self.strength),
        )  # fmt: skip
        small = self._small(parts(), sizes)
        one = "neurons or channels" if self.penalty == "group-lasso" else "weights"
        context.note(f"{share(small):.1%} of the {one} are under the threshold; {share(before):.1%} were before.")
        if self.penalty == "group-lasso" and not is_cnn(subject.model):
            self._remove_neurons(subject, context, small)
        else:
            weights = {name: subject.model.get_parameter(name) for name in small}
            zero(subject, context, {name: ~_beside(part, weights[name]) for name, part in small.items()})

    def _penalty(self) -> Callable[[torch.Tensor], torch.Tensor]:
        from explorer.training.sparsifying import group_lasso_penalty, huber_penalty, l1_penalty, l2_penalty

        huber = partial(huber_penalty, delta=self.huber_delta)
        known: dict[str, Callable[[torch.Tensor], torch.Tensor]]
        known = {"l1": l1_penalty, "l2": l2_penalty, "huber": huber, "group-lasso": group_lasso_penalty}
        return known[self.penalty]

    def _small(self, parts: Tensors, sizes: dict[str, float]) -> Tensors:
        find = small_groups if self.penalty == "group-lasso" else small_weights
        return {name: find(part, self.threshold * sizes[name]) for name, part in parts.items()}

    def _remove_neurons(self, subject: ModelSubject, context: Context, small: Tensors) -> None:
        if not any(bool(part.any()) for part in small.values()):
            context.note("No neuron went: more strength, epochs or threshold would be needed.")
            return
        blocks, left = feed_forward_blocks(subject.model), []
        with removal(subject, context):
            for block in blocks:
                up, down = subject.model.get_submodule(block.up), subject.model.get_submodule(block.down)
                stay = (~small[block.up]).nonzero().flatten()
                keep_neurons(up, down, stay)
                left.append(len(stay))
        widths = ", ".join(str(width) for width in left)
        context.note(f"Neurons left in each feed-forward layer: {widths} of {len(small[blocks[0].up])}.")


def small_weights(weight: torch.Tensor, limit: float) -> torch.Tensor:
    """A mask of what is nearer to zero than ``limit``."""
    return weight.detach().abs() < limit


def small_groups(groups: torch.Tensor, limit: float) -> torch.Tensor:
    """Which of the groups, [G, K], have a root mean square below ``limit``, [G]; the largest has not."""
    import torch

    sizes = groups.detach().square().mean(dim=1).sqrt()
    return (sizes < limit) & (torch.arange(len(sizes)) != sizes.argmax())


def share(masks: Tensors) -> float:
    """The share of True in all masks."""
    return sum(float(mask.sum()) for mask in masks.values()) / sum(mask.numel() for mask in masks.values())


def feed_forward_blocks(model: torch.nn.Module) -> list[FeedForward]:
    """The feed-forward blocks, those that share their weights once."""
    from explorer.models.layers import feed_forwards
    from explorer.models.surgery import distinct

    return distinct(model, feed_forwards(model), lambda block: block.up)


def penalised(model: torch.nn.Module, penalty: Penalty) -> Callable[[], Tensors]:
    """Gives, whenever asked, the weights that ``penalty`` works on as they are then, by name.

    For group lasso they are groups [G, K]: a CNN's output channels, or feed-forward neurons, each its row of the first
    layer with its bias and its column of the second; these go by the name of the first layer.
    """
    from explorer.models.layers import is_cnn, weighted
    from explorer.models.surgery import cuts

    weights: Any = weighted(model, embeddings=False)
    if penalty != "group-lasso":
        return lambda: weights
    if is_cnn(model):
        return lambda: {name: weight.flatten(1) for name, weight in weights.items()}
    places = {
        block.up: cuts(model.get_submodule(block.up), "outputs") + cuts(model.get_submodule(block.down), "inputs")
        for block in feed_forward_blocks(model)
    }
    return lambda: {name: _rows([(cut.tensor, cut.axis) for cut in found]) for name, found in places.items()}


def _rows(parts: list[tuple[torch.Tensor, int]]) -> torch.Tensor:
    """Tensors side by side, [G, K], each with the G entries of its axis as rows."""
    import torch

    return torch.cat([tensor.movedim(axis, 0).reshape(tensor.shape[axis], -1) for tensor, axis in parts], dim=1)


def _beside(mask: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """A mask of weights, or of their first axis, in the shape of the weight."""
    return mask.reshape(*mask.shape, *[1] * (weight.dim() - mask.dim())).expand_as(weight)
