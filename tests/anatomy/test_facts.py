"""Which models there are, what they are in words, and what was measured of them uncompressed."""

from dataclasses import replace

import pytest

from explorer import store
from explorer.anatomy.facts import (
    baseline_tables,
    own_split_words,
    profiled,
    sentence,
    split_sizes,
    split_words,
    subjects,
    unmeasured,
)
from explorer.home import runs_folder
from explorer.models import cards
from explorer.rundir import RunFolder
from explorer.store import Store
from explorer.variants import flatten, with_baselines
from tests.anatomy.test_own import one
from tests.models import tiny
from tests.support.sample_results import OTHER_HOST, sample_runs, write_recorded, write_runs

CARDS = cards()


@pytest.fixture
def rows(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(store, "RECORDED", tmp_path / "recorded")

    def written(own, recorded=()):
        write_runs(tmp_path / "home" / "runs", own)
        write_recorded(tmp_path / "recorded", recorded)
        return Store().runs()

    return written


def owned(run, model="/models/mine", data="/data/tweets.csv", task="tweets-12345678"):
    recipe = {**run.recipe, "model": model, "data": data}
    return replace(run, model=model, recipe=recipe, result={**run.result, "recipe": recipe, "task": task})


def test_the_built_in_models_come_first(rows):
    runs = sample_runs(3)
    found = subjects(CARDS, rows([runs[0], owned(runs[1]), owned(runs[2])], sample_runs(2, recorded=True)), [])
    assert list(found) == ["minilm-tweets", "vit-digits", "cnn-digits", "/models/mine /data/tweets.csv"]
    built_in, own = found["vit-digits"], found["/models/mine /data/tweets.csv"]
    assert (built_in.model_kind, built_in.data, built_in.key) == ("vision transformer", None, "vit-digits")
    assert (own.title, own.task, own.model_kind) == ("mine on tweets.csv", "tweets-12345678", None)
    assert own.parameters == runs[1].result["baseline_size"]["parameters"]


def test_what_was_checked_is_there_before_any_run(rows):
    (*_, subject) = subjects(CARDS, rows([]), [one()]).values()
    assert (subject.key, subject.title) == ("/models/mine /data/tweets.csv", "mine on tweets.csv")
    assert (subject.parameters, subject.file_bytes, subject.model_kind) == (5000, 20_000, "text transformer")
    assert subject.forgettable
    (*_, built_in) = subjects(CARDS, [], [one(model="cnn-digits")]).values()
    assert built_in.title == "CNN on digits on tweets.csv"


def test_the_later_of_a_check_and_a_run_is_believed(rows):
    known = rows([owned(sample_runs(1)[0])])
    early, late = one(checked_at="2026-01-01T00:00:00+00:00"), one(checked_at="2100-01-01T00:00:00+00:00")
    key = "/models/mine /data/tweets.csv"
    assert subjects(CARDS, known, [early])[key].parameters == known[0].result["baseline_size"]["parameters"]
    found = subjects(CARDS, known, [late])[key]
    assert found.parameters == 5000 and not found.forgettable, "its run stays"


def test_what_a_first_run_names_is_there_while_it_waits(rows, tmp_path):
    tiny.save_bert(tmp_path / "m")
    data = str(tiny.write_csv(tmp_path / "d.csv"))
    for model in (str(tmp_path / "m"), str(tmp_path / "gone"), "owner/not-here"):
        recipe = {"model": model, "data": data, "steps": [], "seed": 0, "targets": ["cpu-onnxruntime"]}
        RunFolder.create(runs_folder(), {"recipe": recipe, "digest": "d", "study": "default"})
    (*_, subject) = (found := subjects(CARDS, rows([]), [])).values()
    assert len(found) == len(CARDS) + 1
    assert (subject.title, subject.kind, subject.labels) == ("m on d.csv", "text", ("bad", "good"))
    assert not subject.forgettable and baseline_tables([], subject) == {}


def test_targets_without_a_measurement_are_named(rows):
    own, recorded = rows(sample_runs(2)), rows([], sample_runs(2, recorded=True, host=OTHER_HOST))
    subject = subjects(CARDS, [], [])["minilm-tweets"]
    asked = ["cpu-onnxruntime", "cpu-openvino"]
    assert unmeasured(with_baselines(flatten(own), own), subject, asked) == ["cpu-openvino"]
    only_recorded = [row for row in recorded if row.recorded]
    assert unmeasured(with_baselines(flatten(only_recorded), only_recorded), subject, asked) == asked


def test_in_words(rows):
    found = subjects(CARDS, rows([owned(sample_runs(1)[0])]), [])
    assert sentence(found["minilm-tweets"]) == (
        "A transformer for texts with 22.7 M parameters (90.9 MB as 32-bit numbers) and 3 classes: "
        "negative, neutral, positive."
    )
    assert sentence(found["cnn-digits"]).startswith("A convolutional network (CNN) with 697 k parameters (2.79 MB")
    assert sentence(found["/models/mine /data/tweets.csv"]).startswith("A model for texts with 22.7 M parameters")


def test_many_classes_are_not_listed_in_full(rows):
    (subject,) = subjects({"vit-digits": CARDS["vit-digits"]}, [], []).values()
    many = replace(subject, labels=tuple(f"class {number}" for number in range(40)))
    assert "40 classes: class 0, " in sentence(many) and sentence(many).endswith("class 11 ….")


def test_the_splits_of_built_in_data():
    sizes = split_sizes("digits")
    assert {name: sizes[name] for name in ("calibration", "validation", "test")} == {
        "calibration": 200, "validation": 800, "test": 1000,
    }  # fmt: skip
    assert split_words("digits", sizes) == (
        f"Its data (digits) are split into {sizes['train']:,} inputs for training, 200 for calibration, 800 for "
        "validation and 1,000 for the test."
    )


def test_the_splits_of_own_data():
    assert own_split_words("/data/tweets.csv") == (
        "Its data (tweets.csv) are split into 60 % for training, 10 % for calibration, 15 % for validation and 15 % "
        "for the test."
    )


def test_times_come_from_the_newest_own_profile_else_from_a_recorded_one(rows):
    def with_profile(run):
        return replace(run, result={**run.result, "profile": {"by_operator": [], "by_layer": []}})

    own, recorded = sample_runs(4), [with_profile(run) for run in sample_runs(1, recorded=True, host=OTHER_HOST)]
    subject = subjects(CARDS, [], [])["minilm-tweets"]
    assert profiled(rows([], recorded), subject).run == "recorded-0000"
    known = rows([own[0], with_profile(own[1]), with_profile(own[2]), own[3]], recorded)
    assert profiled(known, subject).run == "sample-0002"
    assert profiled(known, subjects(CARDS, [], [])["vit-digits"]) is None


def tables(rows, model="minilm-tweets"):
    return baseline_tables(with_baselines(flatten(rows), rows), subjects(CARDS, rows, [])[model])


def test_each_host_and_day_has_a_table_of_its_own(rows):
    own, recorded = sample_runs(2), sample_runs(2, recorded=True, host=OTHER_HOST)
    found = tables(rows(own, recorded))
    assert list(found) == [
        "Imaginary CPU 9000, 2 cores · 2026-11-20", "Other Imaginary CPU, 8 cores (recorded) · 2026-11-20",
    ]  # fmt: skip
    lines = next(iter(found.values()))
    assert [line[:2] for line in lines] == [
        ["CPU, ONNX Runtime", "1 × 32"], ["CPU, ONNX Runtime", "8 × 32"],
        ["CPU, PyTorch", "1 × 32"], ["CPU, PyTorch", "8 × 32"],
    ]  # fmt: skip
    assert lines[0][2:] == ["80.0 % [78.3, 81.7]", "6.00 ms [5.82, 6.18]"]


def test_a_measured_baseline_goes_before_one_that_was_only_compared_with(rows):
    assert tables(rows([])) == {}
    compared, alone = sample_runs(2)[1], sample_runs(1)[0]
    later = replace(compared, result={**compared.result, "finished_at": "2026-11-21T10:00:00+00:00"})
    ((place, lines),) = tables(rows([alone, later])).items()
    assert place == "Imaginary CPU 9000, 2 cores · 2026-11-20"
    assert len(lines) == 4 and lines[0][2] == "80.0 % [78.3, 81.7]"


def test_without_a_baseline_run_the_one_beside_a_variant_counts(rows):
    (lines,) = tables(rows(sample_runs(2)[1:])).values()
    assert lines[0][2:] == ["80.0 % [78.2, 81.7]", "6.00 ms [5.82, 6.18]"], "with its intervals"
    assert [line[0] for line in lines] == ["CPU, ONNX Runtime"] * 2 + ["CPU, PyTorch"] * 2


def test_other_data_are_another_model(rows):
    known = rows([owned(sample_runs(1)[0], model="minilm-tweets")])
    assert tables(known) == {}
    (lines,) = tables(known, "minilm-tweets /data/tweets.csv").values()
    assert [line[0] for line in lines] == ["CPU, ONNX Runtime"] * 2 + ["CPU, PyTorch"] * 2
