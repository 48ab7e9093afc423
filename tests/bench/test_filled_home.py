"""The homes that the benchmark fills: as many runs as are asked for, and on request all of them different."""

from __future__ import annotations

import json

from explorer.bench.dashboard import all_models, filled_home
from explorer.store import RECORDED

RUNS = 150


def results(home):
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted((home / "runs").glob("*/result.json"))]


def place(result):
    """What the chart draws: file size, accuracy and latency."""
    (accuracy,) = (
        entry
        for entry in result["accuracy"]
        if (entry["target"], entry["split"], entry["condition"]) == ("cpu-onnxruntime", "validation", "clean")
    )
    latency = next(entry for entry in result["latency"] if entry["target"] == "cpu-onnxruntime")
    return result["size"]["file_bytes"], accuracy["value"], latency["p50_ms"]


def recipe(result):
    return json.dumps(result["recipe"], sort_keys=True)


def test_the_runs_of_a_varied_home_differ_a_little(tmp_path):
    found = results(filled_home(tmp_path, RUNS, varied=True))
    assert len(found) == RUNS == len({place(result) for result in found})
    study = json.loads((RECORDED / "built-in-models.json").read_text(encoding="utf-8"))
    recorded = {recipe(result): result for result in study["results"]}
    for result in found:
        like = recorded[recipe(result)]
        accuracy = next(entry for entry in like["accuracy"] if entry["split"] == "validation")
        (size, value, ms), (old_size, _, old_ms) = place(result), place(like)
        assert accuracy["ci_low"] - 0.001 <= value <= accuracy["ci_high"] + 0.001
        assert abs(size / old_size - 1) <= 0.031 and abs(ms / old_ms - 1) <= 0.031
    assert sum(not result["recipe"]["steps"] for result in found) == 3, "each model's baseline once"


def test_varied_homes_are_the_same_every_time(tmp_path):
    first, second = (results(filled_home(tmp_path / name, 40, varied=True)) for name in ("a", "b"))
    assert sorted(map(place, first)) == sorted(map(place, second))


def test_the_address_names_every_model(tmp_path):
    address = all_models(filled_home(tmp_path, 31, varied=True))
    assert address == "/Trade_offs?model=cnn-digits&model=minilm-tweets&model=vit-digits"
