"""The built-in tasks, on the real data."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

from explorer.errors import BadInput
from explorer.tasks import SPLITS, Split, Task, load_task, task_digest
from explorer.tasks.base import cut, cut_stratified, normalise
from explorer.tasks.tweets import content_key

SIZES = {
    "tweets": {"test": 2000, "validation": 2000, "calibration": 500},
    "digits": {"test": 1000, "validation": 800, "calibration": 200},
}


@pytest.fixture(scope="module", params=["tweets", "digits"])
def task(request: pytest.FixtureRequest) -> Task:
    return load_task(request.param)


def keys(split: Split) -> list[object]:
    if isinstance(split.inputs, list):
        return [content_key(text) for text in split.inputs]
    return [image.tobytes() for image in split.inputs]


def test_no_text_or_image_is_in_two_splits_or_twice_in_one(task: Task) -> None:
    found = {name: keys(split) for name, split in task.splits.items()}
    for name, values in found.items():
        assert len(set(values)) == len(values), name
    for one, other in itertools.combinations(SPLITS, 2):
        assert not set(found[one]) & set(found[other]), (one, other)


def test_splits_have_their_fixed_sizes_and_every_label(task: Task) -> None:
    assert tuple(task.splits) == SPLITS
    for name, size in SIZES[task.name].items():
        assert len(task.splits[name]) == size
    for split in task.splits.values():
        assert len(split.inputs) == len(split.labels)
        assert set(np.unique(split.labels)) == set(range(len(task.labels)))


def test_splits_are_the_same_every_time(task: Task) -> None:
    again = load_task(task.name)
    assert again.digest == task.digest
    for name in SPLITS:
        assert keys(again.splits[name]) == keys(task.splits[name])
        assert np.array_equal(again.splits[name].labels, task.splits[name].labels)


def test_there_is_enough_to_train_on() -> None:
    assert len(load_task("tweets").splits["train"]) > 24_000
    assert len(load_task("digits").splits["train"]) == 3000


def test_tweets_hold_no_line_breaks_and_retweets_count_once() -> None:
    texts = load_task("tweets").splits["train"].inputs
    assert not any("\r" in text or "\n" in text for text in texts)
    assert content_key("RT @jo: Great  FLIGHT! http://t.co/1") == content_key("great flight") == "great flight"
    assert content_key("@jo http://t.co/1") != content_key("@jo http://t.co/2")


def test_digits_are_spread_evenly() -> None:
    task = load_task("digits")
    for split in task.splits.values():
        counts = np.bincount(split.labels)
        assert counts.max() - counts.min() <= 1
    images = task.splits["test"].inputs
    assert isinstance(images, np.ndarray) and images.dtype == np.uint8 and images.shape == (1000, 28, 28)


def test_digest_follows_the_task_and_needs_data_for_other_models() -> None:
    assert task_digest("minilm-tweets", None) == load_task("tweets").digest
    assert task_digest("vit-digits", None) == task_digest("cnn-digits", None) != task_digest("minilm-tweets", None)
    with pytest.raises(BadInput, match="'owner/model' comes without data"):
        task_digest("owner/model", None)


def test_an_unknown_task_lists_the_known_ones() -> None:
    with pytest.raises(BadInput, match="no task 'news'; known are tweets, digits"):
        load_task("news")


def test_subset_is_drawn_by_seed_without_replacement() -> None:
    split = Split([str(i) for i in range(50)], np.arange(50))
    some = split.subset(10, seed=3)
    assert len(set(some.inputs)) == 10
    assert some.inputs == [str(label) for label in some.labels] == split.subset(10, seed=3).inputs
    assert some.inputs != split.subset(10, seed=4).inputs
    assert split.subset(50, seed=1) is split


def test_cut_keeps_every_row_once() -> None:
    everything = Split([str(i) for i in range(100)], np.repeat([0, 1, 2, 3], 25))
    for method in (cut, cut_stratified):
        splits = method(everything, {"test": 20, "validation": 12, "calibration": 8}, 5)
        assert [len(splits[name]) for name in SPLITS] == [60, 8, 12, 20]
        assert sorted(int(text) for split in splits.values() for text in split.inputs) == list(range(100))
        assert all(int(t) // 25 == label for s in splits.values() for t, label in zip(s.inputs, s.labels, strict=True))
    assert np.bincount(splits["test"].labels).tolist() == [5, 5, 5, 5]


def test_normalise_ignores_case_and_white_space() -> None:
    assert normalise("  A\tb\r\nSTRASSE ") == normalise("a B straße")


def test_tasks_import_neither_torch_nor_transformers() -> None:
    heavy = "{'torch', 'transformers', 'pandas'}"
    code = f"import sys, explorer.tasks as t; t.task_digest('vit-digits', None); print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
