"""Low-rank layers: a linear layer as two thin ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from explorer.context import Context, ModelSubject, plain_number
from explorer.technique import Family, ModelKind, Need, Stage, Technique, choice, slider
from explorer.techniques.factorization.truncation import (
    ChooseBy,
    Thinness,
    factors,
    pays,
    scaling_root,
    whitening_root,
)

if TYPE_CHECKING:
    import torch

    from explorer.models.activations import Activations
    from explorer.models.modules import LowRankLinear

Weighting = Literal["none", "scaled", "whitened"]

ZEROS = (
    *("prune-magnitude", "prune-taylor", "prune-wanda", "prune-movement", "prune-activation-variance"),
    *("prune-gradual", "prune-n-m"),
)
"""What leaves zeros among the weights."""


class LowRank(Technique):
    """Replaces a linear layer by two thin ones found by truncated singular value decomposition, where these are
    smaller; fewer parameters and less to compute.

    The head stays whole, and so does a layer that two factors would not make smaller. ``scaled`` weights each input by
    how large it is (ASVD), ``whitened`` makes the error of the outputs over calibration inputs the least possible
    (SVD-LLM).
    """

    name: ClassVar[str] = "low-rank"
    title: ClassVar[str] = "Low-rank layers"
    family: ClassVar[Family] = "factorization"
    stage: ClassVar[Stage] = "model"
    needs: ClassVar[frozenset[Need]] = frozenset({"calibration"})
    effect: ClassVar[tuple[str, ...]] = ("file size", "zipped size", "parameters", "latency")
    cost: ClassVar[str] = "Costs accuracy, of which fine-tuning after it brings a part back."
    paper: ClassVar[str] = (
        "scaled: Yuan et al., ASVD, 2023, arXiv:2312.05821; whitened: Wang et al., SVD-LLM, 2024, arXiv:2403.07378"
    )
    suits: ClassVar[tuple[ModelKind, ...]] = ("text transformer", "vision transformer")
    not_after: ClassVar[dict[str, str]] = dict.fromkeys(ZEROS, "the factors of a pruned matrix have no zeros")

    choose_by: ChooseBy = choice(
        "rank",
        help="What decides how thin the factors are: a share of the rank, the energy that stays, or both.",
    )
    rank: float = slider(
        0.5, low=0.05, high=1.0, step=0.05, unit="fraction", only_with="choose_by=rank|both",
        help="Share of a matrix's singular values that stay; a square one becomes smaller below a half.",
        move="Higher: closer to the original, less saved. Lower: smaller and faster, less accurate.",
    )  # fmt: skip
    energy: float = slider(
        0.9, low=0.1, high=1.0, step=0.01, unit="fraction", only_with="choose_by=energy|both",
        help="Share of the sum of squared singular values that stays at least.",
        move="Higher: closer to the original, less saved. Lower: smaller and faster, less accurate.",
    )  # fmt: skip
    weighting: Weighting = choice(
        "none",
        help="Whether inputs count alike (none), by their size over calibration data (scaled), or by how they occur "
        "together (whitened).",
    )

    def apply(self, subject: ModelSubject, context: Context) -> None:
        from explorer.models.layers import parameter_count

        before, model = parameter_count(subject.model), subject.model
        names = [name for name, _ in linears(model)]
        found = context.activations(subject, gram=self.weighting == "whitened") if self.weighting != "none" else {}
        ranks = []
        for place, name in enumerate(names):
            context.report(stage="apply", text=f"Factorising layer {place + 1} of {len(names)}")
            pair = self._pair(model.get_submodule(name), found.get(name))
            if pair is not None:
                ranks.append(pair.rank)
                _replace(model, name, pair)
        after = parameter_count(model)
        self._note(context, ranks, len(names))
        context.note(
            f"{plain_number(before)} parameters became {plain_number(after)} ({after / before - 1:+.1%}).",
            parameters_before=before,
            parameters_after=after,
        )

    def _pair(self, linear: torch.nn.Module, inputs: Activations | None) -> LowRankLinear | None:
        """Two layers for one; None where they would not be smaller."""
        weight: torch.Tensor = linear.weight  # type: ignore[assignment]
        thinness, root = Thinness(self.choose_by, self.rank, self.energy), None
        rank = thinness.fixed(min(weight.shape))
        if rank is not None and not pays(weight.shape[0], weight.shape[1], rank):
            return None
        if inputs is not None:
            root = scaling_root(inputs.norm) if inputs.gram is None else whitening_root(inputs.gram)
        first, second = factors(weight, thinness, root)
        return joined(first, second, linear) if pays(len(second), first.shape[1], len(first)) else None

    def _note(self, context: Context, ranks: list[int], count: int) -> None:
        if not ranks:
            context.note("No layer was factorised: two factors of this rank would be larger than one matrix.")
            return
        span = f"rank {ranks[0]}" if len(set(ranks)) == 1 else f"ranks from {min(ranks)} to {max(ranks)}"
        left = count - len(ranks)
        more = f"; {left} stay, as two factors would not be smaller" if left else ""
        context.note(f"{len(ranks)} of {count} layers became two, of {span}{more}.", factorised=float(len(ranks)))


def linears(model: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Linear]]:
    """Linear layers by name, but not the head and not the factors of what was factorised before."""
    import torch

    from explorer.models.layers import head
    from explorer.models.modules import FactorizedEmbedding, LowRankLinear

    last = head(model)
    factored = tuple(f"{n}." for n, m in model.named_modules() if isinstance(m, (LowRankLinear, FactorizedEmbedding)))
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and name != last and not name.startswith(factored or "\0"):
            yield name, module


def joined(first: torch.Tensor, second: torch.Tensor, linear: torch.nn.Module) -> LowRankLinear:
    """The two factors, [rank, in] and [out, rank], as layers, with the bias of ``linear``."""
    import torch

    from explorer.models.modules import LowRankLinear

    bias: torch.Tensor | None = linear.bias  # type: ignore[assignment]
    made = LowRankLinear(first.shape[1], len(first), len(second), bias=bias is not None)
    with torch.no_grad():
        made[0].weight.copy_(first)  # type: ignore[operator]
        made[1].weight.copy_(second)  # type: ignore[operator]
        if bias is not None:
            made[1].bias.copy_(bias)  # type: ignore[operator]
    return made.train(linear.training)


def _replace(model: torch.nn.Module, name: str, new: torch.nn.Module) -> None:
    """Put ``new`` in the place of a module under each of its names."""
    old = model.get_submodule(name)
    places = [other for other, module in model.named_modules(remove_duplicate=False) if module is old]
    for place in places:
        parent, _, child = place.rpartition(".")
        setattr(model.get_submodule(parent), child, new)
