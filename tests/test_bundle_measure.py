"""The bundle's ``measure.py``: runs where nothing of this project is, and writes what this project takes in."""

from __future__ import annotations

import getpass
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
from onnxruntime.quantization import QuantType, quantize_dynamic

from explorer.measure import elsewhere, statistics
from explorer.measure.accuracy import predict
from explorer.measure.travel import read_inputs, write_inputs
from tests.measure.tiny import CLASSES, WORDS, save_cnn, text_graph
from tests.support.bundles import bundle, finished_run, image_split, load_measure, sha256, text_split, write_result


@pytest.fixture
def text_bundle(tmp_path) -> Path:
    return bundle(tmp_path)


@pytest.fixture
def measure(text_bundle) -> ModuleType:
    return quick(load_measure(text_bundle))


def quick(module: ModuleType) -> ModuleType:
    """The same measuring with few repeats."""
    module.REPEATS, module.SECONDS = 5, 0.0
    return module


def measured(module: ModuleType, *words: str) -> elsewhere.Report:
    """What is written and can be read back."""
    to = module.HERE / "measured.json"
    assert module.main([*words, "--to", str(to)]) == 0
    return elsewhere.read(to)


@pytest.fixture
def refused(capsys) -> Callable[..., str]:
    """The one sentence with which the script stops."""

    def call(module: ModuleType, *words: str) -> str:
        assert module.main(list(words)) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1
        return err

    return call


