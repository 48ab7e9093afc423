from explorer.charts import learning_figure, learning_info
from explorer.charts.learning import AT_MOST


def events(count, **metrics):
    return [
        {"time": 100.0 + i, "kind": "progress", "metrics": {name: f(i) for name, f in metrics.items()}}
        for i in range(count)
    ]


def test_metrics_by_seconds_since_the_first():
    info = learning_info([{"time": 50.0, "kind": "progress", "metrics": {}}, *events(3, loss=lambda i: 1 / (i + 1))])
    assert info.series == {"loss": [(0, 1.0), (1, 0.5), (2, 1 / 3)]}


def test_single_values_words_and_flags_are_no_curve():
    assert learning_info(events(1, loss=float)).series == {}
    assert learning_info(events(3, note=str, good=lambda i: True)).series == {}
    assert learning_info([{"time": 1.0, "kind": "state", "state": "done"}]).series == {}


def test_long_curves_are_thinned_and_keep_their_end():
    series = learning_info(events(5000, loss=float)).series["loss"]
    assert len(series) <= AT_MOST + 1
    assert series[0] == (0, 0) and series[-1] == (4999, 4999)


def test_a_second_metric_gets_its_own_axis():
    figure = learning_figure(learning_info(events(4, loss=float, accuracy=lambda i: i / 10)), "dark")
    assert [trace.yaxis for trace in figure.data] == ["y", "y2"]
