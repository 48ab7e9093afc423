import platform
from collections import Counter
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from explorer.errors import BadInput, Unavailable
from explorer.measure.runners import onnx_runtime, open_runner, opening, unavailable_reason
from explorer.measure.runners.base import QueuedCall
from explorer.measure.runners.onnx_runtime import BoundOnnxRunner, OnnxRunner, assignment, graph_precision
from explorer.measure.runners.pytorch import TorchRunner, is_two_of_four, use_sparse_kernels
from explorer.measure.targets import Target, availability, targets
from explorer.models.preprocess import Preprocessor
from explorer.techniques.quantization.half_precision import to_fp16


def test_onnx_logits_are_those_of_the_graph(image_artefact):
    (weight,) = onnx.load(image_artefact / "model.onnx").graph.initializer
    tensors = Preprocessor.load(image_artefact).dummy(5, 8)
    expected = tensors["pixel_values"].reshape(5, 64) @ numpy_helper.to_array(weight)
    runner = open_runner(image_artefact, "cpu-onnxruntime", threads=1)
    assert runner(tensors) == pytest.approx(expected, abs=1e-5)
    assert runner.bind(tensors)()[0] == pytest.approx(expected, abs=1e-5)


def test_bound_inputs_give_the_same_logits(image_artefact):
    """What runs on CUDA, here with the CPU as its device."""
    preprocessor = Preprocessor.load(image_artefact)
    place = targets()["cpu-onnxruntime"]
    bound, plain = (made(image_artefact, place, 1) for made in (BoundOnnxRunner, OnnxRunner))
    tensors = preprocessor.dummy(5, 8)
    assert np.array_equal(bound(tensors), plain(tensors))
    call = bound.bind(tensors)
    assert call() is None
    assert call() is None
    assert bound.clock == "wall" and bound.timed(call) > 0


class FakeCudaSession:
    """A session on CUDA without CUDA: a call queues a kernel of 7.5 ms, unless ONNX Runtime were to wait for it."""

    opened: ClassVar[list[tuple[str, dict[str, str]]]] = []

    def __init__(self, path, options, providers):
        FakeCudaSession.opened += providers

    def get_providers(self):
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def get_inputs(self):
        return []

    def run_with_iobinding(self, binding, options):
        assert options.get_run_config_entry("disable_synchronize_execution_providers") == "1"
        FakeEvent.now_ms += 7.5


class FakeBinding:
    """Bound outputs whose waiting takes a millisecond that is the processor's."""

    waits = 0

    def synchronize_outputs(self):
        FakeBinding.waits += 1
        FakeEvent.now_ms += 1.0


@pytest.fixture
def fake_cuda_session(monkeypatch):
    monkeypatch.setattr(onnxruntime, "InferenceSession", FakeCudaSession)
    monkeypatch.setattr(BoundOnnxRunner, "_binding", lambda self, tensors: FakeBinding())
    monkeypatch.setattr(torch.cuda, "Event", FakeEvent)
    FakeCudaSession.opened, FakeEvent.streams, FakeBinding.waits = [], [], 0


def test_with_a_fake_cuda_session_onnx_runtime_is_timed_by_events_on_its_stream(
    monkeypatch, fake_cuda_session, tmp_path
):
    stream = SimpleNamespace(cuda_stream=94_000)
    monkeypatch.setattr(onnx_runtime, "cuda_stream", lambda: stream)
    runner = BoundOnnxRunner(tmp_path, targets()["cuda-onnxruntime"], 1, by_events=True)
    assert FakeCudaSession.opened == [("CUDAExecutionProvider", {"use_tf32": "0", "user_compute_stream": "94000"})], (
        "fp32 is computed in fp32, on the stream that has the events"
    )
    call = runner.bind({})
    assert (runner.clock, runner.timed(call), FakeEvent.streams) == ("cuda events", 7_500_000, [stream, stream])
    assert FakeBinding.waits == 0, "waiting is not part of the time"
    call()
    assert FakeBinding.waits == 1, "but a call by itself ends when the result is there"


