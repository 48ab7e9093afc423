"""Colours that everybody can tell apart, in both themes."""

import tomllib
from itertools import combinations
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from explorer.charts.style import BACKGROUNDS, FAMILY_COLOURS, INK, MUTED, SERIES_COLOURS, Theme, series_line
from explorer.technique import Family
from explorer.texts import t

# Viénot, Brettel and Mollon 1999: how a deuteranope sees linear RGB
DEUTERANOPE = np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]])
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour):
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(a, b):
    light, dark = sorted((float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (a, b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", get_args(Theme))
def test_white_words_are_read_on_the_accent(theme):
    config = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert contrast("#FFFFFF", config["theme"][theme]["primaryColor"]) >= 4.5
    assert contrast(BACKGROUNDS[theme], config["theme"][theme]["primaryColor"]) >= 3


def lab(rgb):
    xyz = TO_XYZ @ np.clip(rgb, 0, 1) / np.array([0.9505, 1, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_every_family_has_a_colour_and_a_name():
    assert set(get_args(Family)) <= set(FAMILY_COLOURS)
    assert all(t(f"family.{family}") for family in (*FAMILY_COLOURS, "baseline"))


def test_lines_of_many_series_differ_in_colour_or_dash():
    lines = [tuple(series_line(place).values()) for place in range(4 * len(SERIES_COLOURS))]
    assert len(set(lines)) == len(lines) and lines[0] == (SERIES_COLOURS[0], "solid")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_marks_and_words_stand_out_from_the_background(theme):
    background = BACKGROUNDS[theme]
    assert min(contrast(colour, background) for colour in (*FAMILY_COLOURS.values(), *SERIES_COLOURS)) >= 3
    assert min(contrast(INK[theme], background), contrast(MUTED[theme], background)) >= 4.5


@pytest.mark.parametrize("palette", [tuple(FAMILY_COLOURS.values()), SERIES_COLOURS])
@pytest.mark.parametrize("eyes", [np.eye(3), DEUTERANOPE], ids=["usual", "deuteranope"])
def test_no_two_colours_look_alike(palette, eyes):
    distances = {
        (a, b): np.linalg.norm(lab(eyes @ linear(a)) - lab(eyes @ linear(b))) for a, b in combinations(palette, 2)
    }
    assert min(distances.values()) > 10, min(distances, key=distances.get)
