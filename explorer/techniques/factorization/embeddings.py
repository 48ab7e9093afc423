"""Factorised embeddings: the table of words as a narrow table and a linear layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from explorer.context import Context, ModelSubject, plain_number
from explorer.errors import BadInput
from explorer.technique import Family, ModelKind, Stage, Technique, choice, slider
from explorer.techniques.factorization.truncation import ChooseBy, Thinness, pays

if TYPE_CHECKING:
    import torch

    from explorer.models.modules import FactorizedEmbedding


class FactorizeEmbeddings(Technique):
    """Stores the table of words as a narrow table and a linear layer that widens its rows, as ALBERT does; half of a
    small text model becomes a fraction.

    The factors come from a truncated singular value decomposition of the table. In later training the narrow table is
    frozen, as word embeddings are, and the layer learns.
    """

    name: ClassVar[str] = "factorize-embeddings"
    title: ClassVar[str] = "Factorised embeddings"
    family: ClassVar[Family] = "factorization"
    stage: ClassVar[Stage] = "model"
    effect: ClassVar[tuple[str, ...]] = ("file size", "zipped size", "parameters")
    cost: ClassVar[str] = (
        "Costs accuracy, of which fine-tuning after it brings a part back, and one more layer to compute."
    )
    paper: ClassVar[str] = "Lan et al., ALBERT, 2019, arXiv:1909.11942"
    suits: ClassVar[tuple[ModelKind, ...]] = ("text transformer",)

    choose_by: ChooseBy = choice(
        "rank", help="What decides how narrow the table is: a share of its width, the energy that stays, or both."
    )
    rank: float = slider(
        0.5, low=0.05, high=1.0, step=0.005, unit="fraction", only_with="choose_by=rank|both",
        help="Width of the narrow table as a share of the width of the whole one.",
        move="Higher: closer to the whole table, less saved. Lower: a smaller file, less accurate.",
    )  # fmt: skip
    energy: float = slider(
        0.9, low=0.1, high=1.0, step=0.01, unit="fraction", only_with="choose_by=energy|both",
        help="Share of the sum of squared singular values that stays at least.",
        move="Higher: closer to the whole table, less saved. Lower: a smaller file, less accurate.",
    )  # fmt: skip

    def apply(self, subject: ModelSubject, context: Context) -> None:
        import torch

        model: Any = subject.model
        old = model.get_input_embeddings()
        if not isinstance(old, torch.nn.Embedding):
            raise BadInput("'factorize-embeddings' wants a table of words; given was one that is factorised already.")
        context.report(stage="apply", text="Factorising the table of words")
        table, layer = table_factors(old.weight, Thinness(self.choose_by, self.rank, self.energy))
        if not pays(len(table), len(layer), table.shape[1]):
            context.note("The table stays as it is: two factors of this width would be larger.")
            return
        model.set_input_embeddings(_joined(table, layer, old))
        lost = float((table @ layer.T - old.weight.detach()).square().sum() / old.weight.detach().square().sum())
        before, after = old.weight.numel(), table.numel() + layer.numel()
        context.note(
            f"{plain_number(before)} numbers of the table became {plain_number(after)}, of width {table.shape[1]}; "
            f"{1 - lost:.1%} of its energy stays.",
            parameters_before=before,
            parameters_after=after,
            energy=1 - lost,
        )


def table_factors(table: torch.Tensor, thinness: Thinness) -> tuple[torch.Tensor, torch.Tensor]:
    """A table [V, H] as [V, rank] and [H, rank]; ``first @ second.T`` is nearest to it, and ``second`` orthonormal.

    Found by the eigenvectors of tableᵀ table, [H, H], since V is large.
    """
    import torch

    weight = table.detach().double()
    squares, vectors = torch.linalg.eigh(weight.T @ weight)
    rank = thinness(squares.flip(0).clamp_min(0).sqrt()[: min(weight.shape)])
    layer = vectors.flip(1)[:, :rank]
    return (weight @ layer).to(table.dtype), layer.to(table.dtype).contiguous()


def _joined(table: torch.Tensor, layer: torch.Tensor, old: torch.nn.Embedding) -> FactorizedEmbedding:
    import torch

    from explorer.models.modules import FactorizedEmbedding

    made = FactorizedEmbedding(len(table), table.shape[1], len(layer), padding_idx=old.padding_idx)
    with torch.no_grad():
        made[0].weight.copy_(table)  # type: ignore[operator]
        made[1].weight.copy_(layer)  # type: ignore[operator]
    return made.train(old.training)
