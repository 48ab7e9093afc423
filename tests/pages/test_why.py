"""The findings of a run and the charts behind them."""

from streamlit.testing.v1 import AppTest

from tests.pages.conftest import words
from tests.support.sample_results import sample_runs

PROFILE = {
    "batch": 1,
    "sequence": 32,
    "threads": 2,
    "by_operator": [{"name": "MatMul", "variant_ms": 1.0, "baseline_ms": 2.0}],
    "by_layer": [
        {"name": "head", "variant_ms": 1.0, "baseline_ms": 2.0, "variant_bytes": 10, "baseline_bytes": 40},
    ],
    "variant_total_ms": 1.0,
    "baseline_total_ms": 2.0,
    "peak_gflops": 250.0,
    "peak_gbytes_per_s": 25.0,
    "share_of_peak_flops": 0.5,
    "share_of_peak_bandwidth": None,
}


def shown(run, opened=False):
    def page(row):
        from pages.parts import why

        why.section(row)

    app = AppTest.from_function(page, kwargs={"row": run}, default_timeout=30)
    if opened:
        app.session_state[f"why-{run.run}"] = True
    app.run()
    assert not app.exception
    return app


def a_run(findings, profile=None):
    run = sample_runs(3)[2]
    run.result.update(findings=findings, profile=profile)
    return run


def test_findings_are_a_list_of_plain_text():
    app = shown(a_run(["Slower: 2 ms *against* 1 ms.", "No clear speed-up."]))
    assert "Why is it not smaller or faster?" in words(app)
    assert "- Slower: 2 ms \\*against\\* 1 ms.\n- No clear speed-up." in words(app)
    assert not app.expander, "without a profile there is nothing to open"


def test_without_findings_it_says_so():
    assert "Nothing in the figures needs a word." in words(shown(a_run([])))


def test_charts_are_drawn_when_they_are_asked_for():
    run = a_run(["One."], PROFILE)
    closed = shown(run)
    assert [box.label for box in closed.expander] == ["Where the time and the bytes go"]
    assert "GFLOP/s" not in words(closed)
    opened = shown(run, opened=True)
    assert "50.0 % of the 250 GFLOP/s" in words(opened)
    assert len(opened.get("plotly_chart")) == 3
