import numpy as np

from explorer.measure.starting import measure_starts
from tests.measure.tiny import save_text, text_graph


def test_peak_memory_is_that_of_the_fresh_process_alone(text_artefact, tmp_path):
    """This process holds PyTorch and more; a child that inherited its peak would report at least as much."""
    ballast = np.ones(100_000_000)  # 800 MB
    big = save_text(tmp_path / "big", text_graph(hidden=200_000))
    found = measure_starts(big, text_artefact, "cpu-onnxruntime", (1, 8))
    assert ballast.nbytes > found.peak_rss_bytes
    assert found.peak_rss_bytes - found.baseline_peak_rss_bytes > 96 * 200_000 * 4


def test_a_start_lasts_from_the_process_to_the_first_answer(text_artefact):
    start = measure_starts(text_artefact, text_artefact, "cpu-onnxruntime", (1, 8)).cold_start
    assert 1 <= start.starts <= 3
    # an interpreter alone takes some milliseconds; a clock of another process would give anything
    assert 5 < start.p50_ms < 120_000 and 5 < start.baseline_p50_ms < 120_000


def test_an_unavailable_target_has_no_starts(text_artefact):
    assert measure_starts(text_artefact, text_artefact, "cpu-torch", (1, 8)) is None