def test_it_runs_where_nothing_of_this_project_is(tmp_path) -> None:
    folder = bundle(tmp_path, shapes=((1, 16),))
    elsewhere_place = tmp_path / "elsewhere"
    shutil.move(folder, elsewhere_place)
    alone = [sys.executable, "-I"]  # neither this folder nor PYTHONPATH
    assert subprocess.run([*alone, "-c", "import explorer"], capture_output=True, cwd=elsewhere_place).returncode == 1
    command = [*alone, "measure.py", "--threads", "1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=elsewhere_place)
    assert done.returncode == 0, done.stderr
    text = (elsewhere_place / "measurements.json").read_text()
    report = elsewhere.parse(text.encode(), "measurements.json")
    (latency,) = report.latency
    assert (latency.batch, latency.sequence, latency.threads) == (1, 16, 1)
    assert latency.repeats >= 50 and latency.p50_ms > 0 and latency.speedup is None
    assert report.model_sha256 == sha256(elsewhere_place) and report.tool == "measure.py"
    assert (report.agreement[0].same, report.agreement[0].samples) == (40, 40)
    for private in (str(tmp_path), f'"{socket.gethostname()}"', f'"{getpass.getuser()}"'):
        assert private not in text


def test_accuracy_is_what_this_project_computes(measure) -> None:
    run = measure.HERE.parent / "run"
    (entry,) = measured(measure).accuracy
    logits, split = predict(run / "artefact", "cpu-onnxruntime", text_split().inputs), text_split()
    right = int((logits.argmax(1) == split.labels).sum())
    assert (entry.samples, round(entry.value * 40)) == (40, right)
    assert (entry.ci_low, entry.ci_high) == pytest.approx(statistics.wilson(right, 40))


def test_a_batch_dependent_model_answers_as_at_home(tmp_path) -> None:
    """The scale of dynamically quantized activations must not come from padding or from neighbours."""
    run = finished_run(tmp_path / "run")
    artefact = run / "artefact"
    onnx.save(text_graph(), tmp_path / "full.onnx")
    quantize_dynamic(tmp_path / "full.onnx", artefact / "model.onnx", weight_type=QuantType.QInt8)
    assert any(node.op_type == "DynamicQuantizeLinear" for node in onnx.load(artefact / "model.onnx").graph.node)
    write_inputs(run, artefact, text_split(), seed=0)
    write_result(run)
    from explorer.export import export_bundle

    report = measured(quick(load_measure(export_bundle(run, tmp_path / "bundle", "folder"))))
    assert report.agreement[0].same == 40 and report.agreement[0].largest_difference < 1e-5


def test_beside_a_baseline_there_is_a_speed_up_and_a_control(measure) -> None:
    onnx.save(text_graph(seed=1), measure.HERE / "baseline.onnx")
    report = measured(measure)
    (latency,), (accuracy,) = report.latency, report.accuracy
    assert latency.speedup_low <= latency.speedup <= latency.speedup_high and latency.control > 0
    assert latency.speedup == pytest.approx(latency.baseline_p50_ms / latency.p50_ms)
    assert report.baseline_sha256 and report.baseline_sha256 != report.model_sha256
    gained, lost = accuracy.flips.wrong_to_right, accuracy.flips.right_to_wrong
    assert gained + lost > 0 and accuracy.difference == pytest.approx((gained - lost) / 40)
    assert accuracy.p_value == statistics.mcnemar_p(lost, gained), "completed when it is read"


def test_every_shape_of_the_results_is_timed_once(tmp_path) -> None:
    shapes = ((1, 16), (4, 16), (1, 16), (2, 0, "real"))
    report = measured(quick(load_measure(bundle(tmp_path, shapes=shapes))))
    lengths = read_inputs(tmp_path / "run" / "inputs.npz").lengths
    assert [(entry.batch, entry.lengths) for entry in report.latency] == [(1, "padded"), (4, "padded"), (2, "real")]
    assert report.latency[0].sequence == report.latency[1].sequence == 16
    assert lengths.min() <= report.latency[2].sequence <= lengths.max()


def test_padded_shapes_hold_real_tokens_and_real_ones_their_lengths(measure) -> None:
    travelling = measure.read_inputs()
    session = measure.open_session(measure.HERE / "model.onnx", "cpu", 1)
    (feed,) = measure.feeds((3, 16), session, travelling)
    assert {array.shape for array in feed.values()} == {(3, 16)}
    assert feed["attention_mask"].all() and feed["input_ids"].min() >= 2 and feed["input_ids"].max() < WORDS
    real = measure.feeds((2, 0), session, travelling)
    assert len(real) == measure.REAL_BATCHES
    for feed in real:
        assert feed["input_ids"].shape[1] == feed["attention_mask"].sum(axis=1).max()


def test_images_are_timed_in_their_own_size(tmp_path) -> None:
    module = quick(load_measure(bundle(tmp_path, kind="image", shapes=((1, 8), (64, 8)))))
    report = measured(module)
    assert [(entry.batch, entry.sequence) for entry in report.latency] == [(1, 8), (64, 8)]
    logits = predict(tmp_path / "run" / "artefact", "cpu-onnxruntime", image_split().inputs)
    assert report.accuracy[0].value == pytest.approx((logits.argmax(1) == image_split().labels).mean())


def cnn_bundle(place: Path, **given: object) -> ModuleType:
    """The measuring of a bundle whose model takes images of every size from 4 pixels on; its own is 8."""
    module = quick(load_measure(bundle(place, kind="image", shapes=((1, 8), (2, 8)), **given)))
    shutil.copy(save_cnn(place / "cnn", kernel=6, pads=1) / "model.onnx", module.HERE / "model.onnx")
    (module.HERE / "results.json").write_text(
        json.dumps({"artefact": {"model_sha256": sha256(module.HERE)}, "latency": [{"batch": 1, "sequence": 8}]})
    )
    return module


@pytest.mark.parametrize("inputs", [True, False])
def test_other_sizes_are_timed_after_the_own(tmp_path, inputs) -> None:
    report = measured(cnn_bundle(tmp_path, inputs=inputs), "--sizes", "16, 12")
    assert [(entry.batch, entry.sequence, entry.kind) for entry in report.latency] == [
        (1, 8, "measured"),
        (1, 16, "measured"),
        (1, 12, "measured"),
    ]


def test_a_size_that_does_not_fit_is_unavailable_with_the_reason(tmp_path, capsys) -> None:
    module = quick(load_measure(bundle(tmp_path, kind="image", shapes=((1, 8), (1, 12)))))
    own, other = measured(module).latency
    assert (own.kind, other.kind, other.sequence, other.p50_ms) == ("measured", "unavailable", 12, None)
    assert other.reason.startswith("The model does not run on images of 12 pixels a side here: ")
    assert "batch 1 x 12: unavailable: The model" in capsys.readouterr().out


def test_images_are_resized_by_their_nearest_pixels(measure) -> None:
    images = np.arange(2 * 3 * 4 * 6, dtype=np.float32).reshape(2, 3, 4, 6)
    larger = measure.resized(images, 8)
    assert larger.shape == (2, 3, 8, 12) and np.array_equal(larger, images.repeat(2, axis=2).repeat(2, axis=3))
    assert np.array_equal(measure.resized(images, 2), images[:, :, ::2, ::2])
    assert np.array_equal(measure.resized(images, 4), images)


@pytest.mark.parametrize("kind", ["text", "image"])
def test_without_inputs_random_ones_are_timed_and_accuracy_is_unavailable(tmp_path, capsys, kind) -> None:
    module = quick(load_measure(bundle(tmp_path, kind=kind, inputs=False, shapes=((2, 8),))))
    report = measured(module)
    assert report.accuracy == [] and report.agreement == [] and report.latency[0].batch == 2
    assert "accuracy unavailable" in capsys.readouterr().out


def test_its_statistics_are_those_of_this_project(measure) -> None:
    draw = np.random.default_rng(0)
    first, second = draw.gamma(3, size=137), draw.gamma(2, size=137)
    assert measure.median_ratio(first, second) == pytest.approx(statistics.median_ratio(first, second))
    assert measure.median_interval(first) == pytest.approx(statistics.median_interval(first))
    ours, theirs = (one.percentile_intervals(first, [90, 99]) for one in (statistics, measure))
    assert np.array(theirs) == pytest.approx(np.array(ours))
    for right, count in ((0, 10), (7, 10), (10, 10), (1234, 2000)):
        assert measure.wilson(right, count) == pytest.approx(statistics.wilson(right, count))


def test_noise_is_named(measure, monkeypatch) -> None:
    monkeypatch.setattr(measure, "cpus", lambda: [0, 1])
    quiet = {"repeats": 50, "control": 1.0}
    measure.REPEATS = 50
    assert measure.noise_reasons(0.1, quiet, 2) == [] == measure.noise_reasons(None, quiet, 2)
    assert measure.noise_reasons(0.4, quiet, 2) == ["other processes kept 0.40 cores busy"]
    assert measure.noise_reasons(0.4, quiet, 1) == [], "half of a free core may be busy"
    (reason,) = measure.noise_reasons(0.0, {"repeats": 50, "control": 1.2}, 2)
    assert "second copy of the baseline measured 1.20 times" in reason
    assert measure.noise_reasons(0.0, {"repeats": 9}, 2) == ["only 9 of 50 repeats fitted into the time"]


def test_another_model_file_is_refused(measure, refused) -> None:
    expected = sha256(measure.HERE)
    onnx.save(text_graph(seed=1), measure.HERE / "model.onnx")
    sentence = refused(measure)
    assert sha256(measure.HERE)[:12] in sentence and expected[:12] in sentence


def test_forged_inputs_are_refused(measure, refused, tmp_path) -> None:
    path = measure.HERE / "inputs.npz"
    path.write_bytes(b"garbage")
    assert "inputs.npz cannot be read" in refused(measure)
    np.savez(path, labels=np.array([print], dtype=object), logits=np.zeros((1, CLASSES)))
    assert "inputs.npz cannot be read" in refused(measure), "nothing is unpickled"
    np.savez(path, labels=np.zeros(3, int), logits=np.zeros((2, CLASSES)))
    assert "inputs.npz cannot be read" in refused(measure)
    np.savez(path, labels=np.zeros(3, int), logits=np.zeros((3, CLASSES)))
    assert "has no 'input_ids'" in refused(measure)


def test_what_is_missing_is_named(measure, refused) -> None:
    (measure.HERE / "results.json").write_text("{}")
    assert "no usable results.json" in refused(measure)
    (measure.HERE / "baseline.onnx").write_bytes(b"no model")
    write_result_into(measure.HERE)
    assert "cannot load baseline.onnx" in refused(measure)
    (measure.HERE / "model.onnx").unlink()
    assert "no model.onnx" in refused(measure)


def write_result_into(folder: Path) -> None:
    results = {"artefact": {"model_sha256": sha256(folder)}, "latency": []}
    (folder / "results.json").write_text(json.dumps(results))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--threads", "0"], "--threads must be from 1 to 1024; given was 0."),
        (["--threads", "two"], "Argument --threads: invalid int value: 'two'."),
        (["--provider", "tpu"], "invalid choice: 'tpu'"),
        (["--baseline", "missing.onnx"], "There is no baseline 'missing.onnx'"),
        (["--to", "missing/file.json"], "'missing/file.json' cannot be written"),
        (["--sizes", "7"], "--sizes takes whole numbers from 8 to 1024; given was 7."),
        (["--sizes", "32,wide"], "given was 32,wide."),
        (["--sizes", "32"], "--sizes is for models of images; this one takes texts."),
        (["--colour"], "Unrecognized arguments: --colour."),
    ],
)
def test_bad_input_is_one_sentence(measure, refused, words, expected) -> None:
    assert expected in refused(measure, *words)


