"""What is drawn becomes a digit as the data have them."""

import base64

import numpy as np
import pytest

from explorer.errors import BadInput
from explorer.serving.drawing import BOX_PX, CANVAS_PX, DIGIT_PX, digit, framed, from_canvas
from explorer.tasks import load_task


def sent(pixels):
    return base64.b64encode(pixels.tobytes()).decode()


def blank():
    return np.zeros((CANVAS_PX, CANVAS_PX), dtype=np.uint8)


def test_the_pixels_of_a_canvas_arrive():
    drawing = blank()
    drawing[10:20, 30:40] = 255
    assert (from_canvas(sent(drawing)) == drawing).all()


@pytest.mark.parametrize("text", ["", sent(blank()), sent(np.full_like(blank(), 9))])
def test_nothing_drawn_is_nothing(text):
    assert from_canvas(text) is None


@pytest.mark.parametrize("text", ["AAAA", "not base64!", "é"])
def test_anything_else_is_refused(text):
    with pytest.raises(BadInput, match="112 x 112 grey pixels; draw it again"):
        from_canvas(text)


@pytest.mark.parametrize("place", [(0, 0), (60, 70)])
def test_a_stroke_is_scaled_and_centred_wherever_it_is(place):
    drawing = blank()
    drawing[place[0] : place[0] + 40, place[1] : place[1] + 10] = 255
    image = digit(drawing)
    rows, columns = np.nonzero(image)
    assert image.shape == (DIGIT_PX, DIGIT_PX) and image.max() == 255
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 23, 12, 16)
    assert np.ptp(rows) + 1 == BOX_PX


def test_the_centre_of_mass_goes_to_the_middle():
    drawing = blank()
    drawing[20:100, 20:30] = 255  # an L, heavy on the left and below
    drawing[90:100, 20:60] = 255
    image = digit(drawing).astype(float)
    centres = [(image.sum(axis=1 - axis) * np.arange(DIGIT_PX)).sum() / image.sum() for axis in (0, 1)]
    assert centres == pytest.approx([14, 14], abs=0.5)


def test_a_dot_is_no_mistake():
    drawing = blank()
    drawing[50, 50] = 255
    assert digit(drawing).max() == 255


def test_a_digit_of_the_data_drawn_large_comes_back_as_it_is():
    images = load_task("digits").splits["validation"].inputs[:50]
    likeness = []
    for image in images:
        drawing = blank()
        drawing[:] = image.repeat(4, axis=0).repeat(4, axis=1)
        likeness.append(np.corrcoef(digit(drawing).ravel(), image.ravel())[0, 1])
    assert np.median(likeness) > 0.95


def test_a_drawn_seven_stands_as_low_as_those_of_the_data():
    """Its mass lies high, so its foot reaches down to where theirs do, and is whole."""
    drawing = blank()
    drawing[20:28, 28:84] = 255
    for row in range(20, 92):
        drawing[row, 76 - row // 3 : 84 - row // 3] = 255
    seven, data = digit(drawing), load_task("digits").splits["validation"]
    feet = [np.nonzero(image)[0].max() for image in data.inputs[data.labels == 7]]
    rows = np.nonzero(seven)[0]
    assert min(feet) <= rows.max() <= max(feet) and np.ptp(rows) + 1 == BOX_PX


def test_a_frame_leaves_the_digit_whole():
    drawing = blank()
    drawing[20:100, 50:60] = 255
    image = digit(drawing)
    around = framed(image)
    assert (around[1:-1, 1:-1] == image).all() and around.shape == (DIGIT_PX + 2, DIGIT_PX + 2)
    assert (around[[0, -1]] == around[0, 0]).all() and (around[:, [0, -1]] == around[0, 0]).all() and around[0, 0] > 0
