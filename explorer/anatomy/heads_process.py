"""The process that scores attention heads as head pruning does: ``python -m explorer.anatomy.heads_process MODEL``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from explorer.anatomy import background, key
from explorer.context import Context, ModelSubject
from explorer.errors import BadInput
from explorer.home import home

if TYPE_CHECKING:
    import torch

    from explorer.models.activations import Activations

KIND = "heads"
MODULE = "explorer.anatomy.heads_process"
IMPORTANCES = ("taylor", "activation", "l2")
"""Those of ``prune-heads`` that say something about a model."""


def head_importance(model: str, data: str | None = None) -> dict[str, Any]:
    """``{importance: [[score of each head] for each layer]}`` of the uncompressed model, on the data that pruning uses.

    Waits while something is measured. Raises ``BadInput``: a model without attention heads, or that cannot be loaded.
    """
    from explorer.measure.lock import training_slot
    from explorer.models import load_model
    from explorer.models.structure import kind_of

    loaded = load_model(model, data)
    if kind_of(loaded.model.config) == "CNN":
        raise BadInput(f"'{model}' is a CNN and has no attention heads; expected is a transformer.")
    subject = ModelSubject(loaded.model, loaded.preprocessor)
    with training_slot(home(), _tell):
        context = Context(
            task=loaded.task,
            preprocessor=loaded.preprocessor,
            teacher=lambda: loaded.model,
            teacher_logits=lambda: _answers(loaded),
            seed=0,
            report=_report,
        )
        return scores(subject, context)


def scores(subject: ModelSubject, context: Context) -> dict[str, list[list[float]]]:
    """The scores by importance, layer and head; layers that share their weights are one."""
    from explorer.models.layers import attentions
    from explorer.models.surgery import distinct

    found = context.activations(subject)
    context.gradients(subject)
    layers = distinct(subject.model, attentions(subject.model), lambda attention: attention.output)
    return {
        importance: [_scores(subject.model, layer, importance, found).tolist() for layer in layers]
        for importance in IMPORTANCES
    }


def _scores(model: torch.nn.Module, layer: Any, importance: Any, found: dict[str, Activations]) -> torch.Tensor:
    """The score of each head of one layer, [heads]."""
    from explorer.models.surgery import head_cuts
    from explorer.techniques.pruning.removal import mean_squares, per_head, weight_scores

    if importance == "activation":
        return per_head(mean_squares(found, layer.output), layer.head_size)
    return per_head(weight_scores(head_cuts(model, layer), importance), layer.head_size)


def _answers(loaded: Any) -> Any:
    from explorer.training import evaluate

    return evaluate(loaded.model, loaded.task.splits["train"], loaded.preprocessor)


def _report(*, stage: str, text: str, **_: Any) -> None:
    _tell(text)


def _tell(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    given, with_data = sys.argv[1], (sys.argv[2:] or [""])[0] or None
    background.serve(KIND, key(given, with_data), lambda: head_importance(given, with_data))