@pytest.mark.parametrize(("name", "by_events"), [("cuda-onnxruntime", False), ("cuda-tensorrt", True)])
def test_with_a_fake_cuda_session_others_are_timed_by_the_clock(
    name, by_events, monkeypatch, fake_cuda_session, tmp_path
):
    monkeypatch.setattr(onnx_runtime, "cuda_stream", lambda: pytest.fail("PyTorch was taken in"))
    monkeypatch.setattr(FakeCudaSession, "get_providers", lambda self: [FakeCudaSession.opened[0][0]])
    runner = BoundOnnxRunner(tmp_path, targets()[name], 1, by_events=by_events)
    assert runner.clock == "wall" and runner.timed(runner.bind({})) > 0
    assert FakeBinding.waits == 1 and "user_compute_stream" not in FakeCudaSession.opened[0][1]


def test_a_torch_without_cuda_gives_no_stream():
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    assert onnx_runtime.cuda_stream() is None


def test_inputs_that_the_graph_does_not_take_are_left_out(image_artefact):
    tensors = Preprocessor.load(image_artefact).dummy(1, 8)
    runner = open_runner(image_artefact, "cpu-onnxruntime", threads=1)
    assert runner({**tensors, "token_type_ids": np.zeros(1)}).shape == (1, 3)


def test_another_provider_than_the_wanted_one_is_refused(image_artefact, monkeypatch):
    """ONNX Runtime gives a CPU session where CUDA was asked for; here that must be an error."""
    if "CUDAExecutionProvider" in __import__("onnxruntime").get_available_providers():
        pytest.skip("this machine has CUDA")
    monkeypatch.setattr(opening, "availability", lambda name: None)
    with pytest.raises(Unavailable, match="gave CPUExecutionProvider instead of CUDAExecutionProvider"):
        open_runner(image_artefact, "cuda-onnxruntime")


def test_missing_torch_model_tells_the_reason_that_is_written_down(image_artefact):
    assert unavailable_reason(image_artefact, "cpu-torch") == "this artefact has no PyTorch model"
    (image_artefact / "torch-unavailable.txt").write_text("int8 weights exist in the ONNX file only\n")
    with pytest.raises(Unavailable, match=r"^int8 weights exist in the ONNX file only$"):
        open_runner(image_artefact, "cpu-torch")


def test_unknown_target_is_refused(image_artefact):
    with pytest.raises(BadInput, match="no target 'tpu'"):
        open_runner(image_artefact, "tpu")


@pytest.fixture
def bert_artefact(tmp_path):
    """An artefact for the PyTorch targets, its tensors, and the logits that its model gives."""
    from transformers import BertConfig, BertForSequenceClassification

    from explorer.models.structure import save_torch

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    torch.manual_seed(0)
    model = BertForSequenceClassification(BertConfig(vocab_size=64, num_labels=3, **sizes)).eval()
    save_torch(model, tmp_path / "torch")
    ids = np.random.default_rng(0).integers(0, 64, (4, 7))
    tensors = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    with torch.inference_mode():
        expected = model(**{name: torch.from_numpy(array) for name, array in tensors.items()}).logits.numpy()
    return tmp_path, tensors, expected


def test_torch_logits_are_those_of_the_saved_model(bert_artefact):
    folder, tensors, expected = bert_artefact
    runner = open_runner(folder, "cpu-torch", threads=1)
    assert runner(tensors).dtype == np.float32
    assert runner(tensors) == pytest.approx(expected, abs=1e-5)
    assert (runner.provider, runner.precision, runner.clock) == ("PyTorch eager, cpu", "fp32", "wall")


