import pytest

from explorer.charts.heads import heads_figure, heads_info, heads_words
from explorer.charts.style import INK
from tests.charts.test_anatomy import contrast


def test_heads_are_compared_with_their_layers_mean():
    info = heads_info([[1.0, 3.0], [0.25, 0.75]], "taylor")
    assert info.values == ((0.5, 1.5), (0.5, 1.5))
    assert info.hovers[1][0] == "Layer 1, head 0: 0.500 times its layer's mean (score 0.250)"
    assert "gradient times weight" in info.subtitle


def test_layers_with_fewer_heads_and_without_any_score():
    info = heads_info([[1.0, 2.0, 3.0], [0.0]], "l2")
    assert info.values == ((0.5, 1.0, 1.5), (0.0, None, None)) and info.hovers[1][2] == ""
    assert heads_words(info) == (
        "Least important is head 0 of layer 1 (0 times its layer's mean), most important head 2 of layer 0 "
        "(1.50 times). Head pruning takes the least important first."
    )
    assert heads_words(heads_info([], "l2")) == ""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_cell_for_each_head(theme):
    figure = heads_figure(heads_info([[1.0, 2.0, 3.0], [4.0]], "activation"), theme)
    (cells,) = figure.data
    assert cells.x == ("0", "1", "2") and cells.y == ("0", "1") and cells.zmin == 0
    assert cells.text[1] == ("1.00", "", "") or list(cells.text[1]) == ["1.00", "", ""]
    assert min(contrast(colour, INK[theme]) for _, colour in cells.colorscale) > 4.5
