from dataclasses import replace

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


def test_of_files_equally_small_the_readers_own_is_named():
    runs, rows = measured()
    (smallest,) = (row for row in rows if row.run == runs[3].run)
    recorded = replace(smallest, run="recorded-0003", recorded=True)
    for known in ([recorded, *rows], [*rows, recorded]):
        assert highlights(known).smallest.run == runs[3].run


def test_a_noisy_measurement_wins_no_prize():
    runs, rows = measured()
    assert highlights(rows).fastest.run == runs[2].run


def test_nothing_is_praised_without_reason():
    _, rows = measured()
    best = highlights([row for row in rows if row.baseline])
    assert (best.smallest, best.fastest, best.variants) == (None, None, 0)


def test_a_variant_that_is_better_than_the_baseline_lost_nothing():
    runs, _ = measured()
    for entry in runs[1].result["accuracy"][:2]:  # the smallest and fastest of the quiet ones
        entry.update(within_noise=False, difference=0.02)
    runs = [replace(run) for run in runs]  # as a new reader sees them
    best = highlights(choose(flatten(runs[:3]), "cpu-onnxruntime", 1))
    assert best.smallest.run == best.fastest.run == runs[1].run
    for entry in runs[1].result["accuracy"][:2]:
        entry.update(within_noise=None, difference=0.02)  # nobody has tested it
    runs = [replace(run) for run in runs]
    best = highlights(choose(flatten(runs[:3]), "cpu-onnxruntime", 1))
    assert best.smallest.run == best.fastest.run == runs[2].run


def test_what_the_reader_measured_goes_before_what_was_recorded():
    runs, rows = measured()
    recorded = [replace(row, run=f"recorded-{row.run}", recorded=True, speedup=9.0) for row in rows]
    assert highlights([*recorded, *rows]).fastest.run == runs[2].run
    slow = [replace(row, speedup=0.5) for row in rows]
    assert highlights([*recorded, *slow]).fastest.recorded, "else the best that was recorded"


def test_what_another_machine_reported_goes_behind_too():
    runs, rows = measured()
    reported = [replace(row, run=f"there-{row.run}", reported=True, speedup=9.0) for row in rows]
    assert highlights([*reported, *rows]).fastest.run == runs[2].run