def test_bf16_really_computes_in_bf16(bert_artefact):
    folder, tensors, expected = bert_artefact
    runner = open_runner(folder, "cpu-torch-bf16", threads=1)
    found = runner(tensors)
    assert runner.precision == "bf16"
    assert found == pytest.approx(expected, abs=0.02)
    assert np.array_equal(found, torch.from_numpy(found).to(torch.bfloat16).float().numpy())


@pytest.mark.slow
def test_compiled_gives_the_same_logits_at_every_shape(bert_artefact):
    folder, tensors, expected = bert_artefact
    runner = open_runner(folder, "cpu-torch-compiled", threads=1)
    assert runner(tensors) == pytest.approx(expected, abs=1e-4)
    shorter = {name: array[:3, :5] for name, array in tensors.items()}
    eager = open_runner(folder, "cpu-torch", threads=1)
    assert runner(shorter) == pytest.approx(eager(shorter), abs=1e-4)
    assert runner.provider == "PyTorch inductor, cpu"


def test_openvino_agrees_and_says_what_it_computed_in(text_artefact):
    tensors = Preprocessor.load(text_artefact).dummy(3, 8)
    expected = open_runner(text_artefact, "cpu-onnxruntime", threads=1)(tensors)
    exact = open_runner(text_artefact, "cpu-openvino-fp32", threads=1)
    assert exact(tensors) == pytest.approx(expected, rel=1e-3, abs=1e-3)
    assert (exact.provider, exact.precision) == ("OpenVINO CPU", "fp32")
    free = open_runner(text_artefact, "cpu-openvino", threads=1)
    assert set(free.precision.split("+")) <= {"bf16", "fp32"}
    assert free(tensors) == pytest.approx(expected, rel=0.05, abs=0.05 * float(np.abs(expected).max()))
    free.bind(tensors)()


def test_a_file_that_openvino_cannot_read_is_unavailable(text_artefact):
    model = onnx.load(text_artefact / "model.onnx")
    model.graph.node[3].op_type = "NoSuchOperator"
    onnx.save(model, text_artefact / "model.onnx")
    with pytest.raises(Unavailable, match="OpenVINO cannot load this file"):
        open_runner(text_artefact, "cpu-openvino")


def test_operators_left_to_another_provider_are_counted():
    assert assignment(Counter({"CUDAExecutionProvider": 9}), "CUDAExecutionProvider") == "CUDAExecutionProvider"
    mixed = Counter({"CUDAExecutionProvider": 9, "CPUExecutionProvider": 3})
    assert (
        assignment(mixed, "CUDAExecutionProvider") == "CUDAExecutionProvider, 3 of 12 operators on CPUExecutionProvider"
    )


def test_the_precision_is_that_of_the_products(text_artefact):
    from onnxruntime.quantization import quantize_dynamic

    path = text_artefact / "model.onnx"
    assert graph_precision(onnx.load(path)) == "fp32"
    quantize_dynamic(path, text_artefact / "int8.onnx")
    assert graph_precision(onnx.load(text_artefact / "int8.onnx")) == "int8"


def halved(folder, name):
    """The file in fp16 throughout, as somebody else's converter makes it."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(folder / "model.onnx"), keep_io_types=True), folder / name)
    return folder / name


def test_the_precision_is_what_the_runtime_made_of_the_file(text_artefact):
    if platform.machine() != "x86_64":
        pytest.skip("ONNX Runtime has fp16 kernels for some other processors")
    halved(text_artefact, "model.onnx")
    assert graph_precision(onnx.load(text_artefact / "model.onnx")) == "fp16"
    assert open_runner(text_artefact, "cpu-onnxruntime", threads=1).precision == "fp32"


def test_products_between_quantizers_are_integer_products(image_artefact):
    """The pattern of static quantization: in the file the product is one of floats."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    given = iter([Preprocessor.load(image_artefact).dummy(4, 8)])

    class Reader(CalibrationDataReader):
        def get_next(self):
            return next(given, None)

    quantize_static(image_artefact / "model.onnx", image_artefact / "qdq.onnx", Reader(), QuantFormat.QDQ)
    (image_artefact / "qdq.onnx").replace(image_artefact / "model.onnx")
    assert graph_precision(onnx.load(image_artefact / "model.onnx")) == "fp32"
    assert open_runner(image_artefact, "cpu-onnxruntime", threads=1).precision == "int8"


