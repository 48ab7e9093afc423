import pytest

from explorer.charts import grid_figure, grid_info, grid_targets


def entry(batch, sequence, p50, speedup, lengths="padded", target="cpu-onnxruntime", **more):
    return {
        "target": target,
        "kind": "measured",
        "batch": batch,
        "sequence": sequence,
        "lengths": lengths,
        "p50_ms": p50,
        "p95_ms": 1.2 * p50,
        "throughput_per_s": 1000 * batch / p50,
        "speedup": speedup,
        "speedup_low": 0.9 * speedup,
        "speedup_high": 1.1 * speedup,
        **more,
    }


@pytest.fixture
def result():
    noisy = {"noisy": True, "noise_reason": "other processes kept <b>1.5</b> cores busy"}
    return {
        "latency": [
            entry(8, 128, 80.0, 2.5),
            entry(1, 32, 4.0, 0.5),
            entry(1, 18, 3.0, 2.0, lengths="real"),
            entry(1, 128, 10.0, 2.04, **noisy),
            entry(1, 128, 9.0, 3.0, target="cpu-openvino"),
            {"target": "cuda-torch", "kind": "unavailable", "batch": 1, "sequence": 128},
        ]
    }


def test_three_shapes_make_a_grid(result):
    assert grid_targets(result) == ["cpu-onnxruntime"]
    result["latency"] += 2 * [result["latency"][-1]]
    assert grid_targets(result) == ["cpu-onnxruntime"], "nothing was measured on the GPU"


def test_image_sizes_stand_in_pixels_and_one_that_does_not_fit_with_its_reason():
    refused = {"kind": "unavailable", "p50_ms": None, "speedup": None, "reason": "takes <i>8</i> pixels only"}
    sizes = [entry(1, 28, 1.0, 2.0), entry(8, 28, 4.0, 2.5), {**entry(1, 56, 1.0, 1.0), **refused}]
    info = grid_info({"kind": "image", "latency": sizes}, "cpu-onnxruntime")
    assert (info.batches, info.lengths) == ((1, 8), ("28", "56"))
    assert info.values == ((2.0, None), (2.5, None)) and info.words == (("2.00×", "–"), ("2.50×", ""))
    assert info.title == "Speed-up by batch and image size" and info.reasons == ("takes <i>8</i> pixels only",)
    assert info.hovers[0][0].startswith("batch of 1, images of 28 pixels a side<br>1.00 ms")
    assert info.hovers[0][1] == "batch of 1, images of 56 pixels a side<br>takes &lt;i&gt;8&lt;/i&gt; pixels only"
    assert grid_figure(info).layout.xaxis.title.text == "Image size: pixels of a side"


def test_cells_stand_by_batch_and_length(result):
    info = grid_info(result, "cpu-onnxruntime")
    assert (info.batches, info.lengths) == ((1, 8), ("32", "128", "real"))
    assert info.values == ((0.5, 2.04, 2.0), (None, 2.5, None))
    assert info.words == (("0.500×", "~2.04×", "2.00×"), ("", "2.50×", ""))
    assert info.title == "Speed-up by batch and length"
    assert "mean length 18" in info.hovers[0][2]
    assert "&lt;b&gt;1.5" in info.hovers[0][1] and "p95 12.0 ms" in info.hovers[0][1]


def test_other_measures(result):
    assert grid_info(result, "cpu-onnxruntime", "p50_ms").words[0] == ("4.00 ms", "~10.0 ms", "3.00 ms")
    assert grid_info(result, "cpu-onnxruntime", "throughput_per_s").values[1] == (None, 100.0, None)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_speed_up_of_one_is_the_middle_of_the_colours(result, theme):
    (heatmap,) = grid_figure(grid_info(result, "cpu-onnxruntime"), theme).data
    assert (heatmap.zmid, heatmap.zmin, heatmap.zmax) == (1, -0.5, 2.5)
    assert list(heatmap.y) == ["1", "8"]
