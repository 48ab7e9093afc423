"""How long a compression takes from launch to point, and how quick training is."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from statistics import median
from typing import Any

from explorer.bench.row import Row, temporary_home


def click_to_point() -> Iterator[Row]:
    """From submitting ``int8-dynamic`` to its result in the index, with the baseline cached."""
    from explorer import jobs
    from explorer.recipe import Recipe
    from explorer.store import Store

    for model, goal in (("vit-digits", 20), ("minilm-tweets", 60)):
        with temporary_home():
            for steps in ([], [{"technique": "int8-dynamic"}]):
                started = time.monotonic()
                run = jobs.submit(Recipe.parse({"model": model, "steps": steps}))
                while Store().run(run).state in ("queued", "running"):
                    time.sleep(0.1)
                seconds, row = time.monotonic() - started, Store().run(run)
                if row.state != "done":
                    raise SystemExit(f"{model} {row.label}: {row.reason}")
            yield Row(f"int8-dynamic on {model}, launch to point", f"{seconds:.1f} s", f"under {goal} s")


def warm_start() -> Iterator[Row]:
    """From the end of one run to the first work of the next, with and without a spare worker."""
    import os

    for name, keep_s, goal in (("a new worker", "0", ""), ("a spare worker", "120", "under 0.5 s")):
        os.environ["EXPLORER_SPARE_S"] = keep_s
        with temporary_home():
            seconds = _gap()
        yield Row(f"from one run's end to the next one's work, {name}", f"{seconds:.2f} s", goal)
    del os.environ["EXPLORER_SPARE_S"]


def _gap() -> float:
    """Seconds from the end of one run to the first work on the model of the next, which was launched with it."""
    from explorer import jobs
    from explorer.recipe import Recipe
    from explorer.store import Store

    steps: list[list[dict[str, Any]]] = [
        *([], [{"technique": "prune-magnitude", "sparsity": 0.3}], [{"technique": "prune-magnitude", "sparsity": 0.6}])
    ]
    recipes = [{"model": "cnn-digits", "steps": one, "targets": ["cpu-onnxruntime"]} for one in steps]
    runs = [jobs.submit(Recipe.parse(recipe)) for recipe in recipes]
    while any(Store().run(run).state in ("queued", "running") for run in runs):
        time.sleep(0.1)
    ended = jobs.events(runs[1])[-1]["time"]
    return float(next(event["time"] for event in jobs.events(runs[2]) if event.get("stage") == "apply") - ended)


def sweep() -> Iterator[Row]:
    """Ten strengths of a technique without training, against one of them and nine times what measuring takes.

    One is the median of three, each run by itself: whatever else the machine does makes a latency noisy now and then,
    which is measured again.
    """
    from explorer.recipe import Recipe

    def recipe(sparsity: float) -> Recipe:
        steps = [{"technique": "prune-magnitude", "sparsity": sparsity}]
        return Recipe.parse({"model": "minilm-tweets", "steps": steps, "targets": ["cpu-onnxruntime"]})

    with temporary_home():
        _seconds_of([recipe(0.0).baseline()])
        alone = [_seconds_of([recipe(strength)]) for strength in (0.05, 0.15, 0.25)]
        one, measuring = (median(figures) for figures in zip(*alone, strict=True))
        ten, _ = _seconds_of([recipe(strength / 10) for strength in range(10)])
    yield Row("one strength of prune-magnitude on minilm-tweets", f"{one:.1f} s, measuring {measuring:.1f} s")
    goal = 3 * one + 9 * measuring
    yield Row("a sweep of ten", f"{ten:.1f} s", f"under {goal:.0f} s: three of them and nine times measuring")


def _seconds_of(recipes: list[Any]) -> tuple[float, float]:
    """Seconds from submitting these to the last result, and what the first of them spent on measuring its file.

    Measuring begins with the file's size, which takes zipping it, and ends with the last latency.
    """
    from explorer import jobs
    from explorer.home import runs_folder
    from explorer.store import Store

    started = time.monotonic()
    runs = [jobs.submit(recipe) for recipe in recipes]
    while any(Store().run(run).state in ("queued", "running") for run in runs):
        time.sleep(0.1)
    seconds = time.monotonic() - started
    events = [json.loads(line) for line in (runs_folder() / runs[0] / "events.jsonl").read_text().splitlines()]
    begun = next(event["time"] for event in events if event.get("stage") == "evaluate")
    return seconds, events[-1]["time"] - begun


def memory() -> Iterator[Row]:
    """The most that a worker held while it compressed and trained the text model."""
    from explorer import jobs
    from explorer.models import cards
    from explorer.recipe import Recipe
    from explorer.store import Store

    steps = [{"technique": "prune-neurons", "importance": "taylor"}, {"technique": "fine-tune", "epochs": 0.1}]
    with temporary_home():
        run = jobs.submit(Recipe.parse({"model": "minilm-tweets", "steps": steps, "targets": ["cpu-onnxruntime"]}))
        most = 0
        while Store().run(run).state in ("queued", "running"):
            most = max(most, _worker_bytes(run))
            time.sleep(0.05)
    goal = 4 * cards()["minilm-tweets"].file_bytes + 1.5e9
    yield Row("memory of a worker, minilm-tweets", f"{most / 1e9:.2f} GB", f"under {goal / 1e9:.2f} GB")


def _worker_bytes(run: str) -> int:
    """Resident bytes of the processes that name the run in their command line."""
    import psutil

    found = 0
    for process in psutil.process_iter(["cmdline", "memory_info"]):
        if any(run in part for part in process.info["cmdline"] or ()) and process.info["memory_info"]:
            found = max(found, process.info["memory_info"].rss)
    return found


def training() -> Iterator[Row]:
    """Samples per second of the project's loop and of plain fp32 loops with the default AdamW, in turn."""
    from explorer import training as loop
    from explorer.models import load_model

    loaded = load_model("minilm-tweets")
    split = loaded.task.splits["train"].subset(1024, seed=0)
    plan = loop.usual_plan("text", fresh=False)

    def ours() -> float:
        return loop.train(load_model("minilm-tweets").model, split, loaded.preprocessor, plan).samples_per_s

    def plain(batch: int) -> float:
        return _plain_loop(load_model("minilm-tweets").model, split.subset(512, seed=1), loaded.preprocessor, batch)

    rounds = [(ours(), plain(32), plain(plan.batch_size)) for _ in range(3)]
    yield Row("training MiniLM, this project", f"{median(mine for mine, *_ in rounds):.0f} samples/s")
    for place, batch, goal in ((1, 32, "2.5 with bf16 instructions"), (2, plan.batch_size, "")):
        name = f"plain fp32 loop with batches of {batch}"
        yield Row(name, f"{median(figures[place] for figures in rounds):.0f} samples/s")
        yield Row("  ratio, side by side (median)", f"{median(f[0] / f[place] for f in rounds):.2f}", goal)


def _plain_loop(model: Any, part: Any, preprocessor: Any, batch: int) -> float:
    """What one writes first: shuffled batches, each padded to its longest text; tokens are made before the clock."""
    import numpy as np
    import torch

    order = np.random.default_rng(0).permutation(len(part))
    batches = []
    for start in range(0, len(part), batch):
        rows = order[start : start + batch]
        inputs = preprocessor.encode([part.inputs[row] for row in rows])
        tensors = {name: torch.from_numpy(array) for name, array in inputs.items()}
        batches.append((tensors, torch.from_numpy(part.labels[rows])))
    model.set_attn_implementation("sdpa")  # what transformers takes unless told otherwise
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5)
    started = time.monotonic()
    for tensors, labels in batches:
        loss = torch.nn.functional.cross_entropy(model(**tensors).logits, labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
    return len(part) / (time.monotonic() - started)