def test_a_product_of_two_activations_has_their_precision():
    nodes = [
        helper.make_node("Relu", ["x"], ["y"]),
        helper.make_node("MatMul", ["y", "y"], ["z"]),
        helper.make_node("Cast", ["z"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["wide", "wide"], ["logits"]),
        helper.make_node("MatMul", ["z", "z"], ["last"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT16, ["n", "n"])
    model = helper.make_model(helper.make_graph(nodes, "g", [x], []))
    assert graph_precision(model) == "fp16+fp32"


@pytest.mark.parametrize(("level", "precision"), [(0, "fp32"), (1, "fp32"), (4, "int8")])
def test_packed_weights_are_multiplied_in_the_precision_that_the_file_allows(level, precision):
    node = helper.make_node("MatMulNBits", ["x", "packed"], ["y"], domain="com.microsoft", accuracy_level=level)
    assert graph_precision(helper.make_model(helper.make_graph([node], "g", [], []))) == precision


def test_fp32_is_not_rounded_to_tf32(bert_artefact, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    open_runner(bert_artefact[0], "cpu-torch", threads=1)
    assert not torch.backends.cudnn.allow_tf32


class FakeEvent:
    """A CUDA event without CUDA: its clock is advanced by the fake kernels."""

    now_ms = 0.0
    streams: ClassVar[list[object]] = []

    def __init__(self, enable_timing: bool) -> None:
        assert enable_timing
        self.at: float | None = None
        self.waited = False

    def record(self, stream: object = None) -> None:
        self.at = FakeEvent.now_ms
        FakeEvent.streams.append(stream)

    def synchronize(self) -> None:
        self.waited = True

    def elapsed_time(self, end: "FakeEvent") -> float:
        assert end.waited, "an event must be waited for before it is read"
        return end.at - self.at


def test_with_a_fake_cuda_runtime_calls_are_timed_by_events(monkeypatch):
    monkeypatch.setattr(torch.cuda, "Event", FakeEvent)
    runner = TorchRunner.__new__(TorchRunner)
    runner.clock = "cuda events"

    def kernel() -> None:
        FakeEvent.now_ms += 12.5

    def wait() -> None:
        FakeEvent.now_ms += 1.0

    assert runner.timed(kernel) == 12_500_000
    assert runner.timed(QueuedCall(kernel, wait)) == 12_500_000, "waiting is not part of the time"


def test_with_a_fake_cuda_torch_that_has_no_gpu_the_target_is_unavailable(bert_artefact, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    place = Target("cuda-torch", "torch", "cuda", "NVIDIA GPU, PyTorch")
    with pytest.raises(Unavailable, match="cannot use the GPU"):
        TorchRunner(bert_artefact[0], place, 1)


def test_with_fake_sparse_kernels_only_layers_of_two_in_four_use_them(monkeypatch):
    """The kernels themselves need a GPU; which layers are given to them is decided here."""
    given = []

    def fake_pack(weight):
        given.append(tuple(weight.shape))
        return weight

    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (8, 0))
    monkeypatch.setattr(torch.sparse, "to_sparse_semi_structured", fake_pack)
    sparse, dense, odd = torch.nn.Linear(64, 32), torch.nn.Linear(64, 64), torch.nn.Linear(20, 32)
    for layer in (sparse, odd):
        layer.weight.data.view(-1, 4)[:, :2] = 0
    assert use_sparse_kernels(torch.nn.Sequential(sparse, dense, odd)) == 1
    assert given == [(32, 64)]
    sparse.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0].is_contiguous()))
    sparse(torch.randn(8, 3, 64)[:, 0])
    assert given[1:] == [True], "the kernels take no notice of strides"
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (7, 5))
    with pytest.raises(Unavailable, match=r"compute capability 8\.0"):
        use_sparse_kernels(sparse)


