"""A smaller student, started from its teacher's weights and taught by the teacher's answers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from explorer.context import Context, LearningRate, ModelSubject, plain_number
from explorer.errors import BadInput
from explorer.technique import Family, Need, Stage, Technique
from explorer.techniques.distillation.settings import (
    ALPHA,
    ANNEALING,
    ANNEALING_PAPER,
    EPOCHS,
    HEADS,
    LAYERS,
    LEARNING_RATE,
    SEED_LAYERS,
    START,
    TEMPERATURE,
    WIDTH,
    Annealing,
    SeedLayers,
    Start,
    undone_by,
)

if TYPE_CHECKING:
    import torch

FEED_FORWARD_FIELDS = ("intermediate_size", "hidden_dim")
"""What the configs of BERT and ViT, and of DistilBERT, call the number of feed-forward neurons."""


class DistillStudent(Technique):
    """Builds a smaller student with fewer layers and a narrower width, starts it from the teacher's weights and
    trains it on the teacher's answers.

    Transformers lose whole attention heads with their part of the hidden width; CNNs lose residual blocks and channels.
    """

    name: ClassVar[str] = "distill-student"
    title: ClassVar[str] = "Distilled student"
    family: ClassVar[Family] = "distillation"
    stage: ClassVar[Stage] = "model"
    needs: ClassVar[frozenset[Need]] = frozenset({"training"})
    effect: ClassVar[tuple[str, ...]] = ("file size", "zipped size", "parameters", "latency")
    cost: ClassVar[str] = "Costs training time, and accuracy: the smaller the student, the more."
    paper: ClassVar[str] = (
        "Hinton et al., Distilling the knowledge in a neural network, 2015, arXiv:1503.02531; "
        f"start from teacher layers: Sanh et al., DistilBERT, 2019, arXiv:1910.01108; {ANNEALING_PAPER}"
    )
    not_after: ClassVar[dict[str, str]] = undone_by("distill-student")

    layers: float = LAYERS
    width: float = WIDTH
    heads: float = HEADS
    start: Start = START
    seed_layers: SeedLayers = SEED_LAYERS
    epochs: float = EPOCHS
    alpha: float = ALPHA
    temperature: float = TEMPERATURE
    annealing: Annealing = ANNEALING
    learning_rate: LearningRate = LEARNING_RATE

    def apply(self, subject: ModelSubject, context: Context) -> None:
        from explorer.training.distillation import AnnealedLesson

        size = Size(self.layers, self.width, self.heads, self.start, self.seed_layers)
        begin_student(subject, context, size)
        context.train(
            subject,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            distill=self.alpha > 0,
            alpha=self.alpha,
            temperature=self.temperature,
            fresh=True,
            lesson=AnnealedLesson(self.annealing, thaw=self.start == "fresh"),
        )


@dataclass(frozen=True)
class Size:
    """How large a student is, as shares of its teacher, and what its weights are at first."""

    layers: float
    width: float
    heads: float = 1.0
    start: Start = "teacher"
    seed_layers: SeedLayers = "spread"


def begin_student(subject: ModelSubject, context: Context, size: Size) -> None:
    """Put an untrained student in the place of the subject's model, and say how large it is."""
    from explorer.models.layers import parameter_count

    before = parameter_count(subject.model)
    subject.model, words = student_of(subject.model, size, subject.preprocessor.dummy(2, 16), context.seed)
    after = parameter_count(subject.model)
    origin = ", started from random weights" if size.start == "fresh" else ""
    context.note(
        f"The student has {words}{origin}: {plain_number(after)} of {plain_number(before)} parameters "
        f"({after / before:.1%}).",
        parameters_before=before,
        parameters_after=after,
    )


def student_of(teacher: torch.nn.Module, size: Size, example: dict[str, Any], seed: int) -> tuple[torch.nn.Module, str]:
    """A student of an encoder or of a residual CNN, in eval mode, and its description; ``seed`` is for random weights.

    ``example`` holds the arrays of a batch. Raises ``BadInput`` for a teacher of another kind.
    """
    from explorer.models.layers import is_cnn

    if is_cnn(teacher) and size.heads < 1:
        raise BadInput(f"'heads' is {size.heads:g} but a CNN has no attention heads; expected is 1.")
    build = residual_student if is_cnn(teacher) else transformer_student
    student, words = build(teacher, size.layers, size.width, example, size.seed_layers)
    if size.heads < 1:
        words += f" ({keep_best_heads(student, size.heads)} heads in each layer)"
    if size.start == "fresh":
        student = random_again(student, seed)
    return student, words


