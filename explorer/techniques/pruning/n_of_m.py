"""Semi-structured pruning: n of every m weights stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from explorer.context import Context, ModelSubject
from explorer.errors import BadInput
from explorer.technique import Family, Need, Stage, Technique, choice
from explorer.techniques.pruning.masks import keep_n_of_m, magnitude_scores, wanda_scores
from explorer.techniques.pruning.zeroing import Tensors, last_of_all, with_inputs, zero

if TYPE_CHECKING:
    import torch


class PruneNOfM(Technique):
    """Sets all but n of every m neighbouring weights to zero, a pattern that NVIDIA GPUs from Ampere on compute faster
    (2:4); processors do not.

    Neighbours are the weights of one output for m inputs in a row. A layer whose inputs do not come in groups of m is
    left alone, and so is the classification head.
    """

    name: ClassVar[str] = "prune-n-m"
    title: ClassVar[str] = "N:M pruning"
    family: ClassVar[Family] = "pruning"
    stage: ClassVar[Stage] = "model"
    needs: ClassVar[frozenset[Need]] = frozenset({"calibration"})
    effect: ClassVar[tuple[str, ...]] = ("zipped size",)
    cost: ClassVar[str] = (
        "Costs accuracy; only GPUs that know the pattern compute faster, and the file before zipping stays as it is."
    )
    paper: ClassVar[str] = (
        "Mishra et al., Accelerating sparse deep neural networks, 2021, arXiv:2104.08378; "
        "wanda: Sun et al., 2024, arXiv:2306.11695"
    )

    pattern: Literal["2:4", "4:8", "1:4"] = choice("2:4", help="How many weights stay of each group of how many.")
    importance: Literal["magnitude", "wanda"] = choice(
        "magnitude",
        help="Which stay: the largest (magnitude), or those of the largest product with the norm of their input "
        "(wanda, needs calibration inputs).",
    )

    def apply(self, subject: ModelSubject, context: Context) -> None:
        from explorer.models.layers import weighted

        n, m = (int(number) for number in self.pattern.split(":"))
        weights = weighted(subject.model, embeddings=False)
        fitting = {name: weight for name, weight in weights.items() if weight.shape[1] % m == 0}
        if not fitting:
            raise BadInput(f"'prune-n-m' found no layer whose inputs come in groups of {m} in this model.")
        scores = last_of_all(self._scores(subject, context, fitting), subject.keep_zeros())
        zero(subject, context, {name: keep_n_of_m(score, n, m) for name, score in scores.items()})
        rest = f"; {len(weights) - len(scores)} fit no groups of {m}" if len(scores) < len(weights) else ""
        where = (
            "No kernel for a processor uses the pattern; NVIDIA GPUs from Ampere on do."
            if self.pattern == "2:4"
            else "No kernel here uses the pattern; NVIDIA GPUs from Ampere on know 2:4 alone."
        )
        context.note(f"{len(scores)} layers keep {n} of every {m} weights{rest}. {where}", layers_kept=len(scores))

    def _scores(self, subject: ModelSubject, context: Context, weights: dict[str, torch.nn.Parameter]) -> Tensors:
        import torch

        if self.importance == "magnitude":
            return {name: magnitude_scores(weight, "l1") for name, weight in weights.items()}
        found = with_inputs(weights, context.activations(subject))
        return {name: wanda_scores(weights[name], torch.from_numpy(one.norm)) for name, one in found.items()}
