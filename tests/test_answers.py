import base64
import csv
import io

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import f1_score, precision_recall_fscore_support

from explorer import answers
from explorer.answers import Choice
from explorer.errors import BadInput
from explorer.measure.accuracy import compare
from explorer.measure.perturb import perturbed
from explorer.models.preprocess import ImagePreprocessor
from explorer.rundir import RunFolder
from explorer.tasks import user_task
from explorer.tasks.base import Split

LABELS = ("no", "maybe", "yes")


def entry(variant, baseline, labels, **more):
    """An accuracy as it stands in a result."""
    one_hot = np.eye(3, dtype=np.float32)
    given, expected = one_hot[np.asarray(variant)], one_hot[np.asarray(baseline)]
    found = compare(given, expected, np.asarray(labels), "cpu-torch", "validation", names=LABELS, **more)
    return found.model_dump(mode="json")


@pytest.fixture
def drawn():
    dice = np.random.default_rng(0)
    labels, guesses = dice.integers(0, 3, (2, 200))
    return labels, np.where(dice.random(200) < 0.7, labels, guesses), np.where(dice.random(200) < 0.5, labels, guesses)


def test_the_baselines_scores_come_from_its_matrix(drawn):
    labels, baseline, variant = drawn
    known = entry(variant, baseline, labels)
    for rows, given in (
        (answers.baseline_class_rows(known, LABELS), baseline),
        (answers.class_rows(known), variant),
    ):
        precision, recall, f1, _ = precision_recall_fscore_support(labels, given)
        assert list(rows) == list(LABELS)
        assert [(row.precision, row.recall, row.f1) for row in rows.values()] == [
            pytest.approx(scores) for scores in zip(precision, recall, f1, strict=True)
        ]
    assert answers.baseline_macro_f1(known, LABELS) == pytest.approx(f1_score(labels, baseline, average="macro"))


def test_what_was_measured_before_answers_were_kept_has_none():
    old = {"accuracy": [{"target": "cpu-torch", "split": "validation", "value": 0.8}]}
    assert answers.choices([old]) == []
    assert answers.entry_of(old, Choice("cpu-torch", "clean")) is None
    assert answers.baseline_macro_f1(old["accuracy"][0], LABELS) is None


def test_undisturbed_inputs_are_offered_first(drawn):
    labels, baseline, variant = drawn
    disturbed, clean = entry(variant, baseline, labels, condition="typos"), entry(variant, baseline, labels)
    result = {"accuracy": [disturbed, clean, clean | {"split": "test"}]}
    assert answers.choices([result, result]) == [Choice("cpu-torch", "clean"), Choice("cpu-torch", "typos")]
    assert answers.entry_of(result, Choice("cpu-torch", "typos")) is disturbed


def test_flipped_inputs_in_words():
    labels, baseline, variant = [0, 1, 2], [0, 2, 2], [1, 1, 2]
    known = entry(variant, baseline, labels)
    known["flipped"][0]["variant"] = -1
    lost, gained = answers.flipped_inputs(known, LABELS)
    assert (lost.index, lost.label, lost.baseline, lost.variant, lost.gained) == (0, "no", "no", None, False)
    assert (gained.index, gained.label, gained.baseline, gained.variant, gained.gained) == (
        1,
        "maybe",
        "yes",
        "maybe",
        True,
    )


def test_shown_inputs_are_those_that_the_model_got():
    labels, baseline, variant = [0, 1, 2], [0, 2, 2], [1, 1, 2]
    split = Split(["first text here", "second text here", "third"], np.array(labels))
    assert answers.shown_inputs(split, entry(variant, baseline, labels)) == ["first text here", "second text here"]
    disturbed = answers.shown_inputs(split, entry(variant, baseline, labels, condition="typos"))
    assert disturbed == perturbed(split.inputs)[:2] != split.inputs[:2]


@pytest.mark.parametrize("labels", [[1, 1, 2], [0, 1, 2, 2]], ids=["another label", "another number"])
def test_data_that_changed_are_not_shown(labels):
    known = entry([1, 1, 2], [0, 2, 2], [0, 1, 2])
    with pytest.raises(BadInput, match="not those of this run"):
        answers.shown_inputs(Split(["a"] * len(labels), np.array(labels)), known)


def test_the_built_in_split_is_the_one_that_is_measured():
    split = answers.measured_split({"recipe": {"model": "cnn-digits"}, "task": "digits"}, None)
    assert (len(split), split.inputs.shape[1:]) == (800, (28, 28))


def run_folder(home, data, kind):
    """A run with data of its own, submitted from ``home`` where the data lie."""
    recipe = {"model": "someone/else", "data": data, "steps": []}
    folder = home / "runs"
    folder.mkdir()
    run = RunFolder.create(folder, {"recipe": recipe, "digest": "0", "study": "default", "cwd": str(home)})
    return run.path, {"recipe": recipe, "task": "mine", "kind": kind, "labels": list(LABELS)}


def test_own_texts_are_found_from_where_the_run_was_submitted(tmp_path):
    with (tmp_path / "mine.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["text", "label"], *((f"text number {i}", LABELS[i % 3]) for i in range(60))])
    folder, result = run_folder(tmp_path, "mine.csv", "text")
    expected = user_task(tmp_path / "mine.csv", "text", LABELS).splits["validation"]
    assert answers.measured_split(result, folder).inputs == expected.inputs
    with pytest.raises(BadInput, match="recorded"):
        answers.measured_split(result, None)


def test_own_images_are_brought_to_the_models_size(tmp_path, monkeypatch):
    dice = np.random.default_rng(0)
    for place in range(48):
        file = tmp_path / "mine" / LABELS[place % 3] / f"{place}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(dice.integers(0, 256, (20, 20), dtype=np.uint8)).save(file)
    folder, result = run_folder(tmp_path, "mine", "image")
    (folder / "artefact").mkdir()
    preprocessor = ImagePreprocessor(height=8, width=8, channels=1, mean=(0.5,), std=(0.5,))
    preprocessor.save(folder / "artefact")
    expected = user_task(tmp_path / "mine", "image", LABELS, preprocessor.fit).splits["validation"]
    assert np.array_equal(answers.measured_split(result, folder).inputs, expected.inputs)
    monkeypatch.setattr(answers, "MOST_OWN_IMAGES", 40)
    with pytest.raises(BadInput, match="holds 48 images"):
        answers.measured_split(result, folder)


def test_data_that_are_gone_are_one_sentence(tmp_path):
    folder, result = run_folder(tmp_path, "gone.csv", "text")
    with pytest.raises(BadInput, match=r"There is no .*gone\.csv"):
        answers.measured_split(result, folder)


@pytest.mark.parametrize("shape", [(28, 28), (200, 100, 3)])
def test_a_thumbnail_is_a_small_png(shape):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    head, data = answers.thumbnail(image).split(",")
    assert head == "data:image/png;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    assert picture.size == ((28, 28) if len(shape) == 2 else (48, 96))
    if len(shape) == 2:
        assert np.array_equal(np.asarray(picture), image)
