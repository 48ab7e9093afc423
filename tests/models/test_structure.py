import json

import pytest
import torch

from explorer.errors import BadInput
from explorer.models.structure import describe, load_torch, save_torch
from explorer.techniques.pruning.neurons import PruneNeurons
from tests.techniques.workbench import KINDS, workbench


@pytest.mark.parametrize("kind", KINDS)
def test_an_untouched_model_needs_no_record(kind: str) -> None:
    assert list(describe(workbench(kind).model)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_uneven_widths_come_back(kind: str, tmp_path) -> None:
    bench = workbench(kind)
    subject = bench.subject()
    PruneNeurons(sparsity=0.4, scope="global", round_to=1).apply(subject, bench.context())
    records = list(describe(subject.model))
    assert records and all(record["kind"] in ("linear", "conv", "batch-norm") for record in records)
    save_torch(subject.model, tmp_path)
    assert torch.equal(bench.logits(load_torch(tmp_path)), bench.logits(subject.model))


def test_a_damaged_folder_is_one_sentence(tmp_path) -> None:
    with pytest.raises(BadInput, match="does not hold a saved model"):
        load_torch(tmp_path)
    save_torch(workbench("bert").model, tmp_path)
    structure = {"format": 1, "records": [{"module": "classifier", "kind": "conv", "in": 1, "out": 1, "groups": 1}]}
    (tmp_path / "structure.json").write_text(json.dumps(structure))
    with pytest.raises(BadInput, match="'classifier' is no conv"):
        load_torch(tmp_path)
