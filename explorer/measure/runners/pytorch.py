"""PyTorch: eager or compiled, in the precision that the target asks for, on the CPU, CUDA or an Apple GPU."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from explorer.errors import Unavailable
from explorer.measure.runners.base import (
    TORCH_FOLDER,
    Call,
    Clock,
    Logits,
    QueuedCall,
    Runner,
    Tensors,
    joined,
    timed_by_events,
)
from explorer.measure.targets import Target

SPARSE_CAPABILITY = (8, 0)
SPARSE_TOLERANCE = 0.02
"""By how much of a layer's largest output sparse kernels may differ from dense ones: several times fp16's rounding."""
SPARSE_ROWS = (1, 13, 128)
"""The inputs that both are asked about at once."""
NAMES = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}


class TorchRunner(Runner):
    """A model in inference mode. For another precision its weights are converted once, when it is loaded.

    Compiled means ``torch.compile`` with dynamic shapes and without graph breaks: what cannot be compiled as a whole is
    an error, never a silent return to eager.
    """

    def __init__(self, folder: Path, target: Target, threads: int) -> None:
        import torch

        from explorer.models.structure import load_torch

        gpu = torch.backends.mps if target.device == "mps" else torch.cuda
        if target.device != "cpu" and not gpu.is_available():
            raise Unavailable("PyTorch cannot use the GPU of this machine")
        torch.set_num_threads(threads)
        refuse_tf32()
        self.target = target
        self.dtype = {"fp16": torch.float16, "bf16": torch.bfloat16}.get(target.precision, torch.float32)
        self.weights = load_torch(folder / TORCH_FOLDER).eval().to(target.device, self.dtype)
        self.sparse_layers = use_sparse_kernels(self.weights) if target.sparse else None
        self.model = torch.compile(self.weights, dynamic=True, fullgraph=True) if target.compiled else self.weights
        self.clock: Clock = "cuda events" if target.device == "cuda" else "wall"

    @property
    def provider(self) -> str:
        layers = "" if self.sparse_layers is None else f", {self.sparse_layers} layers in 2:4 sparse kernels"
        return f"PyTorch {'inductor' if self.target.compiled else 'eager'}, {self.target.device}{layers}"

    @property
    def precision(self) -> str:
        """Of the weights that are multiplied."""
        kinds = (str(weight.dtype).removeprefix("torch.") for weight in self.weights.parameters() if weight.ndim > 1)
        return joined(Counter(NAMES.get(kind, kind) for kind in kinds))

    def bind(self, tensors: Tensors) -> Call:
        import torch

        placed = self._placed(tensors)

        def queue() -> Any:
            with torch.inference_mode():
                return self.model(**placed).logits

        return QueuedCall(queue, self._wait)

    def __call__(self, tensors: Tensors) -> Logits:
        logits: Any = self.bind(tensors)()
        return np.asarray(logits.float().cpu().numpy(), dtype=np.float32)

    def timed(self, call: Call) -> int:
        """On CUDA by events on the stream."""
        return super().timed(call) if self.clock == "wall" else timed_by_events(call)

    def _placed(self, tensors: Tensors) -> dict[str, Any]:
        import torch

        placed = {name: torch.from_numpy(array).to(self.target.device) for name, array in tensors.items()}
        return {name: t.to(self.dtype) if t.is_floating_point() else t for name, t in placed.items()}

    def _wait(self) -> None:
        import torch

        if self.target.device == "cuda":
            torch.cuda.synchronize()
        elif self.target.device == "mps":
            torch.mps.synchronize()


def refuse_tf32() -> None:
    """Keep fp32 what its name says: on a GPU PyTorch rounds the inputs of convolutions to TF32 unless told not to."""
    import torch

    torch.backends.cudnn.allow_tf32 = False


def use_sparse_kernels(model: Any) -> int:
    """Store every linear layer that keeps two of four weights in the GPU's 2:4 format; returns how many there are.

    Raises ``Unavailable`` on a GPU without sparse tensor cores, and where the kernels answer otherwise than the dense
    weights do. Source: PyTorch's semi-structured sparsity (``torch.sparse.to_sparse_semi_structured``), whose fp16
    kernels take rows in 32s and columns in 64s.
    """
    import torch

    capability = torch.cuda.get_device_capability()
    if capability < SPARSE_CAPABILITY:
        raise Unavailable(f"2:4 sparse kernels need a GPU of compute capability 8.0; this one has {capability[0]}.x")
    found = 0
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and is_two_of_four(module.weight.detach()):
            weight = module.weight.detach().contiguous()
            packed = torch.sparse.to_sparse_semi_structured(weight)
            if not agree(weight, packed, module.bias):
                raise Unavailable(
                    f"the 2:4 sparse kernels of PyTorch {torch.__version__} compute something else on this GPU than "
                    f"ordinary ones do for the layer '{name}': outputs differ by over {SPARSE_TOLERANCE:.0%} of the "
                    "largest"
                )
            module.weight = torch.nn.Parameter(packed, requires_grad=False)
            module.register_forward_pre_hook(in_one_piece)
            found += 1
    return found


def in_one_piece(_: Any, inputs: tuple[Any]) -> tuple[Any]:
    """A layer's inputs, copied where they are strided, such as each text's first token in a pooler.

    The kernels of cuSPARSELt (with PyTorch 2.11) take no notice of strides: they read other numbers without a word.
    """
    return (inputs[0].contiguous(),)


def agree(weight: Any, packed: Any, bias: Any) -> bool:
    """Whether a layer answers with ``packed`` as with ``weight`` [out, in], on seeded random inputs.

    Some numbers of inputs are taken by the kernels as they are, others are padded first.
    """
    import torch

    chance = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        for rows in SPARSE_ROWS:
            inputs = torch.randn((1, rows, weight.shape[1]), generator=chance).to(weight.device, weight.dtype)
            expected = torch.nn.functional.linear(inputs, weight, bias).float()
            given = torch.nn.functional.linear(inputs, packed, bias).float()
            if not (given - expected).abs().max() <= SPARSE_TOLERANCE * expected.abs().max():  # also where it is NaN
                return False
    return True


def is_two_of_four(weight: Any) -> bool:
    """Whether every four neighbours in a row of ``weight`` [out, in] have two zeros or more, in a shape that fits."""
    rows, columns = weight.shape
    if rows % 32 or columns % 64:
        return False
    return bool(((weight.reshape(rows, -1, 4) != 0).sum(-1) <= 2).all())
