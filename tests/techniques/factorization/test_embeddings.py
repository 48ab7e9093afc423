from pathlib import Path

import pytest
import torch

from explorer import deploy
from explorer.errors import BadInput
from explorer.models.modules import FactorizedEmbedding
from explorer.models.structure import load_torch, save_torch
from explorer.techniques.factorization.embeddings import FactorizeEmbeddings, table_factors
from explorer.techniques.factorization.truncation import Thinness
from explorer.techniques.quantization.int8_dynamic import Int8Dynamic
from explorer.techniques.quantization.weight_bits import WeightBits
from explorer.techniques.training.fine_tune import FineTune
from tests.techniques.workbench import run_onnx, workbench


def table() -> torch.Tensor:
    return torch.randn(50, 16, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_the_factors_are_those_of_torchs_own_decomposition(share: float) -> None:
    words = table()
    narrow, layer = table_factors(words, Thinness("rank", share, 1.0))
    left, values, right = torch.linalg.svd(words, full_matrices=False)
    rank = round(share * 16)
    assert narrow.shape == (50, rank) and layer.shape == (16, rank)
    assert torch.allclose(narrow @ layer.T, (left[:, :rank] * values[:rank]) @ right[:rank], atol=1e-4)
    assert torch.allclose(layer.T @ layer, torch.eye(rank), atol=1e-5)


def test_energy_chooses_the_width() -> None:
    words = table()
    squares = torch.linalg.svdvals(words).square()
    narrow, _ = table_factors(words, Thinness("energy", 1.0, 0.8))
    rank = narrow.shape[1]
    assert squares[:rank].sum() >= 0.8 * squares.sum() > squares[: rank - 1].sum()


def test_a_table_that_would_grow_stays() -> None:
    bench = workbench("bert")
    subject, context = bench.subject(), bench.context()
    FactorizeEmbeddings(rank=1.0).apply(subject, context)
    assert torch.equal(bench.logits(subject.model), bench.logits(bench.model))
    assert context.notes == ["The table stays as it is: two factors of this width would be larger."]


def test_it_is_saved_trained_exported_and_quantized(tmp_path: Path) -> None:
    bench = workbench("bert")
    subject, context = bench.subject(), bench.context()
    FactorizeEmbeddings(rank=0.5).apply(subject, context)
    words = subject.model.bert.embeddings.word_embeddings
    assert isinstance(words, FactorizedEmbedding) and words.rank == 8
    assert context.figures["parameters_before"] == 1_600 and context.figures["parameters_after"] == 8 * 116
    narrow, layer = words[0].weight.detach().clone(), words[1].weight.detach().clone()
    FineTune(epochs=0.5, distill=False).apply(subject, bench.context())
    assert torch.equal(words[0].weight, narrow), "the narrow table is frozen as word embeddings are"
    assert not torch.equal(words[1].weight, layer)
    save_torch(subject.model, tmp_path)
    reloaded = load_torch(tmp_path)
    assert torch.equal(bench.logits(reloaded), bench.logits(subject.model))
    for step in (WeightBits(bits=8), Int8Dynamic()):
        exported = bench.graph()
        exported.graph = deploy.export(reloaded, bench.preprocessor)
        exact = run_onnx(exported.graph, bench.tensors())
        step.apply(exported, bench.context())
        names = [tensor.name for tensor in exported.graph.graph.initializer if "word_embeddings" in tensor.name]
        assert names and all(name.split("word_embeddings.")[1][0] in "01" for name in names)
        lost = abs(run_onnx(exported.graph, bench.tensors()) - exact).mean()
        assert lost < 0.25 * abs(exact).mean()


def test_a_second_time_is_refused() -> None:
    bench = workbench("bert")
    subject = bench.subject()
    FactorizeEmbeddings().apply(subject, bench.context())
    with pytest.raises(BadInput, match="factorised already"):
        FactorizeEmbeddings().apply(subject, bench.context())