def test_a_provider_that_is_not_there_is_named(measure, refused) -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    assert "has no CUDAExecutionProvider" in refused(measure, "--provider", "cuda")


class FakeRuntime:
    """Stands for an onnxruntime with CUDA; ``given`` is the provider that its sessions really get."""

    def __init__(self, given: str) -> None:
        self.given, self.synchronised, self.placed = given, 0, []
        self.SessionOptions, self.OrtValue = onnxruntime.SessionOptions, self

    def get_available_providers(self) -> list[str]:
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def InferenceSession(self, path: str, options: object, providers: object) -> object:
        return SimpleNamespace(get_providers=lambda: [self.given])

    def ortvalue_from_numpy(self, array: object, device: str, number: int) -> tuple[object, str]:
        self.placed.append(device)
        return array, device

    def io_binding(self) -> FakeRuntime:
        return self

    def bind_ortvalue_input(self, name: str, value: object) -> None:
        self.placed.append(name)

    def bind_output(self, name: str, device: str) -> None:
        self.placed.append(f"{name} on {device}")

    def run_with_iobinding(self, binding: object) -> None:
        self.synchronised -= 1

    def synchronize_outputs(self) -> None:
        self.synchronised += 1


def test_a_silent_fall_back_to_the_cpu_stops_with_fake_cuda(measure, refused, monkeypatch) -> None:
    monkeypatch.setattr(measure, "onnxruntime", FakeRuntime("CPUExecutionProvider"))
    assert "fell back to CPUExecutionProvider, so nothing was measured" in refused(measure, "--provider", "cuda")


