from explorer.highlights import highlights
from explorer.variants import choose, flatten
from tests.support.sample_results import sample_runs


def measured():
    runs = sample_runs(5)
    settings = [(1.0, True, False), (0.5, False, False), (0.6, True, False), (0.4, True, True), (0.7, True, False)]
    for run, (shrink, within, noisy) in zip(runs, settings, strict=True):
        run.result["size"]["file_bytes"] = int(91e6 * shrink)
        for entry in run.result["accuracy"][:2]:
            entry["within_noise"] = within
        for entry in run.result["latency"][:4]:
            entry.update(noisy=noisy, speedup=1 / shrink)
    return runs, choose(flatten(runs), "cpu-onnxruntime", 1)


def test_the_best_are_those_that_lost_nothing_measurable():
    runs, rows = measured()
    best = highlights(rows)
    assert best.baseline.run == runs[0].run
    assert best.smallest.run == runs[3].run
    assert best.variants == 4


def test_a_noisy_measurement_wins_no_prize():
    runs, rows = measured()
    assert highlights(rows).fastest.run == runs[2].run


def test_nothing_is_praised_without_reason():
    _, rows = measured()
    best = highlights([row for row in rows if row.baseline])
    assert (best.smallest, best.fastest, best.variants) == (None, None, 0)
