"""The whole way on a tiny text model from a local folder with data of its own: real export, real processes."""

from __future__ import annotations

import hashlib
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from tokenizers import Tokenizer

from explorer import pipeline, training
from explorer.artefacts import finished_steps
from explorer.errors import BadInput, Cancelled, ExplorerError
from explorer.measure import lock, session
from explorer.progress import overall
from explorer.recipe import Recipe
from explorer.result import Result
from explorer.rundir import RunFolder
from tests.models import tiny

pytestmark = pytest.mark.slow

QUICK = {"batches": [1], "wait_s": 0}
"""Times one shape only, for tests that look at other things."""
PRUNED = [{"technique": "prune-neurons", "sparsity": 0.5}, {"technique": "fine-tune", "epochs": 1}]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pipeline")
    tiny.save_bert(folder / "model")
    tiny.write_csv(folder / "data.csv", n=160)
    return folder


@pytest.fixture(scope="module")
def execute(place):
    patch = pytest.MonkeyPatch()
    patch.setenv("EXPLORER_HOME", str(place / "home"))
    # keep every step, however quick, so that sharing can be seen
    patch.setattr(pipeline, "SLOW_STEP_SECONDS", 0.0)
    stages: list[str] = []
    events: list[dict[str, Any]] = []

    def tell(**said: Any) -> None:
        stages.append(said["text"])
        events.append(said)

    def run(name: str, steps: list[Any], fresh: bool = False, **more: Any) -> Result:
        stages.clear()
        events.clear()
        what = {"model": str(place / "model"), "data": str(place / "data.csv"), "steps": steps}
        recipe = Recipe.parse({**what, "targets": ["cpu-onnxruntime"], "measure": QUICK, **more})
        folder = place / name
        folder.mkdir(exist_ok=True)
        return pipeline.execute(recipe, folder, tell, run=name, digest=name, fresh=fresh)

    run.stages, run.events, run.tell = stages, events, tell
    yield run
    patch.undo()


@pytest.fixture(scope="module")
def baseline(execute) -> Result:
    return execute("baseline", [])


@pytest.fixture(scope="module")
def pruned(execute, baseline) -> Result:
    return execute("pruned", PRUNED)


def test_the_baseline_is_compared_with_itself(baseline: Result) -> None:
    assert baseline.steps == [] and baseline.size == baseline.baseline_size
    validation = next(entry for entry in baseline.accuracy if entry.split == "validation")
    assert validation.difference == 0 and validation.flips.right_to_wrong == validation.flips.wrong_to_right == 0
    assert [entry.batch for entry in baseline.latency] == QUICK["batches"]
    assert all(entry.repeats >= 50 and entry.p50_ms > 0 for entry in baseline.latency)
    assert baseline.memory.peak_rss_bytes > 10_000_000


def test_numbers_can_be_recomputed_from_the_artefact(place: Path, pruned: Result) -> None:
    """Accuracy and size again, with onnxruntime and tokenizers alone."""
    from explorer.models import load_model

    folder = place / "pruned" / "artefact"
    assert pruned.size.file_bytes == (folder / "model.onnx").stat().st_size
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    split = load_model(str(place / "model"), str(place / "data.csv")).task.splits["validation"]
    right = 0
    for text, label in zip(split.inputs, split.labels, strict=True):
        encoding = tokenizer.encode(text)
        known = {
            "input_ids": encoding.ids,
            "attention_mask": encoding.attention_mask,
            "token_type_ids": encoding.type_ids,
        }
        feed = {item.name: np.array([known[item.name]], dtype=np.int64) for item in session.get_inputs()}
        right += int(session.run(None, feed)[0].argmax() == label)
    entry = next(entry for entry in pruned.accuracy if entry.split == "validation")
    assert entry.value == pytest.approx(right / len(split)) and entry.samples == len(split)


def test_a_result_names_its_data_by_content(place: Path, baseline: Result, pruned: Result) -> None:
    from explorer.tasks import task_digest

    digest = task_digest(str(place / "model"), str(place / "data.csv"))
    assert baseline.task == pruned.task == f"data-{digest[:8]}"
    assert json.loads((place / "pruned" / "artefact" / "model.json").read_text())["task"] == "data"


def test_pruning_is_in_the_file(pruned: Result, place: Path) -> None:
    assert pruned.size.parameters < pruned.baseline_size.parameters
    assert (place / "pruned" / "artefact" / "torch" / "structure.json").is_file()
    assert [step.technique for step in pruned.steps] == ["prune-neurons", "fine-tune"]