@pytest.mark.parametrize("factor", [1.05, -1.0, float("nan")])
def test_sparse_kernels_that_answer_otherwise_than_dense_ones_are_refused(monkeypatch, factor):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    monkeypatch.setattr(torch.sparse, "to_sparse_semi_structured", lambda weight: weight * factor)
    model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Linear(64, 32))
    kept = model[1].weight.data
    kept.view(-1, 4)[:, 1:3] = 0
    with pytest.raises(Unavailable, match="for the layer '1': outputs differ by over 2% of the largest"):
        use_sparse_kernels(model)
    assert torch.equal(model[1].weight, kept)
    monkeypatch.setattr(torch.sparse, "to_sparse_semi_structured", lambda weight: weight * 1.001)
    assert use_sparse_kernels(model) == 1, "rounding is allowed"


def test_on_a_real_gpu_sparse_kernels_agree_or_are_refused():
    reason = availability("cuda-torch-sparse")
    if reason is not None:
        pytest.skip(reason)
    layer = torch.nn.Linear(256, 128)
    layer.weight.data.view(-1, 4)[:, 1:3] = 0
    inputs = torch.randn(13, 256)
    expected = layer(inputs).detach().numpy()
    packed = layer.cuda().half()
    try:
        use_sparse_kernels(packed)
    except Unavailable as refused:
        pytest.skip(str(refused))
    given = packed(inputs.cuda().half()).detach().float().cpu().numpy()
    assert given == pytest.approx(expected, rel=0.05, abs=0.05)
    firsts = inputs[:8].repeat(5, 1, 1).transpose(0, 1).contiguous().cuda().half()[:, 0]
    assert not firsts.is_contiguous()
    assert packed(firsts).detach().float().cpu().numpy() == pytest.approx(expected[:8], rel=0.05, abs=0.05)


def test_two_of_four_is_counted_along_the_inputs():
    weight = torch.ones(32, 64)
    weight.view(32, -1, 4)[:, :, 1:3] = 0
    assert is_two_of_four(weight)
    assert not is_two_of_four(weight.roll(1, dims=1)[:, :60].contiguous()), "60 columns fit no kernel"
    weight[5, 1] = 1
    assert not is_two_of_four(weight)


@pytest.mark.parametrize("name", [name for name, target in targets().items() if target.device != "cpu"])
def test_on_a_real_gpu_logits_agree(name, bert_artefact, text_artefact):
    """Runs only where the GPU is."""
    folder, tensors, expected = bert_artefact
    if targets()[name].runtime != "torch":
        folder, tensors = text_artefact, Preprocessor.load(text_artefact).dummy(3, 8)
        expected = open_runner(text_artefact, "cpu-onnxruntime")(tensors)
    reason = unavailable_reason(folder, name)
    if reason is not None:
        pytest.skip(f"{name}: {reason}")
    assert open_runner(folder, name)(tensors) == pytest.approx(expected, rel=0.05, abs=0.05)


def test_openvino_finds_an_input_that_is_cast_at_once(tmp_path):
    """Folding the cast gives the input's port the cast's name beside its own."""
    weight = numpy_helper.from_array(np.arange(8, dtype=np.float32).reshape(4, 2), "weight")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["pixel_values", "weight"], ["logits"])],
        "halved",
        [helper.make_tensor_value_info("pixel_values", onnx.TensorProto.FLOAT, ["batch", 4])],
        [helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["batch", 2])],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    onnx.save(to_fp16(model), tmp_path / "model.onnx")
    pixels = {"pixel_values": np.ones((2, 4), dtype=np.float32)}
    answers = open_runner(tmp_path, "cpu-openvino", threads=1)(pixels)
    assert answers.tolist() == [[12.0, 16.0]] * 2
