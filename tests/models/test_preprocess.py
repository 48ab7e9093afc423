"""Arrays from texts and images, checked against hand computations and transformers' own processors."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explorer.errors import BadInput
from explorer.models import preprocess
from explorer.models.hub import image_preprocessor
from explorer.models.preprocess import ImagePreprocessor, Preprocessor, TextPreprocessor
from tests.models import tiny

NAMES = ("input_ids", "attention_mask", "token_type_ids")


def text_preprocessor(max_length: int = 6) -> TextPreprocessor:
    return TextPreprocessor(tiny.tokenizer(), max_length, NAMES)


def test_texts_are_padded_to_the_longest_and_cut_to_the_maximum() -> None:
    arrays = text_preprocessor().encode(["good", "bad fine poor good bad fine"])
    assert arrays["input_ids"].tolist() == [[2, 4, 3, 0, 0, 0], [2, 5, 6, 7, 4, 3]]
    assert arrays["attention_mask"].tolist() == [[1, 1, 1, 0, 0, 0], [1] * 6]
    assert all(array.dtype == np.int64 for array in arrays.values()) and tuple(arrays) == NAMES


def test_many_texts_are_encoded_in_blocks_as_if_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["good", "bad fine poor good", "fine", "poor bad", "good fine poor bad good"]
    whole = text_preprocessor().encode(texts)
    monkeypatch.setattr(preprocess, "TEXTS_AT_ONCE", 2)
    for name, array in text_preprocessor().encode(texts).items():
        np.testing.assert_array_equal(array, whole[name])
    assert text_preprocessor().encode([])["input_ids"].shape[0] == 0


def test_texts_are_brought_to_a_given_length() -> None:
    pad = TextPreprocessor(tiny.tokenizer(), 6, ("input_ids", "attention_mask"), pad_id=1, pad_token="[UNK]")
    arrays = pad.encode(["good"], length=5)
    assert arrays["input_ids"].tolist() == [[2, 4, 3, 1, 1]] and arrays["attention_mask"].tolist() == [[1, 1, 1, 0, 0]]
    assert text_preprocessor().encode(["good bad fine"], length=3)["input_ids"].shape == (1, 3)


def test_pixels_are_rescaled_and_normalised_per_channel() -> None:
    made = ImagePreprocessor(2, 2, 3, mean=(0.5, 0.0, 0.2), std=(0.5, 1.0, 0.1))
    image = np.array([[[[0, 51, 102], [255, 255, 255]], [[0, 0, 0], [0, 0, 0]]]], dtype=np.uint8)
    pixels = made.encode(image)["pixel_values"]
    assert pixels.shape == (1, 3, 2, 2) and pixels.dtype == np.float32
    np.testing.assert_allclose(pixels[0, :, 0, 0], [-1.0, 0.2, 2.0], rtol=1e-6)
    np.testing.assert_allclose(pixels[0, :, 0, 1], [1.0, 1.0, 8.0], rtol=1e-6)


@pytest.mark.parametrize(
    ("fields", "processor"),
    [
        ({"size": {"height": 8, "width": 6}, "image_mean": [0.5] * 3, "image_std": [0.2] * 3}, "ViTImageProcessor"),
        ({"size": {"height": 8, "width": 8}, "do_normalize": False}, "ViTImageProcessor"),
        (
            {"size": {"shortest_edge": 10}, "do_center_crop": True, "crop_size": {"height": 8, "width": 8}},
            "CLIPImageProcessor",
        ),
    ],
)
def test_pixels_agree_with_transformers(fields: dict, processor: str) -> None:
    from importlib import import_module

    folder = {"ViTImageProcessor": "vit", "CLIPImageProcessor": "clip"}[processor]
    module = import_module(f"transformers.models.{folder}.image_processing_pil_{folder}")
    reference = next(value for name, value in vars(module).items() if name.startswith(processor))(**fields)
    defaults = {
        "image_mean": reference.image_mean,
        "image_std": reference.image_std,
        "resample": int(reference.resample),
    }
    made = image_preprocessor({**defaults, **fields}, channels=3, side=8)
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 255, (20, 30, 3), dtype=np.uint8))
    expected = np.stack(reference(picture)["pixel_values"])
    np.testing.assert_allclose(made.encode(made.fit(picture)[None])["pixel_values"], expected, atol=1e-5)


def test_arrays_of_another_size_are_fitted() -> None:
    made = ImagePreprocessor(4, 4, 1, (0.0,), (1.0,))
    assert (
        made.encode(np.full((2, 9, 7), 255, dtype=np.uint8))["pixel_values"].tolist() == np.ones((2, 1, 4, 4)).tolist()
    )


def test_both_kinds_survive_a_round_trip_through_a_folder(tmp_path: Path) -> None:
    text, image = text_preprocessor(), ImagePreprocessor(4, 5, 3, (0.1, 0.2, 0.3), (1, 1, 2), 1 / 255, 6, 3)
    (tmp_path / "text").mkdir()
    (tmp_path / "image").mkdir()
    text.save(tmp_path / "text")
    image.save(tmp_path / "image")
    again = Preprocessor.load(tmp_path / "text")
    assert again.encode(["good bad", "x"])["input_ids"].tolist() == text.encode(["good bad", "x"])["input_ids"].tolist()
    assert (again.kind, again.input_names) == ("text", NAMES)
    assert Preprocessor.load(tmp_path / "image") == image
    with pytest.raises(BadInput, match=r"no readable preprocessor.json"):
        Preprocessor.load(tmp_path)


def test_dummies_have_exactly_the_shape_and_are_repeatable() -> None:
    text, image = text_preprocessor(), ImagePreprocessor(4, 5, 3, (0.0,) * 3, (1.0,) * 3)
    arrays = text.dummy(3, 7)
    assert {name: array.shape for name, array in arrays.items()} == dict.fromkeys(NAMES, (3, 7))
    assert arrays["input_ids"].min() > 0 and arrays["input_ids"].max() < len(tiny.WORDS)
    assert np.array_equal(arrays["input_ids"], text.dummy(3, 7)["input_ids"])
    assert image.dummy(2, 99)["pixel_values"].shape == (2, 3, 4, 5), "a length is nothing to an image"


def test_at_a_shape_of_the_grid_an_image_has_that_size_in_its_own_proportions() -> None:
    text, image = text_preprocessor(), ImagePreprocessor(4, 6, 3, (0.0,) * 3, (1.0,) * 3)
    assert image.dummy_at((2, 8))["pixel_values"].shape == (2, 3, 8, 12)
    assert np.array_equal(image.dummy_at((2, 4))["pixel_values"], image.dummy(2, 99)["pixel_values"])
    assert np.array_equal(text.dummy_at((3, 7))["input_ids"], text.dummy(3, 7)["input_ids"])
