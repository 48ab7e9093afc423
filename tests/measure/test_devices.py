"""The table of devices: every figure has a source or says why it is missing, and lies where such figures lie."""

import json
from pathlib import Path

import pytest

from explorer.errors import BadInput
from explorer.measure.devices import FILE, PRECISIONS, device, devices, page

PAGE = Path(__file__).parents[2] / "docs" / "devices.md"
RANGES = {"gflops": (20, 5e6), "gbytes_per_s": (5, 10_000), "memory_gbytes": (1, 8192)}


def figures():
    for entry in devices().values():
        for name in PRECISIONS:
            yield entry, f"{name} peak", entry.gflops[name], RANGES["gflops"]
        yield entry, "bandwidth", entry.gbytes_per_s, RANGES["gbytes_per_s"]
        yield entry, "memory", entry.memory_gbytes, RANGES["memory_gbytes"]


def test_the_table_has_its_units_and_a_dozen_or_so_devices_of_several_kinds():
    table = json.loads(FILE.read_text(encoding="utf-8"))
    assert set(table["units"]) == set(RANGES)
    assert 8 <= len(devices()) <= 20
    assert {"phone", "board", "laptop", "server GPU"} <= {entry.kind for entry in devices().values()}
    assert len({entry.name for entry in devices().values()}) == len(devices())


@pytest.mark.parametrize(("entry", "what", "figure", "limits"), list(figures()))
def test_each_figure_has_a_source_or_a_reason_and_is_plausible(entry, what, figure, limits):
    if figure.value is None:
        assert "peak" in what and figure.note.endswith(("fp32 peak.", "bf16 peak.")), (entry.key, what)
        return
    assert limits[0] <= figure.value <= limits[1], (entry.key, what)
    assert figure.sources, (entry.key, what)
    for source in figure.sources:
        assert source.url.startswith("http") and len(source.title) > 5


def test_every_source_is_used():
    table = json.loads(FILE.read_text(encoding="utf-8"))
    used = {source.url for _, _, figure, _ in figures() for source in figure.sources}
    assert used == {source["url"] for source in table["sources"].values()}


def test_shorter_numbers_are_never_slower():
    for entry in devices().values():
        known = [entry.gflops[name].value for name in ("fp32", "fp16", "int8") if entry.gflops[name].value]
        assert known == sorted(known), entry.key
        assert entry.peak("int8")[0] >= entry.peak("fp32")[0]


def test_a_missing_peak_takes_the_one_that_its_note_names():
    for entry in devices().values():
        for name in PRECISIONS:
            used = entry.peak(name)[1]
            note = entry.gflops[name].note
            assert used == name if entry.gflops[name].value else f"taken at the {used} peak" in note, (entry.key, name)
    assert device("raspberry-pi-5").peak("int8") == (153.6e9, "fp32")
    assert device("google-tpu-v5e").peak("fp32") == (197e12, "bf16")


def test_derived_figures_follow_from_what_their_notes_say():
    assert device("raspberry-pi-5").gflops["fp32"].value == pytest.approx(4 * 2.4 * 16)
    assert device("snapdragon-768g").gflops["fp32"].value == pytest.approx((2.8 + 2.2) * 16)
    assert device("epyc-7763").gflops["fp32"].value == pytest.approx(64 * 2.45 * 32)
    assert device("epyc-7763").gbytes_per_s.value == pytest.approx(8 * 3.2 * 8)
    assert device("jetson-orin-nano-super").gflops["fp32"].value == pytest.approx(1024 * 1.02 * 2, rel=1e-3)


def test_an_unknown_device_lists_the_known_ones():
    with pytest.raises(BadInput, match=r"no device 'toaster'.*raspberry-pi-5, .*google-tpu-v5e"):
        device("toaster")


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m explorer.measure.devices > docs/devices.md"
    for entry in devices().values():
        assert entry.name in page()