def test_recipes_that_begin_alike_share_the_prefix(execute, pruned: Result, place: Path) -> None:
    longer = execute("longer", [*PRUNED, {"technique": "int8-dynamic"}])
    assert [step.cached for step in longer.steps] == [True, True, False]
    assert not (place / "longer" / "artefact" / "torch").exists()
    assert (
        "int8-dynamic changes the exported ONNX graph"
        in (place / "longer" / "artefact" / "torch-unavailable.txt").read_text()
    )
    again = execute("again", PRUNED, fresh=True)
    assert [step.cached for step in again.steps] == [False, False]
    assert again.artefact.digest == pruned.artefact.digest, "the same recipe and seed give the same bytes"
    assert [finished_steps(Recipe.parse(again.recipe | {"steps": steps})) for steps in (PRUNED, PRUNED[:1], [])] == [
        *(2, 1, 0)
    ]
    told = [overall(said["stage"], said.get("fraction"), trains=True) for said in execute.events]
    shares = [share for share in told if share is not None]
    assert shares == sorted(shares) and shares[-1] > 0.8, "progress never falls"


def test_the_same_model_is_exported_once_for_different_steps_on_the_graph(execute, pruned: Result, monkeypatch) -> None:
    execute("first", [*PRUNED, {"technique": "int8-dynamic"}])
    monkeypatch.setattr(pipeline.deploy, "export", lambda *given: pytest.fail("exported again"))
    second = execute("second", [*PRUNED, {"technique": "weight-bits"}])
    assert [step.cached for step in second.steps] == [True, True, False]
    assert second.steps[1].notes == pruned.steps[1].notes
    assert second.size.nonzero_parameters <= pruned.size.nonzero_parameters


def test_deploy_steps_alone_load_no_model(execute, baseline: Result) -> None:
    execute("bits", [{"technique": "weight-bits", "bits": 8}])
    assert not any("Exporting" in text for text in execute.stages)


def test_the_two_parts_together_do_what_execute_does(execute, pruned: Result, place: Path) -> None:
    """Made in one home and measured in another, as two machines do."""
    recipe = Recipe.parse({**pruned.recipe, "measure": QUICK})
    folder, elsewhere = place / "parts" / "here", place / "parts" / "there"
    folder.mkdir(parents=True)
    names = {"run": "parts", "digest": "pruned"}
    assert pipeline.make(recipe, folder, execute.tell, **names) is None
    assert RunFolder(folder).made and not (folder / "result.json").exists()
    folder.rename(elsewhere)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPLORER_HOME", str(place / "another-home"))
        execute.stages.clear()
        found = pipeline.measure(recipe, elsewhere, execute.tell, **names)
    assert not [text for text in execute.stages if "step 1" in text], "nothing is made twice"
    assert [step.technique for step in found.steps] == [step.technique for step in pruned.steps]
    assert (found.size, found.accuracy, found.artefact) == (pruned.size, pruned.accuracy, pruned.artefact)
    assert [entry.kind for entry in found.latency] == ["measured"]
    with (elsewhere / "artefact" / "model.onnx").open("ab") as file:
        file.write(b"more")
    with pytest.raises(ExplorerError, match="its digest is another one"):
        pipeline.measure(recipe, elsewhere, execute.tell, **names)


def test_results_survive_json(pruned: Result) -> None:
    assert Result.model_validate_json(pruned.model_dump_json()) == pruned
    assert json.loads(pruned.model_dump_json())["recipe"]["steps"][0]["technique"] == "prune-neurons"


def test_a_model_that_is_not_there_is_one_sentence(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))
    recipe = Recipe.parse({"model": str(tmp_path / "nothing"), "data": str(tmp_path / "x.csv")})
    with pytest.raises(BadInput) as caught:
        pipeline.execute(recipe, tmp_path, lambda **_: None, run="r", digest="d")
    assert "nothing" in str(caught.value) and "\n" not in str(caught.value)


def test_a_target_that_cannot_load_the_variant_costs_nothing(execute, baseline: Result, monkeypatch) -> None:
    """Not even the baseline is asked there."""
    asked: list[str] = []
    ask = session.Session._answers
    monkeypatch.setattr(
        session.Session,
        "_answers",
        lambda self, folder, target, *rest: asked.append(target) or ask(self, folder, target, *rest),
    )
    found = execute("int8", [{"technique": "int8-dynamic"}], targets=["cpu-torch", "cpu-onnxruntime"])
    assert set(asked) == {"cpu-onnxruntime"}
    assert [(entry.target, entry.kind) for entry in found.accuracy] == [
        ("cpu-torch", "unavailable"),
        ("cpu-onnxruntime", "measured"),
        ("cpu-onnxruntime", "measured"),
    ]


