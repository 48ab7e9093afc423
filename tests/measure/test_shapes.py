import onnx
import pytest

from explorer.measure.shapes import REAL, REAL_BATCHES, pick_batches, refused_shapes, shapes_of
from tests.measure.tiny import save_cnn


def test_the_grid_fits_the_model(text_artefact, image_artefact):
    assert shapes_of(text_artefact) == [(1, 16), (8, 16)], "128 tokens are more than this model takes"
    assert shapes_of(text_artefact, (1, 4), (8, "real", 99)) == [(1, 8), (4, 8), (1, REAL), (4, REAL), (1, 16), (4, 16)]
    assert shapes_of(text_artefact, (2,), (64, 128)) == [(2, 16)], "both are cut to the same length"
    assert shapes_of(image_artefact, (1, 8), (32, "real")) == [(1, 8), (8, 8)], "lengths are for texts"


def test_the_own_size_comes_first_whatever_is_asked_for(image_artefact, text_artefact):
    assert shapes_of(image_artefact, (1, 2), sizes=(4, "own", 12)) == [(1, 8), (2, 8), (1, 4), (2, 4), (1, 12), (2, 12)]
    assert shapes_of(image_artefact, (1,), sizes=(16, 8, 16)) == [(1, 8), (1, 16)], "8 pixels are its own"
    assert shapes_of(text_artefact, (1,), (4,), sizes=(32,)) == [(1, 4)], "sizes are for images"


def test_a_file_of_one_size_refuses_others_with_the_reason(image_artefact, text_artefact, tmp_path):
    reason = "This model file takes images of 8 x 8 pixels only."
    assert refused_shapes(image_artefact, [(1, 8), (1, 12), (4, 12)]) == {(1, 12): reason, (4, 12): reason}
    assert refused_shapes(image_artefact, [(1, 8), (9, 8)]) == {}
    assert refused_shapes(save_cnn(tmp_path / "cnn"), [(1, 8), (1, 12)]) == {}
    assert refused_shapes(text_artefact, [(1, 12)]) == {}


def test_position_embeddings_are_named_as_the_reason(image_artefact):
    model = onnx.load(image_artefact / "model.onnx")
    model.graph.initializer[0].name = "vit.embeddings.position_embeddings"
    onnx.save(model, image_artefact / "model.onnx")
    (reason,) = refused_shapes(image_artefact, [(1, 12)]).values()
    assert reason.endswith("8 x 8 pixels only, since its position embeddings fit no other size.")


def test_batches_are_drawn_by_seed(texts):
    first, again, other = (pick_batches(texts, 4, seed) for seed in (0, 0, 1))
    assert first == again != other
    assert len(first) == REAL_BATCHES and all(len(batch) == 4 and set(batch) <= set(texts) for batch in first)


def test_real_lengths_need_inputs():
    with pytest.raises(ValueError, match="expected inputs"):
        pick_batches([], 1, 0)
