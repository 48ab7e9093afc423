import pytest

from explorer.anatomy import BINS, Spread
from explorer.charts.weights import histogram_figure, histogram_info, spread_words


@pytest.fixture
def spread():
    edges = tuple(-0.4 + 0.01 * place for place in range(BINS + 1))
    return Spread(10_000, -0.0012, 0.0451, -0.9, 0.4, 0.0812, 0.25, edges, (10,) * 40 + (240,) * 40)


def test_a_histogram_in_words(spread):
    assert spread.outside == 0
    assert spread_words(spread) == (
        "Mean −0.00120, standard deviation 0.0451; the values go from −0.900 to 0.400. 8.12 % are near zero, within a "
        "tenth of the standard deviation (of a bell curve around zero it is 8 %). 25.0 % are exactly zero."
    )


def test_a_histogram_draws_each_bin(spread):
    info = histogram_info("layer<0>", spread)
    figure = histogram_figure(info)
    (bars,) = figure.data
    assert sum(bars.y) == 10_000 and bars.x[0] == pytest.approx(-0.395) and bars.width[0] == pytest.approx(0.01)
    assert figure.layout.title.subtitle.text == "layer&lt;0&gt;: 10,000 weights by their value"
    assert len(figure.layout.shapes) == 1


def test_of_hardly_any_zeros_no_digits_are_written():
    spread = Spread(11_720_448, 0.0, 0.0556, -0.5, 1.0, 0.0873, 3 / 11_720_448, (-1.0, 1.0), (11_720_448,))
    assert "8.73 % are near zero" in spread_words(spread) and "< 0.01 % are exactly zero" in spread_words(spread)