def keep_best_heads(model: torch.nn.Module, share: float) -> int:
    """Leave in each layer the ``share`` of attention heads with the largest weights, in place; returns how many.

    A head is its rows of query, key and value, and its columns of the linear layer behind them.
    """
    import torch

    from explorer.models.layers import attentions
    from explorer.models.surgery import head_cuts, keep_heads
    from explorer.techniques.pruning.removal import per_head, weight_scores

    stay = 0
    for attention in attentions(model):
        score = per_head(weight_scores(head_cuts(model, attention), "l2"), attention.head_size)
        stay = max(1, round(len(score) * share))
        keep_heads(model, attention, torch.topk(score, stay).indices.sort().values)
    return stay


def random_again(model: torch.nn.Module, seed: int) -> torch.nn.Module:
    """A model of the same shape with the random weights that training from the beginning starts from."""
    import torch

    from explorer.models.structure import describe, fresh, replay

    torch.manual_seed(seed)
    new = fresh(copy.deepcopy(model.config))
    for record in describe(model):
        replay(new, record)
    return new.eval()


def kept_layers(count: int, share: float, seed_layers: SeedLayers = "spread") -> list[int]:
    """Which of ``count`` layers a student keeps, at least one; evenly spread ones begin with the first.

    >>> kept_layers(6, 0.5)
    [0, 2, 4]
    >>> kept_layers(6, 0.5, "last")
    [3, 4, 5]
    """
    keep = max(1, round(count * share))
    if seed_layers != "spread":
        return list(range(keep) if seed_layers == "first" else range(count - keep, count))
    return [int(i * count / keep) for i in range(keep)]


def transformer_student(
    teacher: torch.nn.Module, layers: float, width: float, example: dict[str, Any], seed_layers: SeedLayers = "spread"
) -> tuple[torch.nn.Module, str]:
    """A student of an encoder such as BERT or ViT with the teacher's best heads, neurons and some of its layers.

    Hidden dimensions go in blocks of one attention head, the same blocks everywhere, so that the residual stream
    and the heads stay aligned. Returns the student (eval mode) and its description.
    """
    import torch

    from explorer.models.layers import encoder_layers
    from explorer.models.structure import fresh

    old: Any = teacher.config
    neurons_field = next((name for name in FEED_FORWARD_FIELDS if hasattr(old, name)), None)
    if neurons_field is None or not hasattr(old, "num_attention_heads"):
        raise BadInput(
            f"'distill-student' knows encoders such as BERT, DistilBERT, RoBERTa and ViT, and residual CNNs; "
            f"given was '{old.model_type}'."
        )
    keep = kept_layers(old.num_hidden_layers, layers, seed_layers)
    heads = max(1, round(old.num_attention_heads * width))
    config = copy.deepcopy(old)
    config.architectures = [type(teacher).__name__]
    config.num_hidden_layers = len(keep)
    config.num_attention_heads = heads
    config.hidden_size = old.hidden_size // old.num_attention_heads * heads
    setattr(config, neurons_field, max(8, round(getattr(old, neurons_field) * width / 8) * 8))
    student = fresh(config)
    if config.hidden_size == old.hidden_size:
        _narrow_alike(student, teacher, lambda name: _origin(name, encoder_layers(teacher), keep)[1])
    indices = {
        (old.hidden_size, config.hidden_size): head_dimensions(teacher, old.hidden_size, old.num_attention_heads, heads)
    }
    neurons = {
        i: {(getattr(old, neurons_field), getattr(config, neurons_field)): index}
        for i, index in enumerate(_best_neurons(teacher, getattr(config, neurons_field)))
    }
    prefix = encoder_layers(teacher)
    source = teacher.state_dict()
    sliced = {}
    for name, tensor in student.state_dict().items():
        layer, origin = _origin(name, prefix, keep)
        sliced[name] = _slice(source[origin], tensor.shape, indices | neurons.get(layer, {}), name)
    with torch.no_grad():
        student.load_state_dict(sliced)
    words = f"{len(keep)} of {old.num_hidden_layers} layers, {heads} of {old.num_attention_heads} heads"
    return student.eval(), f"{words} and hidden width {config.hidden_size} of {old.hidden_size}"


