"""Unstructured pruning of weights whose input hardly varies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from explorer.context import Context, ModelSubject
from explorer.technique import Family, Need, Stage, Technique, choice, flag
from explorer.techniques import sliders
from explorer.techniques.pruning.masks import removed_means, variance_scores
from explorer.techniques.pruning.wanda import ROW_HELP
from explorer.techniques.pruning.zeroing import Tensors, choose_masks, with_inputs, zero

if TYPE_CHECKING:
    from explorer.models.activations import Activations


class PruneActivationVariance(Technique):
    """Sets the weights to zero whose product with their input hardly varies, weight² times the variance of the input,
    and lets the layer's bias stand for its mean; the file keeps its size until it is zipped.

    Mean and variance are those of each input feature or channel over 256 calibration inputs. The paper removes whole
    columns by this measure; here single weights go. The classification head is left alone.
    """

    name: ClassVar[str] = "prune-activation-variance"
    title: ClassVar[str] = "Activation variance pruning"
    family: ClassVar[Family] = "pruning"
    stage: ClassVar[Stage] = "model"
    needs: ClassVar[frozenset[Need]] = frozenset({"calibration"})
    effect: ClassVar[tuple[str, ...]] = ("zipped size",)
    cost: ClassVar[str] = (
        "Costs accuracy, more at high sparsity; the speed and the file before zipping stay as they are."
    )
    paper: ClassVar[str] = (
        "An et al., Fluctuation-based adaptive structured pruning for large language models, 2023, arXiv:2312.11983"
    )

    sparsity: float = sliders.zeroed()
    scope: Literal["row", "layer", "global"] = choice("global", help=ROW_HELP)
    compensate: bool = flag(
        True, help="Add to each bias what the removed weights gave on average; layers without a bias lose it."
    )

    def apply(self, subject: ModelSubject, context: Context) -> None:
        import torch

        from explorer.models.layers import weighted

        weights = weighted(subject.model, embeddings=False)
        found = with_inputs(weights, context.activations(subject))
        scores = {name: variance_scores(weights[name], torch.from_numpy(one.variance)) for name, one in found.items()}
        masks = choose_masks(subject, context, scores, self.sparsity, self.scope)
        if self.compensate:
            self._compensate(subject, context, masks, found)
        zero(subject, context, masks)

    def _compensate(
        self, subject: ModelSubject, context: Context, masks: Tensors, found: dict[str, Activations]
    ) -> None:
        import torch

        compensated = 0
        for name, mask in masks.items():
            layer: Any = subject.model.get_submodule(name.removesuffix(".weight"))
            if layer.bias is not None:
                with torch.no_grad():
                    layer.bias.add_(removed_means(layer.weight, mask, torch.from_numpy(found[name].mean)))
                compensated += 1
        context.note(f"{compensated} of {len(masks)} layers have a bias that stands for the mean of what was removed.")
