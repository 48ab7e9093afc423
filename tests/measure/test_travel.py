"""Inputs that travel with a bundle: what is in the file, and that it is read with suspicion."""

from __future__ import annotations

import numpy as np
import pytest

from explorer.errors import BadInput
from explorer.measure import travel
from explorer.measure.accuracy import predict
from explorer.measure.travel import read_inputs, write_inputs
from explorer.models.preprocess import Preprocessor
from explorer.tasks import Split
from tests.support.bundles import image_split, text_split


def test_texts_travel_as_tokens_with_labels_and_answers(tmp_path, text_artefact) -> None:
    split = text_split(30)
    write_inputs(tmp_path, text_artefact, split, seed=0)
    found = read_inputs(tmp_path / "inputs.npz")
    preprocessor = Preprocessor.load(text_artefact)
    assert len(found) == 30 and (found.labels == split.labels).all()
    assert np.allclose(found.logits, predict(text_artefact, "cpu-onnxruntime", split.inputs))
    for row in (0, 7, 29):
        alone = preprocessor.encode([split.inputs[row]])
        assert all((found.alone(row)[name] == alone[name]).all() for name in alone), "without padding"
    content = (tmp_path / "inputs.npz").read_bytes()
    assert split.inputs[0].encode() not in content


def test_images_travel_as_pixels(tmp_path, image_artefact) -> None:
    split = image_split(20)
    write_inputs(tmp_path, image_artefact, split, seed=0)
    found = read_inputs(tmp_path / "inputs.npz")
    assert found.lengths is None and found.tensors["pixel_values"].shape == (20, 1, 8, 8)
    assert (found.alone(3)["pixel_values"] == Preprocessor.load(image_artefact).encode(split.inputs[3:4])[
        "pixel_values"
    ]).all()  # fmt: skip


def test_at_most_so_many_travel_drawn_by_the_seed(tmp_path, image_artefact, monkeypatch) -> None:
    split = image_split(500)
    drawn = []
    for seed in (0, 0, 1):
        write_inputs(tmp_path, image_artefact, split, seed=seed)
        drawn.append(read_inputs(tmp_path / "inputs.npz").tensors["pixel_values"])
    assert len(drawn[0]) == 200 and (drawn[0] == drawn[1]).all() and (drawn[0] != drawn[2]).any()
    monkeypatch.setattr(travel, "MOST_BYTES", 10 * 64 * 4)  # ten images of 64 float32 pixels
    write_inputs(tmp_path, image_artefact, split, seed=0)
    assert len(read_inputs(tmp_path / "inputs.npz")) == 10


def test_answers_that_are_known_are_not_computed_again(tmp_path, image_artefact, monkeypatch) -> None:
    split = image_split(300)
    logits = np.arange(900, dtype=np.float32).reshape(300, 3)
    monkeypatch.setattr("explorer.measure.accuracy.predict", None)
    write_inputs(tmp_path, image_artefact, split, seed=5, logits=logits)
    found = read_inputs(tmp_path / "inputs.npz")
    pixels = Preprocessor.load(image_artefact).encode(split.inputs)["pixel_values"]
    for row in (0, 100, 199):
        place = int(found.logits[row, 0]) // 3
        assert (found.tensors["pixel_values"][row] == pixels[place]).all() and found.labels[row] == split.labels[place]


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04garbage"])
def test_garbage_is_refused(tmp_path, content) -> None:
    (tmp_path / "inputs.npz").write_bytes(content)
    with pytest.raises(BadInput, match=r"'inputs\.npz' does not hold inputs"):
        read_inputs(tmp_path / "inputs.npz")


def test_nothing_is_unpickled_and_nothing_may_be_missing(tmp_path) -> None:
    path = tmp_path / "inputs.npz"
    np.savez(path, labels=np.array([print], dtype=object), logits=np.zeros((1, 3)))
    with pytest.raises(BadInput, match="does not hold inputs"):
        read_inputs(path)
    for arrays in ({"labels": np.zeros(2)}, {"labels": np.zeros(2), "logits": np.zeros((3, 3))}):
        np.savez(path, **{"input.x": np.zeros((2, 4)), **arrays})
        with pytest.raises(BadInput):
            read_inputs(path)
    with pytest.raises(BadInput):
        read_inputs(tmp_path / "missing.npz")


def test_a_failed_write_leaves_nothing(tmp_path, image_artefact, monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match="No space"):
        write_inputs(tmp_path, image_artefact, Split(*_parts(image_split(5))), seed=0)
    assert not list(tmp_path.glob("*.npz")) and not list(tmp_path.glob(".*"))


def _parts(split: Split) -> tuple[object, object]:
    return split.inputs, split.labels
