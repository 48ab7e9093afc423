"""What distillation adds to the training loop: an annealed temperature, and the teacher's hidden states and attention.

The losses are functions on tensors; the lessons only carry them into ``explorer.training.train``.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from explorer.models.layers import attentions, is_cnn
from explorer.training import Lesson, autocast

Part = Literal["query", "key", "value"]
Relation = tuple[Part, Part]
PARTS: tuple[Part, ...] = ("query", "key", "value")
RELATIONS: dict[str, tuple[Relation, ...]] = {
    "attention-value": (("query", "key"), ("value", "value")),
    "query-key-value": (("query", "query"), ("key", "key"), ("value", "value")),
}
"""What MiniLM (arXiv:2002.10957) and MiniLMv2 (arXiv:2012.15828) let the student imitate in the last layer."""

SMALLEST = 1e-8
"""What the mean square of a teacher whose states are all zero is taken for."""


def annealed(temperature: float, progress: float, annealing: str) -> float:
    """The temperature after the share ``progress`` of the training, on its way to 1 (``none``: where it started).

    After Jafari et al. 2021, arXiv:2104.07163, who let the teacher sharpen from step to step.
    """
    left = {"none": 1.0, "linear": 1 - progress, "cosine": 0.5 + 0.5 * math.cos(math.pi * progress)}[annealing]
    return 1 + (temperature - 1) * left


def uniform_pairs(student: int, teacher: int) -> list[tuple[int, int]]:
    """Which of the teacher's hidden states each of the student's imitates; number 0 is what the embedding gives.

    Jiao et al. 2020 (TinyBERT), arXiv:1909.10351, with layers evenly spread.

    >>> uniform_pairs(3, 6)
    [(0, 0), (1, 2), (2, 4), (3, 6)]
    """
    return [(layer, round(layer * teacher / student)) for layer in range(student + 1)]


def hidden_state_loss(student: Tensor, teacher: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean squared difference of hidden states ``[N, T, H]`` over the tokens that ``mask`` ``[N, T]`` keeps."""
    difference = (student - teacher).square().mean(-1)
    return difference.mean() if mask is None else difference[mask].mean()


def relative(loss: Callable[..., Tensor], student: Tensor, teacher: Tensor, mask: Tensor | None = None) -> Tensor:
    """A mean squared difference as a share of the teacher's own mean square: 1 is as far off as a student of zeros.

    Hidden states are tens of times larger in one model than in another; so a weight means the same in both.
    """
    return loss(student, teacher, mask) / loss(torch.zeros_like(teacher), teacher, mask).clamp_min(SMALLEST)


def dot_products(first: Tensor, second: Tensor, heads: int) -> Tensor:
    """Scaled dot products ``[N, heads, T, T]`` of ``[N, T, D]`` with ``[N, T, D]``, each split into ``heads`` parts.

    Of queries with keys, split into as many heads as the model has, these are its attention before the softmax.
    """
    n, tokens, width = first.shape
    size = width // heads
    left, right = (part.view(n, tokens, heads, size).transpose(1, 2) for part in (first, second))
    return left @ right.transpose(-1, -2) / math.sqrt(size)


