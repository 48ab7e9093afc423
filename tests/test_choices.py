"""What rows offer to choose among."""

from __future__ import annotations

from explorer.choices import choices
from explorer.variants import flatten, models_of_one_task
from tests.support.sample_results import sample_runs


def test_what_rows_offer_to_choose_among() -> None:
    rows = flatten(sample_runs(16))
    found = choices(rows)
    assert found.models == ("minilm-tweets", "vit-digits")
    assert found.batches == (1, 8)
    assert found.targets == {row.target for row in rows if row.available}
    assert {"pruning", "quantization", "baseline"} <= found.families
    assert found.studies == ("default",)
    assert choices([]).models == () and models_of_one_task([]) == []
