"""What the unstructured techniques share: which weights they may take, how sparse each layer becomes, and the note."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from explorer.context import Context, ModelSubject, plain_number
from explorer.techniques.pruning.masks import GONE, keep_all_but, keep_largest, least_costly_counts

if TYPE_CHECKING:
    import torch

    from explorer.models.activations import Activations, Arrays

Scope = Literal["global", "layer", "sensitivity"]
Tensors = dict[str, "torch.Tensor"]

SCOPE_HELP = (
    "Compare weights across the whole model (global), inside each layer on its own (layer), or inside layers of which "
    "those lose least whose pruning alone changes the answers most (sensitivity)."
)
SENSITIVITY_PAPER = "sensitivity: after Li et al., Pruning filters for efficient convnets, 2017, arXiv:1608.08710"
SAMPLES = 64


def with_inputs(weights: Mapping[str, torch.nn.Parameter], found: Mapping[str, Activations]) -> dict[str, Activations]:
    """What flows into the layer of each weight, by the weight's name; layers that nothing flows through are missing."""
    layers = {name: name.removesuffix(".weight") for name in weights}
    return {name: found[layer] for name, layer in layers.items() if layer in found}


def last_of_all(scores: Tensors, kept: Mapping[str, torch.Tensor]) -> Tensors:
    """The scores, with those that an earlier step removed (False in ``kept``, by name) put below all others."""
    return {
        name: score.masked_fill(~kept[name].to(score.device), GONE) if name in kept else score
        for name, score in scores.items()
    }


def choose_masks(
    subject: ModelSubject, context: Context, scores: Tensors, sparsity: float, scope: Literal[Scope, "row"]
) -> Tensors:
    """A mask for each of ``scores`` by parameter name; what an earlier step removed goes first."""
    scores = last_of_all(scores, subject.keep_zeros())
    if scope != "sensitivity":
        return dict(zip(scores, keep_largest(list(scores.values()), sparsity, scope), strict=True))
    counts = counts_by_sensitivity(subject, context, scores, sparsity)
    return {name: keep_all_but(score, counts[name]) for name, score in scores.items()}


def zero(subject: ModelSubject, context: Context, masks: Tensors) -> None:
    """Set what the masks leave out to zero, in every later training too, and note how much that is."""
    import torch

    from explorer.models.layers import parameter_count

    with torch.no_grad():
        for name, mask in masks.items():
            subject.model.get_parameter(name).mul_(mask)
    subject.pruned.update(masks)
    zeros, total = sum(int((~mask).sum()) for mask in masks.values()), parameter_count(subject.model)
    context.note(
        f"Set {plain_number(zeros)} of the model's {plain_number(total)} parameters to zero "
        f"({zeros / total:.1%}); they stay in the file as zeros.",
        zeros=zeros,
    )


def counts_by_sensitivity(subject: ModelSubject, context: Context, scores: Tensors, sparsity: float) -> dict[str, int]:
    """How many weights go from each layer, round(sparsity x count) in all, for the least sum of ``layer_costs``."""
    total = round(sparsity * sum(score.numel() for score in scores.values()))
    if not total:
        return dict.fromkeys(scores, 0)
    levels = [0.0, sparsity / 2, sparsity, (1 + 2 * sparsity) / 3, (2 + sparsity) / 3]
    counts = {name: [-int(-level * score.numel() // 1) for level in levels] for name, score in scores.items()}
    costs = layer_costs(subject, context, scores, counts)
    chosen = dict(zip(scores, least_costly_counts(list(counts.values()), list(costs.values()), total), strict=True))
    shares = {name.removesuffix(".weight"): chosen[name] / score.numel() for name, score in scores.items()}
    least, most = min(shares, key=lambda name: shares[name]), max(shares, key=lambda name: shares[name])
    context.note(f"Layers lose from {shares[least]:.0%} ({least}) to {shares[most]:.0%} ({most}) of their weights.")
    return chosen


def layer_costs(
    subject: ModelSubject, context: Context, scores: Tensors, counts: Mapping[str, list[int]]
) -> dict[str, list[float]]:
    """What it costs to remove from one layer alone so many of its weights as ``counts`` tells.

    The cost is the mean divergence KL(before || after) of the answers to 64 calibration inputs.
    """
    import torch

    part = context.task.splits["calibration"].subset(SAMPLES, context.seed)
    inputs = subject.preprocessor.encode(part.inputs)
    costs: dict[str, list[float]] = {}
    with torch.no_grad():
        exact = _log_answers(subject.model, inputs)
        for number, (name, score) in enumerate(scores.items()):
            context.report(
                stage="apply", text=f"Sensitivity of layer {number + 1} of {len(scores)}", fraction=number / len(scores)
            )
            weight = subject.model.get_parameter(name)
            whole, costs[name] = weight.clone(), []
            for count in counts[name]:
                weight.copy_(whole * keep_all_but(score, count))
                costs[name].append(_divergence(exact, _log_answers(subject.model, inputs)) if count else 0.0)
            weight.copy_(whole)
    return costs


def _log_answers(model: torch.nn.Module, inputs: Arrays) -> torch.Tensor:
    import torch

    from explorer.models.activations import batches

    model.eval()
    answers = [model(**batch).logits.float() for batch in batches(inputs)]
    return torch.nn.functional.log_softmax(torch.cat(answers), dim=-1)


def _divergence(exact: torch.Tensor, other: torch.Tensor) -> float:
    from torch.nn import functional

    return float(functional.kl_div(other, exact, log_target=True, reduction="batchmean"))
