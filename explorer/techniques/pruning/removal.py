"""What the structured techniques share: how important a row or column is, which stay, and what was removed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from explorer.context import Context, ModelSubject, plain_number
from explorer.errors import BadInput

if TYPE_CHECKING:
    import torch

    from explorer.models.activations import Activations
    from explorer.models.surgery import Cut

Importance = Literal["l2", "l1", "taylor", "activation", "random"]
Scope = Literal["uniform", "global"]

BREAKS_PATTERNS = {"prune-n-m": "columns that move together break the pattern of n in m; put the cut first"}
"""For ``not_after`` of whatever removes columns."""


def weight_scores(places: list[Cut], importance: Literal["l2", "l1", "taylor"]) -> torch.Tensor:
    """Importance of each of the N entries along the axes of ``places``, [N].

    l1 and l2 sum |w| and w² over what belongs to an entry, taylor sums |w · gradient| (gradients must be there).
    """
    import torch

    first = places[0]
    total = torch.zeros(first.tensor.shape[first.axis])
    for place in places:
        weight: Any = place.tensor
        value = weight.detach() * weight.grad if importance == "taylor" else weight.detach()
        size = value.square() if importance == "l2" else value.abs()
        others = [axis for axis in range(size.dim()) if axis != place.axis]
        total += size.sum(dim=others) if others else size
    return total


def random_scores(count: int, seed: int) -> torch.Tensor:
    """Seeded chance, [count]."""
    import torch

    return torch.rand(count, generator=torch.Generator().manual_seed(seed))


def mean_squares(found: dict[str, Activations], layer: str) -> torch.Tensor:
    """The mean square of each input feature of a layer over the calibration inputs, [K]."""
    import torch

    one = found.get(layer) or found[f"{layer}.0"]  # the first factor of a layer that was factorised
    return torch.from_numpy(one.norm**2 / one.count).float()


def per_head(scores: torch.Tensor, head_size: int) -> torch.Tensor:
    """Scores of features, [heads x head_size], summed to [heads]."""
    return scores.view(-1, head_size).sum(dim=1)


def choose_kept(scores: list[torch.Tensor], sparsity: float, scope: Scope, round_to: int) -> list[torch.Tensor]:
    """Sorted indices of what stays of each layer; widths are multiples of ``round_to`` where they can be.

    At least one entry (or ``round_to`` of them, where there are as many) stays in each layer. A layer that loses none
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


@contextmanager
def removal(subject: ModelSubject, context: Context, gradients: bool = False) -> Iterator[None]:
    """Around the surgery: gradients before it where asked for; afterwards proof that the model runs, and the note.

    Raises ``BadInput`` where the architecture's own code does not take the sizes that are left.
    """
    from explorer.models.layers import parameter_count

    before = parameter_count(subject.model)
    if gradients:
        context.gradients(subject)
    yield
    for parameter in subject.model.parameters():
        parameter.grad = None
    _check_runs(subject)
    after = parameter_count(subject.model)
    if after == before:
        context.note("Nothing was removed: the share is too small for what must stay or for widths of that multiple.")
    context.note(
        f"{plain_number(before)} parameters became {plain_number(after)} ({after / before - 1:+.1%}).",
        parameters_before=before,
        parameters_after=after,
    )


def _check_runs(subject: ModelSubject) -> None:
    import torch

    example = {name: torch.from_numpy(array) for name, array in subject.preprocessor.dummy(2, 16).items()}
    try:
        with torch.inference_mode():
            subject.model(**example)
    except (RuntimeError, ValueError) as error:
        config: Any = subject.model.config
        raise BadInput(f"A '{config.model_type}' cannot be cut in this way: its code says {error}") from None
