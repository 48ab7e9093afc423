import pytest

from explorer.charts import peak_words, profile_figure, profile_info

HOST = {"cpu": "Imaginary CPU 9000", "cores": 2}


def row(name, variant=None, baseline=None, **fields):
    return {"name": name, "variant_ms": variant, "baseline_ms": baseline, **fields}


@pytest.fixture
def result():
    sizes = {"variant_bytes": 2_000_000, "baseline_bytes": 8_000_000}
    nothing = {"variant_bytes": None, "baseline_bytes": None}
    profile = {
        "batch": 8,
        "sequence": 128,
        "threads": 2,
        "by_operator": [
            row("MatMul", None, 4.0),
            row("MatMulInteger", 1.5, None),
            row("Softmax", 0.5, 0.5),
            row("Reshape", 0.01, 0.02),
            row("other", 0.004, None),
        ],
        "by_layer": [row("embeddings", 0.5, 0.25, **sizes), row("other", 1.5, 4.25, **nothing)],
        "peak_gflops": 250.0,
        "peak_gbytes_per_s": 25.0,
        "share_of_peak_flops": 0.615,
        "share_of_peak_bandwidth": 0.0254,
    }
    return {"kind": "text", "host": HOST, "finished_at": "2026-11-20T10:00:00+00:00", "profile": profile}


def test_three_charts_with_shape_host_and_date(result):
    operators, layers, sizes = profile_info(result)
    assert [info.key for info in (operators, layers, sizes)] == ["operators", "layers", "sizes"]
    assert operators.subtitle == layers.subtitle
    assert operators.subtitle == (
        "Batch of 8, 128 tokens, 2 threads of ONNX Runtime; Imaginary CPU 9000, 2 cores, 2026-11-20"
    )
    assert sizes.subtitle == "Imaginary CPU 9000, 2 cores, 2026-11-20"
    assert (operators.title, sizes.title) == ("Time of one call by operator", "Size of the weights by layer")


def test_operators_below_a_hundredth_are_summed(result):
    operators = profile_info(result)[0]
    assert operators.names == ("MatMul", "MatMulInteger", "Softmax", "all others")
    assert operators.variant == (None, 1.5, 0.5, pytest.approx(0.014))
    assert operators.baseline == (4.0, None, 0.5, pytest.approx(0.02))
    assert operators.total("variant") == pytest.approx(2.014)


def test_layers_keep_their_order_and_sizes_are_in_megabytes(result):
    _, layers, sizes = profile_info(result)
    assert layers.names == ("embeddings", "all others")
    assert (layers.variant, layers.baseline) == ((0.5, 1.5), (0.25, 4.25))
    assert (sizes.names, sizes.variant, sizes.baseline) == (("embeddings",), (2.0,), (8.0,))


def test_results_without_a_profile_have_no_chart(result):
    assert profile_info({**result, "profile": None}) == ()
    assert profile_info({key: value for key, value in result.items() if key != "profile"}) == ()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_colour_for_each_side_and_a_row_for_each_name(result, theme):
    info = profile_info(result)[0]
    figure = profile_figure(info, theme)
    baseline, variant = figure.data
    assert baseline.name == "baseline (4.52 ms in all)" and variant.name == "this variant (2.01 ms in all)"
    assert tuple(variant.y) == info.names and tuple(variant.x) == info.variant
    assert baseline.marker.color != variant.marker.color
    assert variant.hovertext[1] == "MatMulInteger, this variant: 1.50 ms, 74.5 % of its time or bytes"
    assert variant.hovertext[0] == ""
    assert figure.layout.xaxis.range[1] > 4.0


def test_images_have_pixels_and_names_are_plain_text(result):
    result["kind"] = "image"
    result["profile"]["by_operator"][0]["name"] = "<b>"
    info = profile_info(result)[0]
    assert "128 pixels a side" in info.subtitle
    assert profile_figure(info).data[0].y[0] == "&lt;b&gt;"


def test_shares_of_the_peaks_in_words(result):
    words = peak_words(result["profile"])
    assert words.startswith("The variant's products reach 61.5 % of the 250 GFLOP/s")
    assert "2.54 % of the 25.0 GB/s" in words and "More than 100 % is possible" in words
    result["profile"]["share_of_peak_flops"] = None
    assert "GFLOP/s" not in peak_words(result["profile"])
    result["profile"]["share_of_peak_bandwidth"] = None
    assert peak_words(result["profile"]) == ""
