import pytest

from explorer.measure.shapes import REAL, REAL_BATCHES, pick_batches, shapes_of


def test_the_grid_fits_the_model(text_artefact, image_artefact):
    assert shapes_of(text_artefact) == [(1, 16), (8, 16)], "128 tokens are more than this model takes"
    assert shapes_of(text_artefact, (1, 4), (8, "real", 99)) == [(1, 8), (4, 8), (1, REAL), (4, REAL), (1, 16), (4, 16)]
    assert shapes_of(text_artefact, (2,), (64, 128)) == [(2, 16)], "both are cut to the same length"
    assert shapes_of(image_artefact, (1, 8), (32, "real")) == [(1, 8), (8, 8)], "images have a size of their own"


def test_batches_are_drawn_by_seed(texts):
    first, again, other = (pick_batches(texts, 4, seed) for seed in (0, 0, 1))
    assert first == again != other
    assert len(first) == REAL_BATCHES and all(len(batch) == 4 and set(batch) <= set(texts) for batch in first)


def test_real_lengths_need_inputs():
    with pytest.raises(ValueError, match="expected inputs"):
        pick_batches([], 1, 0)