def attention_loss(student: Tensor, teacher: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean squared difference of attention before the softmax ``[N, heads, T, T]``, between kept tokens only.

    TinyBERT compares it there: after the softmax it learns more slowly (arXiv:1909.10351, section 3.1).
    """
    difference = (student - teacher).square().mean(1)
    if mask is None:
        return difference.mean()
    return difference[mask[:, :, None] & mask[:, None, :]].mean()


def relation_loss(student: Tensor, teacher: Tensor, mask: Tensor | None = None) -> Tensor:
    """KL(teacher || student) of relations between tokens, given as dot products ``[N, heads, T, T]``.

    The softmax runs over kept tokens, the mean over heads and kept tokens. MiniLM, arXiv:2002.10957.
    """
    if mask is not None:
        lowest = torch.finfo(student.dtype).min
        student, teacher = (scores.masked_fill(~mask[:, None, None, :], lowest) for scores in (student, teacher))
    log_student, log_teacher = functional.log_softmax(student, -1), functional.log_softmax(teacher, -1)
    divergence = (log_teacher.exp() * (log_teacher - log_student)).sum(-1).mean(1)
    return divergence.mean() if mask is None else divergence[mask].mean()


def relation_heads(student: int, teacher: int, most: int) -> int:
    """Into how many heads both widths can be split, at most ``most``: MiniLMv2 splits them anew, so widths may differ.

    >>> relation_heads(192, 384, 12)
    12
    """
    common = math.gcd(student, teacher)
    return max(heads for heads in range(1, min(most, common) + 1) if common % heads == 0)


class AnnealedLesson(Lesson):
    """Lets the temperature fall; ``thaw`` trains word embeddings too, as random ones need it."""

    def __init__(self, annealing: str = "none", thaw: bool = False) -> None:
        self.annealing, self.thaw = annealing, thaw

    def start(self, model: nn.Module, steps: int) -> None:
        if self.thaw:
            model.requires_grad_(True)

    def temperature(self, usual: float, progress: float) -> float:
        return annealed(usual, progress, self.annealing)


@dataclass(frozen=True)
class Features:
    """What one forward pass went through.

    Fields:
        hidden: the embedding's output and every layer's or stage's, each [N, T, H].
        parts: queries, keys and values of every layer, each [N, T, D]; empty for a CNN.
    """

    hidden: list[Tensor]
    parts: dict[Part, list[Tensor]]


class Watched(nn.Module):
    """A model that remembers the ``Features`` of its latest forward pass until they are taken."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.latest: Features | None = None
        self.parts: dict[Part, list[Tensor]] = {part: [] for part in PARTS}
        self.handles: list[Any] = []
        if not is_cnn(model):
            self._listen()

    def _listen(self) -> None:
        """Modules that layers share are called once for each layer: the order of calls is the order of layers."""
        for part, module in dict.fromkeys(projections(self.model)):

            def keep(_module: nn.Module, _given: Any, output: Tensor, kept: list[Tensor] = self.parts[part]) -> None:
                kept.append(output.float())

            self.handles.append(module.register_forward_hook(keep))

    def forward(self, **inputs: Tensor) -> Any:
        """The model's own outputs, with its hidden states."""
        for kept in self.parts.values():
            kept.clear()
        outputs = self.model(**inputs, output_hidden_states=True)
        self.remember(outputs)
        return outputs

    def remember(self, outputs: Any) -> None:
        """Keep what a forward pass with hidden states has left."""
        hidden = [_as_tokens(state.float()) for state in outputs.hidden_states]
        self.latest = Features(hidden, {part: list(kept) for part, kept in self.parts.items()})
        for kept in self.parts.values():
            kept.clear()

    def take(self) -> Features | None:
        """The latest features, once."""
        latest, self.latest = self.latest, None
        return latest

    def close(self) -> None:
        """Stop listening."""
        for handle in self.handles:
            handle.remove()


def projections(model: nn.Module) -> list[tuple[Part, nn.Module]]:
    """The modules that give queries, keys and values, layer by layer; raises ``BadInput`` where there are none."""
    found: list[tuple[Part, nn.Module]] = []
    for attention in attentions(model):
        for part in PARTS:
            name = next(name for name in attention.inputs if name.rpartition(".")[2].startswith(part[0]))
            found.append((part, model.get_submodule(name)))
    return found


def _as_tokens(hidden: Tensor) -> Tensor:
    """[N, T, H] as it is, a CNN's [N, C, height, width] as [N, height * width, C]."""
    return hidden.flatten(2).transpose(1, 2) if hidden.dim() == 4 else hidden


class FeatureLesson(AnnealedLesson):
    """Adds to the loss how far the student's hidden states, attention or relations are from the teacher's.

    ``tinybert``: hidden states of all layers through learned projections, and attention, each as a share of the
    teacher's mean square, and the mean over layers; the paper adds up plain squares, whose weight would mean something
    else in every model. A CNN's stages have no attention (then it is FitNets, arXiv:1412.6550). ``minilm``: the sum of
    ``relations`` in the last layer.

    A context manager: what listens to the student is removed at its end. ``teacher`` may answer for the loss of the
    logits too; what it has just gone through for the same batch is then taken, not computed again.
    """

    arguments: Mapping[str, Any] = {"output_hidden_states": True}

    def __init__(
        self,
        teacher: Watched,
        method: str,
        relations: str,
        weight: float,
        example: Mapping[str, NDArray[Any]],
        annealing: str = "none",
        thaw: bool = False,
    ) -> None:
        super().__init__(annealing, thaw)
        self.teacher, self.method, self.relations = teacher, method, RELATIONS[relations]
        self.weight, self.example = weight, example
        self.heads = int(getattr(teacher.model.config, "num_attention_heads", 1))
        self.projections = nn.ModuleList()
        self.student: Watched | None = None
        self.losses: list[Tensor] = []

    def __enter__(self) -> FeatureLesson:
        return self

    def __exit__(self, *_: object) -> None:
        self.teacher.close()
        if self.student is not None:
            self.student.close()

    def start(self, model: nn.Module, steps: int) -> None:
        super().start(model, steps)
        device = next(model.parameters()).device
        self.student = Watched(model)
        self.teacher.to(device).eval()
        model.eval()
        inputs = {name: torch.from_numpy(array).to(device) for name, array in self.example.items()}
        with torch.no_grad():
            self.student(**inputs)
            self.teacher(**inputs)
        student, teacher = self.student.take(), self.teacher.take()
        assert student is not None and teacher is not None
        self.pairs = uniform_pairs(len(student.hidden) - 1, len(teacher.hidden) - 1)
        if self.method == "tinybert":
            widths = [(student.hidden[s].shape[-1], teacher.hidden[t].shape[-1]) for s, t in self.pairs]
            self.projections = nn.ModuleList(projection(*pair) for pair in widths).to(device)

    def parameters(self) -> list[nn.Parameter]:
        return list(self.projections.parameters())

    def loss(self, loss: Tensor, inputs: dict[str, Tensor], outputs: Any) -> Tensor:
        assert self.student is not None
        self.student.remember(outputs)
        student, teacher = self.student.take(), self.teacher.take()
        if teacher is None:
            with torch.no_grad(), autocast(self.teacher, loss.device):
                self.teacher(**inputs)
            teacher = self.teacher.take()
        assert student is not None and teacher is not None
        mask = inputs["attention_mask"].bool() if "attention_mask" in inputs else None
        compare = self._layers if self.method == "tinybert" else self._last
        distance = compare(student, teacher, mask)
        self.losses.append(distance.detach())
        return loss + self.weight * distance

    def course(self) -> list[tuple[float, float]]:
        """The mean distance of the first and of the last tenth of all steps; empty before the first."""
        part = max(1, len(self.losses) // 10)
        ends = [self.losses[:part], self.losses[-part:]] if self.losses else []
        means = [float(torch.stack(losses).mean()) for losses in ends]
        return [(means[0], means[1])] if means else []

    def _layers(self, student: Features, teacher: Features, mask: Tensor | None) -> Tensor:
        total = torch.zeros((), device=student.hidden[0].device)
        distance = functools.partial(relative, attention_loss)
        for (s, t), project in zip(self.pairs, self.projections, strict=True):
            total = total + relative(hidden_state_loss, project(student.hidden[s]), teacher.hidden[t], mask)
            if s and student.parts["query"]:
                total = total + self._compare(distance, ("query", "key"), student, teacher, (s - 1, t - 1), mask)
        return total / len(self.pairs)

    def _last(self, student: Features, teacher: Features, mask: Tensor | None) -> Tensor:
        pieces = [
            self._compare(relation_loss, relation, student, teacher, (-1, -1), mask) for relation in self.relations
        ]
        return torch.stack(pieces).sum()

    def _compare(
        self,
        distance: Callable[..., Tensor],
        relation: Relation,
        student: Features,
        teacher: Features,
        layers: tuple[int, int],
        mask: Tensor | None,
    ) -> Tensor:
        """The distance of one relation between tokens in a layer of the student and one of the teacher."""
        both = [
            [features.parts[part][layer] for part in relation]
            for features, layer in zip((student, teacher), layers, strict=True)
        ]
        heads = relation_heads(both[0][0].shape[-1], both[1][0].shape[-1], self.heads)
        return distance(*(dot_products(first, second, heads) for first, second in both), mask)


def projection(student: int, teacher: int) -> nn.Linear:
    """A learned map of the student's width to the teacher's, at first the identity where both are alike."""
    linear = nn.Linear(student, teacher, bias=False)
    if student == teacher:
        nn.init.eye_(linear.weight)
    return linear
