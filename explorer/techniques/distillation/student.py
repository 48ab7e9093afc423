"""A smaller student, started from its teacher's weights and taught by the teacher's answers."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ClassVar

from explorer.context import Context, LearningRate, ModelSubject, plain_number
from explorer.errors import BadInput
from explorer.technique import Family, Need, Stage, Technique, choice, slider

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
    paper: ClassVar[str] = (
        "Hinton et al., Distilling the knowledge in a neural network, 2015, arXiv:1503.02531; "
        "start from teacher layers: Sanh et al., DistilBERT, 2019, arXiv:1910.01108"
    )
    not_after: ClassVar[dict[str, str]] = {
        "prune-magnitude": "the student is trained anew, which would undo the zeros; put 'distill-student' first",
        "prune-neurons": "the student is cut from whole layers; put 'distill-student' first",
    }

    layers: float = slider(
        0.5, low=0.1, high=1.0, step=0.05, unit="fraction", help="Share of the teacher's layers the student keeps."
    )
    width: float = slider(
        1.0, low=0.1, high=1.0, step=0.05, unit="fraction",
        help="Share of the teacher's width the student keeps, in whole attention heads or channels.",
    )  # fmt: skip
    epochs: float = slider(
        2.0, low=0.1, high=30.0, step=0.1, unit="epochs", help="How often the training data is gone through."
    )
    alpha: float = slider(
        0.5, low=0.0, high=1.0, step=0.05, unit="fraction",
        help="Weight of the teacher's answers (soft) against the labels (hard).",
    )  # fmt: skip
    temperature: float = slider(2.0, low=1.0, high=10.0, step=0.5, help="How much the teacher's answers are softened.")
    learning_rate: LearningRate = choice(
        "usual", help="Size of the steps: what suits this kind of model (usual), 0.3 times that, or 3 times that."
    )

    def apply(self, subject: ModelSubject, context: Context) -> None:
        from explorer.models.layers import is_cnn, parameter_count

        teacher = subject.model
        build = residual_student if is_cnn(teacher) else transformer_student
        subject.model, words = build(teacher, self.layers, self.width, subject.preprocessor.dummy(2, 16))
        before, after = parameter_count(teacher), parameter_count(subject.model)
        context.note(
            f"The student has {words}: {plain_number(after)} of {plain_number(before)} parameters "
            f"({after / before:.1%}).",
            parameters_before=before,
            parameters_after=after,
        )
        context.train(
            subject,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            distill=self.alpha > 0,
            alpha=self.alpha,
            temperature=self.temperature,
            fresh=True,
        )


def kept_layers(count: int, share: float) -> list[int]:
    """Which of ``count`` layers a student keeps: evenly spread, the first always, at least one.

    >>> kept_layers(6, 0.5)
    [0, 2, 4]
    """
    keep = max(1, round(count * share))
    return [int(i * count / keep) for i in range(keep)]


def transformer_student(
    teacher: torch.nn.Module, layers: float, width: float, example: dict[str, Any]
) -> tuple[torch.nn.Module, str]:
    """A student of an encoder such as BERT or ViT with the teacher's best heads, neurons and evenly spread layers.

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
    keep = kept_layers(old.num_hidden_layers, layers)
    heads = max(1, round(old.num_attention_heads * width))
    config = copy.deepcopy(old)
    config.architectures = [type(teacher).__name__]
    config.num_hidden_layers = len(keep)
    config.num_attention_heads = heads
    config.hidden_size = old.hidden_size // old.num_attention_heads * heads
    setattr(config, neurons_field, max(8, round(getattr(old, neurons_field) * width / 8) * 8))
    student = fresh(config)
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
    teacher: torch.nn.Module, layers: float, width: float, example: dict[str, Any]
) -> tuple[torch.nn.Module, str]:
    """A student of a residual CNN (``config.depths`` blocks per stage) with fewer blocks and channels.

    The teacher may have been narrowed before. The first block of a stage changes its resolution and always stays.
    Channels are removed by torch-pruning.
    """
    from explorer.models.layers import head
    from explorer.models.structure import describe, fresh, replay
    from explorer.techniques.pruning.neurons import prune_channels

    old: Any = teacher.config
    if not hasattr(old, "depths"):
        raise BadInput(f"'distill-student' knows residual CNNs with stages; given was '{old.model_type}'.")
    config = copy.deepcopy(old)
    config.architectures = [type(teacher).__name__]
    keep = [kept_layers(depth, layers) for depth in old.depths]
    config.depths = [len(kept) for kept in keep]
    student = fresh(config)
    narrowed = {record["module"]: record for record in describe(teacher)}
    for name, _ in list(student.named_modules()):
        if (record := narrowed.get(_block_origin(name, keep))) is not None:
            replay(student, {**record, "module": name})
    source = teacher.state_dict()
    student.load_state_dict({name: source[_block_origin(name, keep)].clone() for name in student.state_dict()})
    if width < 1:
        prune_channels(student, example, 1 - width, "l2", "uniform", 1, 0)
    blocks, total = sum(config.depths), sum(old.depths)
    channels = student.get_submodule(head(student)).in_features
    words = f"{blocks} of {total} residual blocks and {channels} channels at its end"
    return student.eval(), words


def _block_origin(name: str, keep: list[list[int]]) -> str:
    """The teacher's name for a student's module or parameter in ``….stages.S.layers.B.…``."""
    parts = name.split(".")
    at = parts.index("stages") if "stages" in parts else len(parts)
    if at + 3 < len(parts):
        stage, block = int(parts[at + 1]), int(parts[at + 3])
        parts[at + 3] = str(keep[stage][block])
    return ".".join(parts)