def head_dimensions(model: torch.nn.Module, hidden: int, heads: int, keep: int) -> torch.Tensor:
    """Sorted indices of the hidden dimensions of the ``keep`` heads whose blocks carry the largest weights."""
    import torch

    score = torch.zeros(hidden)
    for parameter in model.parameters():
        for axis, size in enumerate(parameter.shape):
            if size == hidden:
                others = [other for other in range(parameter.dim()) if other != axis]
                square = parameter.detach().square()
                score += square.sum(dim=others) if others else square
    blocks = torch.topk(score.view(heads, -1).sum(dim=1), keep).indices.sort().values
    size = hidden // heads
    return (blocks[:, None] * size + torch.arange(size)).flatten()


def _best_neurons(model: torch.nn.Module, keep: int) -> list[torch.Tensor]:
    import torch

    from explorer.models.layers import feed_forwards

    best = []
    for block in feed_forwards(model):
        up: Any = model.get_submodule(block.up)
        down: Any = model.get_submodule(block.down)
        score = up.weight.detach().square().sum(dim=1) + down.weight.detach().square().sum(dim=0)
        best.append(torch.topk(score, min(keep, len(score))).indices.sort().values)
    return best


def _origin(name: str, prefix: str, keep: list[int]) -> tuple[int, str]:
    """The teacher's layer and parameter from which the student's parameter ``name`` is taken (-1: in no layer)."""
    if not name.startswith(prefix + "."):
        return -1, name
    number, _, rest = name[len(prefix) + 1 :].partition(".")
    return keep[int(number)], f"{prefix}.{keep[int(number)]}.{rest}"


def _slice(source: torch.Tensor, shape: Any, indices: dict[tuple[int, int], torch.Tensor], name: str) -> torch.Tensor:
    for axis, size in enumerate(shape):
        if source.shape[axis] == size:
            continue
        index = indices.get((source.shape[axis], size))
        if index is None:
            raise BadInput(f"'distill-student' cannot narrow '{name}' from {source.shape[axis]} to {size}.")
        source = source.index_select(axis, index)
    return source.clone()


def residual_student(
    teacher: torch.nn.Module, layers: float, width: float, example: dict[str, Any], seed_layers: SeedLayers = "spread"
) -> tuple[torch.nn.Module, str]:
    """A student of a residual CNN (``config.depths`` blocks per stage) with fewer blocks and channels.

    The teacher may have been narrowed before. The first block of a stage changes its resolution and always stays.
    Channels are removed by torch-pruning.
    """
    from explorer.models.layers import head
    from explorer.models.structure import fresh
    from explorer.techniques.pruning.neurons import prune_channels

    old: Any = teacher.config
    if not hasattr(old, "depths"):
        raise BadInput(f"'distill-student' knows residual CNNs with stages; given was '{old.model_type}'.")
    config = copy.deepcopy(old)
    config.architectures = [type(teacher).__name__]
    keep = [_kept_blocks(depth, layers, seed_layers) for depth in old.depths]
    config.depths = [len(kept) for kept in keep]
    student = fresh(config)
    _narrow_alike(student, teacher, lambda name: _block_origin(name, keep))
    source = teacher.state_dict()
    student.load_state_dict({name: source[_block_origin(name, keep)].clone() for name in student.state_dict()})
    if width < 1:
        prune_channels(student, example, 1 - width, "l2", "uniform", 1, 0)
    blocks, total = sum(config.depths), sum(old.depths)
    channels = student.get_submodule(head(student)).in_features
    words = f"{blocks} of {total} residual blocks and {channels} channels at its end"
    return student.eval(), words


def _narrow_alike(student: torch.nn.Module, teacher: torch.nn.Module, origin: Callable[[str], str]) -> None:
    """Give the student's modules the shapes of those they come from, where earlier steps have changed these.

    Layers that the teacher shares are the student's own.
    """
    from explorer.models.structure import describe, replay

    changed = [record for record in describe(teacher) if record["kind"] != "shared"]
    for name, _ in list(student.named_modules()):
        for record in changed:
            if record["module"] == origin(name):
                replay(student, {**record, "module": name})


def _kept_blocks(depth: int, share: float, seed_layers: SeedLayers) -> list[int]:
    """Which blocks of a stage stay: as ``kept_layers``, with the first in any case."""
    kept = kept_layers(depth, share, seed_layers)
    return [0, *kept[1:]]


def _block_origin(name: str, keep: list[list[int]]) -> str:
    """The teacher's name for a student's module or parameter in ``….stages.S.layers.B.…``."""
    parts = name.split(".")
    at = parts.index("stages") if "stages" in parts else len(parts)
    if at + 3 < len(parts):
        stage, block = int(parts[at + 1]), int(parts[at + 3])
        parts[at + 3] = str(keep[stage][block])
    return ".".join(parts)
