"""How long a compression takes from launch to point, and how quick training is."""

from __future__ import annotations

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
