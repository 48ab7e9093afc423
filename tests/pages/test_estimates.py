"""The panel of a device that nobody has here, on the page of trade-offs."""

import pytest

from tests.pages.conftest import words
from tests.pages.test_joined_view import explained
from tests.support.counted import sample_counted
from tests.support.sample_results import write_runs

PAGE = "3_Trade_offs"


@pytest.fixture
def some(place):
    write_runs(place / "home" / "runs", sample_counted(16))


def test_nothing_is_estimated_unless_somebody_asks(open_page, some):
    app = open_page(PAGE)
    assert app.selectbox(key="estimate").value == "none"
    assert "Estimated for" not in words(app) and "estimate" not in app.query_params
    assert "roofline" not in explained(app)


def test_a_device_gets_a_panel_of_its_own_with_its_caption(open_page, some):
    app = open_page(PAGE, x="latency", estimate="nvidia-t4")
    assert "Estimated for NVIDIA T4 from counted operations and bytes" in words(app)
    assert "Measured on Imaginary CPU 9000" in words(app)
    assert len(app.get("plotly_chart")) == 2
    assert "roofline" in explained(app)


def test_a_link_chooses_the_device(open_page, some):
    app = open_page(PAGE, query={"estimate": "raspberry-pi-5", "x": "latency"})
    assert app.selectbox(key="estimate").value == "raspberry-pi-5"
    assert "Estimated for Raspberry Pi 5, CPU" in words(app)


def test_a_link_to_an_unknown_device_does_no_harm(open_page, some):
    app = open_page(PAGE, query={"estimate": "toaster", "x": "Latency p50"})
    assert app.selectbox(key="estimate").value == "none"


def test_only_times_are_estimated(open_page, some):
    app = open_page(PAGE, x="file_size", estimate="nvidia-t4")
    assert "Only times are estimated: choose latency, speed-up or throughput across." in words(app)
    assert len(app.get("plotly_chart")) == 1


def test_runs_without_counted_work_say_what_is_missing(open_page, own):
    app = open_page(PAGE, x="latency", estimate="nvidia-t4")
    assert "no run has its operations counted yet" in words(app)


def test_it_stands_below_two_panels_as_well(open_page, some):
    app = open_page(PAGE, x="latency", where="both", estimate="apple-m2")
    assert "Estimated for Apple M2 laptop, GPU" in words(app)
    assert "Not measured: no NVIDIA GPU" in words(app)