def test_a_fake_gpu_call_keeps_inputs_and_outputs_there_and_waits(measure, monkeypatch) -> None:
    fake = FakeRuntime("CUDAExecutionProvider")
    monkeypatch.setattr(measure, "onnxruntime", fake)
    call = measure.bind(fake, "cuda", {"pixels": np.zeros(1)})
    assert fake.placed == ["cuda", "pixels", "logits on cuda"]
    call()
    assert fake.synchronised == 0, "each call ends when the device has finished"


def test_a_gpu_is_described_by_fake_nvidia_smi(measure, monkeypatch) -> None:
    asked = []

    def output(*command: str) -> str:
        asked.append(command)
        return "Imaginary GPU, 999.9, 81559" if command[0] == "nvidia-smi" else ""

    monkeypatch.setattr(measure, "output", output)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,2")
    host = measure.fingerprint(4, "cuda")
    assert asked[0][:2] == ("nvidia-smi", "--id=1")
    assert host["gpu"] == {"name": "Imaginary GPU", "driver": "999.9", "memory_bytes": 81559 << 20}
    assert measure.device(host, "cuda")["name"] == "Imaginary GPU"
    assert measure.device(host, "cpu")["name"] == host["cpu"]
    monkeypatch.setattr(measure, "output", lambda *command: "")
    assert measure.fingerprint(4, "cuda")["gpu"]["name"].startswith("NVIDIA GPU")
    assert measure.fingerprint(4, "cpu")["gpu"] is None
