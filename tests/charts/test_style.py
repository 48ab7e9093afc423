"""Colours that everybody can tell apart, in both themes."""

import tomllib
from itertools import combinations
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from explorer.charts import Axes, tradeoff_figure, tradeoff_info
from explorer.charts.style import (
    BACKGROUNDS,
    FAMILY_COLOURS,
    INK,
    INTERVAL,
    MUTED,
    RAMP,
    SERIES_COLOURS,
    Theme,
    series_line,
)
from explorer.technique import Family
from explorer.texts import t
from explorer.variants import choose, flatten
from tests.support.sample_results import sample_runs

# Machado, Oliveira and Fernandes 2009, severity 1: how eyes that lack one kind of cones see linear RGB
EYES = {
    "usual": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
APART = 9
"""Of CIEDE2000: eight colours that stand out from both grounds come no farther apart for all these eyes."""
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


def ciede2000(one, other):
    """Sharma, Wu and Dalal 2005, of two colours in CIELAB."""
    (light, a, b), (other_light, other_a, other_b) = one, other
    mean = (np.hypot(a, b) + np.hypot(other_a, other_b)) / 2
    stretch = 1 + 0.5 * (1 - np.sqrt(mean**7 / (mean**7 + 25**7)))
    a, other_a = stretch * a, stretch * other_a
    chroma, other_chroma = np.hypot(a, b), np.hypot(other_a, other_b)
    hue, other_hue = (np.degrees(np.arctan2(*pair)) % 360 for pair in ((b, a), (other_b, other_a)))
    apart = (other_hue - hue + 180) % 360 - 180 if chroma * other_chroma else 0.0
    mean_hue = np.radians(hue + apart / 2)
    by_hue = 2 * np.sqrt(chroma * other_chroma) * np.sin(np.radians(apart) / 2)
    mean_light, mean_chroma = (light + other_light) / 2, (chroma + other_chroma) / 2
    waves = ((-0.17, 1, -30), (0.24, 2, 0), (0.32, 3, 6), (-0.2, 4, -63))
    weight = 1 + sum(size * np.cos(times * mean_hue + np.radians(shift)) for size, times, shift in waves)
    by_light = (other_light - light) / (1 + 0.015 * (mean_light - 50) ** 2 / np.sqrt(20 + (mean_light - 50) ** 2))
    by_chroma = (other_chroma - chroma) / (1 + 0.045 * mean_chroma)
    by_hue /= 1 + 0.015 * mean_chroma * weight
    turned = np.radians(60) * np.exp(-((((np.degrees(mean_hue) % 360) - 275) / 25) ** 2))
    blue = -2 * np.sqrt(mean_chroma**7 / (mean_chroma**7 + 25**7)) * np.sin(turned)
    return np.sqrt(by_light**2 + by_chroma**2 + by_hue**2 + blue * by_chroma * by_hue)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((35.0831, -44.1164, 3.7933), (35.0232, -40.0716, 1.5901), 1.8645),
    ],
)
def test_distances_are_those_of_the_published_examples(one, other, expected):
    assert ciede2000(one, other) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("theme", get_args(Theme))
def test_marks_lines_and_words_stand_out_from_the_background(theme):
    background = BACKGROUNDS[theme]
    drawn = (*FAMILY_COLOURS.values(), *SERIES_COLOURS, INTERVAL[theme])
    assert min(contrast(colour, background) for colour in drawn) >= 3
    assert min(contrast(INK[theme], background), contrast(MUTED[theme], background)) >= 4.5


def test_white_words_are_read_on_the_full_end_of_a_scale():
    assert contrast("#FFFFFF", RAMP) >= 4.5


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("palette", [tuple(FAMILY_COLOURS.values()), SERIES_COLOURS], ids=["families", "series"])
def test_no_two_colours_look_alike(palette, eyes):
    distances = {
        (a, b): ciede2000(lab(EYES[eyes] @ linear(a)), lab(EYES[eyes] @ linear(b))) for a, b in combinations(palette, 2)
    }
    assert min(distances.values()) > APART, min(distances, key=distances.get)


@pytest.mark.parametrize("theme", get_args(Theme))
def test_every_mark_has_an_edge_or_a_fill_that_stands_out(theme):
    """All but what breaks a given budget, which is greyed on purpose."""
    rows = choose(flatten(sample_runs(16) + sample_runs(16, recorded=True)), "cpu-onnxruntime", 1)
    marks = [
        trace for trace in tradeoff_figure(tradeoff_info(rows, Axes()), theme).data if trace.customdata is not None
    ]
    for trace in marks:
        fills, edges = np.broadcast_arrays(trace.marker.color, trace.marker.line.color)
        for pair in zip(fills.flat, edges.flat, strict=True):
            seen = [contrast(colour, BACKGROUNDS[theme]) for colour in pair if colour.startswith("#")]
            assert max(seen) >= 3 and set(trace.marker.opacity) == {1.0}
