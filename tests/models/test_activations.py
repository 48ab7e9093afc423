import numpy as np
import pytest
import torch

from explorer.models.activations import activations, cached_activations
from tests.techniques.workbench import workbench


def test_statistics_are_those_of_the_real_tokens_alone():
    bench = workbench("bert")
    inputs = bench.preprocessor.encode(bench.task.splits["calibration"].inputs)
    layer = "bert.encoder.layer.1.intermediate.dense"
    seen = []
    handle = bench.model.get_submodule(layer).register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.inference_mode():
        for text in bench.task.splits["calibration"].inputs:  # one at a time: nothing is padded
            alone = bench.preprocessor.encode([text])
            bench.model(**{name: torch.from_numpy(array) for name, array in alone.items()})
    handle.remove()
    rows = torch.cat([one[0] for one in seen]).double().numpy()
    found = activations(bench.model, inputs, gram=True)[layer]
    assert found.count == len(rows)
    np.testing.assert_allclose(found.mean, rows.mean(0), atol=1e-5)
    np.testing.assert_allclose(found.variance, rows.var(0), rtol=1e-3)
    np.testing.assert_allclose(found.norm, np.linalg.norm(rows, axis=0), rtol=1e-4)
    np.testing.assert_allclose(found.gram, rows.T @ rows, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", ["vit", "cnn"])
def test_every_layer_that_runs_is_there(kind):
    bench = workbench(kind)
    found = activations(bench.model, bench.tensors())
    kinds = (torch.nn.Linear, torch.nn.Conv2d)
    assert set(found) == {name for name, module in bench.model.named_modules() if isinstance(module, kinds)}
    for name, one in found.items():
        module = bench.model.get_submodule(name)
        assert len(one.mean) == getattr(module, "in_features", None) or module.in_channels


def test_they_are_computed_once_for_the_same_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))
    bench = workbench("vit")
    calls = []
    monkeypatch.setattr(
        "explorer.models.activations.activations", lambda *given: calls.append(1) or activations(*given)
    )
    first = cached_activations(bench.model, bench.tensors())
    again = cached_activations(bench.model, bench.tensors())
    assert len(calls) == 1
    for name, one in first.items():
        np.testing.assert_array_equal(one.norm, again[name].norm)
        assert again[name].gram is None
    with torch.no_grad():
        next(bench.model.parameters()).add_(1)
    cached_activations(bench.model, bench.tensors())
    assert len(calls) == 2
