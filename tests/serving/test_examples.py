"""Images to try: as they were before they were preprocessed, one of each class first."""

from dataclasses import replace

import numpy as np
import pytest

from explorer.errors import BadInput
from explorer.models.preprocess import ImagePreprocessor
from explorer.serving.examples import enlarged, example_images, example_texts, pixels
from explorer.tasks import user_task
from tests.models import tiny
from tests.support.bundles import image_split


@pytest.mark.parametrize("channels", [1, 3])
def test_preprocessing_is_undone_exactly(channels):
    preprocessor = ImagePreprocessor(
        8, 6, channels, mean=(0.1307, 0.4, 0.5)[:channels], std=(0.3081, 0.2, 0.3)[:channels]
    )
    shape = (5, 8, 6) if channels == 1 else (5, 8, 6, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert (pixels(preprocessor.encode(images), preprocessor) == images).all()


def test_one_of_each_class_first_then_others(image_files):
    split, found = image_split(), example_images(image_files, ["a", "b", "c"], most=6)
    assert [example.label for example in found[:3]] == ["a", "b", "c"] and len(found) == 6
    for label, example in enumerate(found[:3]):
        first = split.labels.tolist().index(label)
        assert (example.pixels == split.inputs[first]).all()
    assert len({example.pixels.tobytes() for example in found}) == 6


def test_without_inputs_the_image_beside_the_artefact(image_files):
    image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    np.save(image_files.variants[0] / "example.npy", image)
    (found,) = example_images(replace(image_files, inputs=image_files.inputs.with_name("none")), ["a", "b", "c"])
    assert (found.pixels == image).all() and found.label is None


def test_without_any_there_are_none(image_files):
    assert example_images(replace(image_files, inputs=image_files.inputs.with_name("none")), ["a"]) == []


def test_a_text_model_has_no_images(text_files):
    with pytest.raises(BadInput, match="reads texts"):
        example_images(text_files, ["a", "b", "c"])


def test_a_small_image_is_shown_in_squares():
    assert enlarged(np.array([[0, 255]], dtype=np.uint8), 3).tolist() == [[0, 0, 0, 255, 255, 255]] * 3
    assert enlarged(np.zeros((300, 300, 3), dtype=np.uint8)).shape == (300, 300, 3)


def test_texts_are_validation_ones_of_somebodys_own_data_one_of_each_class_first(tmp_path):
    path = str(tiny.write_csv(tmp_path / "d.csv", 80))
    split = user_task(path, "text", ("bad", "good")).splits["validation"]
    found = example_texts(path, ("bad", "good"))
    assert len(set(found)) == 4 and set(found) <= set(split.inputs)
    assert [split.labels[split.inputs.index(text)] for text in found[:2]] == [0, 1]


def test_where_the_data_are_gone_there_are_no_texts(tmp_path):
    assert example_texts(str(tmp_path / "gone.csv"), ("bad", "good")) == []