def test_what_explains_the_figures_is_recorded(baseline: Result, place: Path) -> None:
    (use,) = baseline.targets
    assert (use.provider, use.precision_used) == ("CPUExecutionProvider", "fp32")
    assert use.cold_start.p50_ms > 0 and use.peak_rss_bytes == baseline.memory.peak_rss_bytes
    assert {(cost.batch, cost.sequence) for cost in baseline.cost} == {
        (entry.batch, entry.sequence) for entry in baseline.latency
    }
    assert baseline.profile.batch == 1 and baseline.profile.by_operator
    digest = hashlib.sha256((place / "baseline" / "artefact" / "model.onnx").read_bytes()).hexdigest()
    assert baseline.artefact.model_sha256 == digest
    assert (place / "baseline" / "inputs.npz").is_file()
    (validation,) = (entry for entry in baseline.accuracy if entry.split == "validation")
    assert validation.agreement == 1 and sum(map(sum, validation.confusion)) == validation.samples


def test_shapes_and_disturbed_inputs_are_the_recipes_choice(execute, baseline: Result) -> None:
    how = {"batches": [1, 2], "lengths": [4, "real"], "robustness": True}
    found = execute("grid", [{"technique": "weight-bits", "bits": 8}], measure=how)
    assert [(entry.batch, entry.lengths) for entry in found.latency] == [
        (1, "padded"),
        (2, "padded"),
        (1, "real"),
        (2, "real"),
    ]
    assert [entry.condition for entry in found.accuracy] == ["clean", "clean", "typos"]


def test_a_run_that_was_interrupted_goes_on_from_its_checkpoint(execute, baseline, place, monkeypatch) -> None:
    monkeypatch.setenv("EXPLORER_CHECKPOINT_S", "0")
    monkeypatch.setattr(training, "REPORT_EVERY_S", 0.0)
    steps = [{"technique": "fine-tune", "epochs": 3}]

    def stops(**said: Any) -> None:
        if said["stage"] == "train" and "training step 4 of" in said["text"]:
            raise Cancelled("The run was cancelled.")

    recipe = Recipe.parse(
        {"model": str(place / "model"), "data": str(place / "data.csv"), "steps": steps, "targets": ["cpu-onnxruntime"]}
    )
    with pytest.raises(Cancelled):
        pipeline.execute(recipe, place / "interrupted", stops, run="interrupted", digest="d")
    assert len(list((place / "home" / "cache" / "checkpoints").iterdir())) == 1
    found = execute("resumed", steps)
    assert any("going on from training step 3 of" in text for text in execute.stages)
    assert list((place / "home" / "cache" / "checkpoints").iterdir()) == []
    again = execute("anew", steps, fresh=True)
    assert found.artefact.model_sha256 == again.artefact.model_sha256


def test_runs_that_begin_alike_share_the_beginning_when_launched_together(execute, baseline, place) -> None:
    def run(last: str) -> Result:
        steps = [{"technique": "fine-tune", "epochs": 1.5}, {"technique": "prune-neurons", "sparsity": 0.25}]
        steps += [{"technique": last}]
        recipe = {"model": str(place / "model"), "data": str(place / "data.csv"), "steps": steps}
        measure = {"batches": [1], "wait_s": 0}
        (place / last).mkdir()
        return pipeline.execute(
            Recipe.parse({**recipe, "targets": ["cpu-onnxruntime"], "measure": measure}),
            place / last,
            lambda **_: None,
            run=last,
            digest=last,
        )

    with ThreadPoolExecutor(2) as together:
        one, other = together.map(run, ("int8-dynamic", "half-precision"))
    cached = [[step.cached for step in result.steps[:2]] for result in (one, other)]
    assert sorted(cached) == [[False, False], [True, True]]


def test_a_run_that_rests_lends_its_place_to_a_measurement(execute, baseline, place) -> None:
    folder = RunFolder(place / "resting")
    folder.path.mkdir()
    folder.set_paused(True)
    said: list[str] = []
    recipe = Recipe.parse(
        {"model": str(place / "model"), "data": str(place / "data.csv"), "steps": [], "targets": ["cpu-onnxruntime"]}
    )
    names = {"run": "resting", "digest": "d"}
    with ThreadPoolExecutor(1) as background:
        running = background.submit(
            pipeline.execute, recipe, folder.path, lambda **news: said.append(news["text"]), **names
        )
        while not said:
            time.sleep(0.01)
        with lock.measuring_slot(place / "home", lambda text: None, timeout=20):
            assert not running.done() and len(said) == 1
        folder.set_paused(False)
        assert running.result().size == baseline.size
