"""Each rule with a result that triggers it and one that does not."""

from copy import deepcopy

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from explorer.measure.findings import GraphFacts, accuracy, findings, size, speed, words
from explorer.measure.findings.graph import FewValued, few_values, graph_facts
from explorer.result import Accuracy, Cost, Flips, Latency, OperatorTime, Profile, TargetUse
from tests.measure.tiny import save_text, text_graph

NOTHING = GraphFacts()


def latency(speedup, low, high, **fields):
    given = {"target": "cpu-onnxruntime", "batch": 1, "sequence": 128, "noisy": False, **fields}
    entry = Latency(
        **{"p50_ms": 20.0 / speedup, "baseline_p50_ms": 20.0} | given,
        speedup=speedup,
        speedup_low=low,
        speedup_high=high,
    )
    return entry.model_dump()


def score(difference, within_noise, **fields):
    given = {"target": "cpu-onnxruntime", "split": "validation", **fields}
    return Accuracy(
        samples=2000,
        value=0.8,
        baseline=0.8 - difference,
        difference=difference,
        difference_low=difference - 0.01,
        difference_high=difference + 0.01,
        flips=Flips(right_to_wrong=3, wrong_to_right=2),
        p_value=0.31 if within_noise else 1e-6,
        within_noise=within_noise,
        **given,
    ).model_dump()


def sizes(file_mb, zipped_mb, nonzero=1.0):
    return {
        "file_bytes": int(file_mb * 1e6),
        "zipped_bytes": int(zipped_mb * 1e6),
        "parameters": 1000,
        "nonzero_parameters": int(1000 * nonzero),
    }


def profile(variant, baseline, layers=(), **fields):
    """Operators as {type: ms} of both sides, layers as {name: (variant bytes, baseline bytes)}."""
    names = dict.fromkeys([*baseline, *variant])
    given = {
        "batch": 1,
        "sequence": 128,
        "threads": 2,
        "by_operator": [
            OperatorTime(name=name, variant_ms=variant.get(name), baseline_ms=baseline.get(name)) for name in names
        ],
        "by_layer": [
            OperatorTime(name=name, variant_bytes=after, baseline_bytes=before)
            for name, (after, before) in dict(layers).items()
        ],
        "variant_total_ms": sum(variant.values()),
        "baseline_total_ms": sum(baseline.values()),
        "peak_gflops": 250.0,
        "peak_gbytes_per_s": 25.0,
        **fields,
    }
    return Profile(**given).model_dump()


@pytest.fixture
def unremarkable():
    """Smaller, faster, equally accurate."""
    return {
        "recipe": {"model": "m", "steps": [{"technique": "int8-dynamic"}]},
        "size": sizes(23.4, 18),
        "baseline_size": sizes(91.4, 85),
        "accuracy": [],
        "latency": [latency(2.1, 2.0, 2.2)],
    }


def said(rule, result, graph=NOTHING):
    return list(rule(result, graph))


# --- all rules together


def test_nothing_remarkable_gives_no_sentence(unremarkable):
    assert findings(unremarkable) == []


def test_results_of_earlier_versions_and_of_this_one_are_read(unremarkable):
    older = {**unremarkable, "latency": [{k: v for k, v in latency(2.1, 2.0, 2.2).items() if k != "lengths"}]}
    assert findings(older) == []
    newer = {**unremarkable, "targets": [], "cost": [], "profile": None}
    assert findings(newer) == []


def test_it_changes_nothing(unremarkable):
    before = deepcopy(unremarkable)
    findings(unremarkable)
    assert unremarkable == before


def test_there_are_at_most_seven_and_the_most_surprising_stand_first(unremarkable):
    unremarkable["accuracy"] = [score(i / 1000, True, target=f"t{i}") for i in range(1, 10)]
    unremarkable["size"] = sizes(91.4, 91.4, nonzero=0.5)
    found = findings(unremarkable)
    assert len(found) == 7
    assert found[0].startswith("50% of the parameters are zero")
    assert all("within sampling noise" in sentence for sentence in found[1:])


def test_of_a_baseline_nothing_is_said_that_needs_a_step(unremarkable, tmp_path):
    folder = save_text(tmp_path / "text", text_graph())
    unremarkable["recipe"].pop("steps")
    unremarkable["size"] = sizes(0.03, 0.03, nonzero=0.5)
    unremarkable["baseline_size"] = unremarkable["size"]
    unremarkable["latency"] = [latency(1.0, 0.99, 1.01)]
    unremarkable["accuracy"] = [score(0.0, True)]
    assert findings(unremarkable, folder / "model.onnx") == [
        "Embedding tables are 82% of the file (0.0246 of 0.03 MB): what leaves them alone cannot make it much smaller."
    ]


# --- size


def test_zeros_that_do_not_shrink_the_file(unremarkable):
    unremarkable["size"] = sizes(91.4, 52.5, nonzero=0.5)
    assert said(size.zeros, unremarkable) == [
        "50% of the parameters are zero, but the file is 91.4 MB against 91.4 MB of the baseline: zeros are stored as "
        "ordinary numbers. Zipped, it is 52.5 MB against 85 MB. To make the file itself smaller, remove whole neurons "
        "(prune-neurons) or use fewer bits."
    ]


def test_zeros_in_a_file_that_did_shrink_need_no_word(unremarkable):
    unremarkable["size"] = sizes(23.4, 12, nonzero=0.5)
    assert said(size.zeros, unremarkable) == []


def test_few_values_stored_wide(unremarkable):
    unremarkable["size"] = sizes(91.4, 20)
    graph = GraphFacts(few_valued=FewValued(36, 42_500_000, 32, 15, "row"))
    assert said(size.wide_values, unremarkable, graph) == [
        "36 weights with 42.5 MB of the 91.4 MB hold at most 15 different values in a row, which 4 bits tell apart, "
        "but each is stored in 32 bits. weight-bits with 4 bits stores them packed."
    ]
    five_bits = GraphFacts(few_valued=FewValued(36, 42_500_000, 32, 31, "weight"))
    (sentence,) = said(size.wide_values, unremarkable, five_bits)
    assert "different values in all, which 5 bits tell apart" in sentence and "weight-bits with 8 bits" in sentence


def test_few_values_in_a_small_part_of_the_file_need_no_word(unremarkable):
    graph = GraphFacts(few_valued=FewValued(1, 2_000_000, 32, 15, "row"))
    assert said(size.wide_values, unremarkable, graph) == []


def test_bits_that_no_runtime_stores(unremarkable):
    unremarkable["recipe"]["steps"] = [{"technique": "gptq", "bits": 3}]
    graph = GraphFacts(parameters_by_bits={4: 8_000_000, 32: 5_000})
    assert said(size.unstorable_bits, unremarkable, graph) == [
        "gptq rounds weights to 3 bits, but 8,000,000 of them are stored in 4 bits each (4 MB instead of 3 MB): no "
        "runtime here stores 3. With 4 bits the file is as large and the values are finer."
    ]


@pytest.mark.parametrize("bits", [4, "mixed", None])
def test_bits_that_are_stored_as_asked_need_no_word(unremarkable, bits):
    unremarkable["recipe"]["steps"] = [{"technique": "weight-bits", "bits": bits}]
    assert said(size.unstorable_bits, unremarkable, GraphFacts(parameters_by_bits={4: 8_000_000, 32: 5_000})) == []


def test_a_file_of_which_only_a_part_was_touched(unremarkable):
    layers = {"embeddings": (47_700_000, 47_700_000), "encoder": (10_650_000, 42_600_000), "head": (9_000, 9_000)}
    unremarkable["profile"] = profile({"MatMul": 1}, {"MatMul": 1}, layers)
    assert said(size.part_only, unremarkable) == [
        "Only layers with 47% of the bytes were made smaller, by 75%; embeddings (47.7 MB) and head (0.009 MB) kept "
        "their size. A step that reaches these too makes the rest of the file smaller."
    ]


@pytest.mark.parametrize("layers", [{"a": (10, 40), "b": (40, 40), "c": (10, 40)}, {"a": (40, 40)}, {}])
def test_a_file_that_was_touched_for_the_most_part_or_not_at_all_needs_no_word(unremarkable, layers):
    unremarkable["profile"] = profile({"MatMul": 1}, {"MatMul": 1}, layers)
    assert said(size.part_only, unremarkable) == []


def test_embeddings_that_dominate(unremarkable):
    unremarkable["size"] = sizes(59.2, 50)
    assert said(size.embeddings, unremarkable, GraphFacts(embedding_bytes=46_900_000)) == [
        "Embedding tables are 79% of the file (46.9 of 59.2 MB): what leaves them alone cannot make it much smaller."
    ]
    assert said(size.embeddings, unremarkable, GraphFacts(embedding_bytes=10_000_000)) == []


# --- accuracy


def test_accuracy_beyond_noise(unremarkable):
    unremarkable["accuracy"] = [score(-0.004, True), score(-0.03, False)]
    unremarkable["recipe"]["steps"] = [{"technique": "prune-neurons"}]
    assert said(accuracy.beyond_noise, unremarkable) == [
        "The change in accuracy of −3.0 points on cpu-onnxruntime (validation, 2,000 inputs) is more than sampling "
        "noise (95 % interval −4.0 to −2.0). A fine-tune step after it may win some of it back.",
    ]


@pytest.mark.parametrize(
    ("steps", "advice"),
    [
        (["weight-bits"], "More bits or smaller groups may lose less."),
        (["int8-dynamic"], "One scale per channel (per_channel) may lose less."),
        (["prune-neurons", "weight-bits"], "A fine-tune step before 'weight-bits' may win some of it back."),
        (["prune-neurons", "fine-tune", "weight-bits"], ""),
        (["gone-by-now"], "A fine-tune step after it may win some of it back."),
    ],
)
def test_advice_can_be_followed(unremarkable, steps, advice):
    unremarkable["accuracy"] = [score(-0.03, False)]
    unremarkable["recipe"]["steps"] = [{"technique": name} for name in steps]
    (sentence,) = said(accuracy.beyond_noise, unremarkable)
    assert sentence.partition("). ")[2] == advice


def test_an_accuracy_that_stayed_is_not_called_a_change(unremarkable):
    unremarkable["accuracy"] = [score(-0.0002, True)]
    assert said(accuracy.within_noise, unremarkable) == [
        "The accuracy on cpu-onnxruntime (validation, 2,000 inputs) is the baseline's to within 0.05 points."
    ]


def test_accuracy_within_noise_of_targets_that_agree_is_one_sentence(unremarkable):
    unremarkable["accuracy"] = [
        score(-0.004, True),
        score(-0.004, True, target="cpu-torch"),
        score(-0.004, True, condition="typos"),
        score(-0.03, False),
    ]
    assert said(accuracy.within_noise, unremarkable) == [
        "The change in accuracy of −0.4 points on cpu-onnxruntime and cpu-torch (validation, 2,000 inputs) is within "
        "sampling noise (p = 0.31).",
        "The change in accuracy of −0.4 points on cpu-onnxruntime (validation, 2,000 inputs with typing errors) is "
        "within sampling noise (p = 0.31).",
    ]


def test_an_accuracy_that_was_not_measured_is_skipped(unremarkable):
    missing = Accuracy(target="cuda-torch", split="validation", kind="unavailable", reason="no GPU")
    unremarkable["accuracy"] = [missing.model_dump()]
    assert said(accuracy.beyond_noise, unremarkable) == said(accuracy.within_noise, unremarkable) == []


# --- speed


def use(asked, used, provider="CPUExecutionProvider", target="cuda-tensorrt", baseline=None):
    given = {"target": target, "provider": provider, "precision_asked": asked, "precision_used": used}
    return TargetUse(**given, baseline_precision_used=baseline).model_dump()


def test_another_precision_than_asked_for(unremarkable):
    unremarkable["targets"] = [use("fp16", "fp32+fp16", "TensorrtExecutionProvider"), use("bf16", "bf16+fp32")]
    assert said(speed.fallback, unremarkable) == [
        "cuda-tensorrt was asked for fp16 but computed in fp32+fp16 (TensorrtExecutionProvider): its times and answers "
        "are not those of fp16. Compare it with targets that compute in fp32 too."
    ]


def test_operators_left_to_another_provider(unremarkable):
    elsewhere = "CUDAExecutionProvider, 12 of 300 operators on CPUExecutionProvider"
    unremarkable["targets"] = [use("stored", "fp32", elsewhere, "cuda-onnxruntime"), use("stored", "int8+fp32")]
    assert said(speed.fallback, unremarkable) == [
        "cuda-onnxruntime did not run the whole model: CUDAExecutionProvider, 12 of 300 operators on "
        "CPUExecutionProvider. Data are copied at each change of provider; the profile by operator shows which are "
        "slow, and another export may avoid them."
    ]


def test_a_precision_that_the_runtime_chose(unremarkable):
    unremarkable["targets"] = [
        use("auto", "bf16+fp32", "OpenVINO CPU", "cpu-openvino"),
        use("auto", "fp32", "OpenVINO CPU", "cpu-openvino"),
    ]
    assert said(speed.chosen_precision, unremarkable) == [
        "cpu-openvino computed in bf16+fp32 by itself, baseline included: its times and answers are those of bf16, not "
        "of the fp32 in the file. cpu-openvino-fp32 measures that."
    ]


def test_a_precision_that_the_runtime_chose_for_the_variant_only(unremarkable):
    unremarkable["targets"] = [use("auto", "bf16", "OpenVINO CPU", "cpu-openvino", baseline="fp32")]
    (sentence,) = said(speed.chosen_precision, unremarkable)
    assert sentence.startswith("cpu-openvino computed in bf16 by itself: its times")


def in_bf16(used, baseline, *entries):
    """A result with OpenVINO's precisions and latencies on its two targets."""
    return {
        "targets": [use("auto", used, "OpenVINO CPU", "cpu-openvino", baseline=baseline)],
        "latency": list(entries),
    }


SLOWER = {"target": "cpu-openvino", "p50_ms": 30.0, "baseline_p50_ms": 12.0}


def test_slower_where_the_baseline_runs_in_fewer_bits(unremarkable):
    unremarkable |= in_bf16("fp32", "bf16+fp32", latency(0.4, 0.39, 0.41, **SLOWER))
    assert said(speed.wider_than_baseline, unremarkable) == [
        "cpu-openvino computed this file in fp32 and the baseline in bf16+fp32, which may be why it is slower there: "
        "30 ms against 12 ms at batch 1. cpu-openvino-fp32 compares both in fp32."
    ]
    assert said(speed.slower, unremarkable) == [], "one sentence for one thing"
    assert findings(unremarkable)[0].startswith("cpu-openvino computed this file in fp32")


@pytest.mark.parametrize(
    ("high", "baseline_ms", "words"),
    [(1.3, 40.0, ", which is why it is slower"), (0.9, 26.0, ", which is a part of why it is slower")],
)
def test_both_held_to_fp32_tell_how_much_precision_explains(unremarkable, high, baseline_ms, words):
    fields = {"target": "cpu-openvino-fp32", "p50_ms": 32.0, "baseline_p50_ms": baseline_ms}
    equal = latency(baseline_ms / 32, high - 0.2, high, **fields)
    unremarkable |= in_bf16("fp32", "bf16", latency(0.4, 0.39, 0.41, **SLOWER), equal)
    (sentence,) = said(speed.wider_than_baseline, unremarkable)
    assert words in sentence
    assert sentence.endswith(
        f"With both in fp32 (cpu-openvino-fp32) the baseline takes {baseline_ms:.0f} ms and this file 32 ms."
    )


def test_precision_explains_nothing_where_fewer_bits_did_not_help_the_baseline(unremarkable):
    equal = latency(0.4, 0.39, 0.41, target="cpu-openvino-fp32", p50_ms=30.0, baseline_p50_ms=12.1)
    unremarkable |= in_bf16("fp32", "bf16", latency(0.4, 0.39, 0.41, **SLOWER), equal)
    assert said(speed.wider_than_baseline, unremarkable) == []
    assert len(said(speed.slower, unremarkable)) == 2


@pytest.mark.parametrize(
    ("used", "baseline", "ratio"),
    [
        ("fp32", "bf16", (1.5, 1.4, 1.6)),  # not slower
        ("fp32", "fp32", (0.4, 0.3, 0.5)),
        ("int8+bf16", "bf16", (0.4, 0.3, 0.5)),  # slower for another reason
        ("fp32", None, (0.4, 0.3, 0.5)),  # a result of an earlier version
    ],
)
def test_precision_is_no_reason_elsewhere(unremarkable, used, baseline, ratio):
    unremarkable |= in_bf16(used, baseline, latency(*ratio, **SLOWER))
    assert said(speed.wider_than_baseline, unremarkable) == []
    assert len(said(speed.slower, unremarkable)) == (ratio[2] < 1)


def test_a_noisy_entry_gives_precision_no_blame(unremarkable):
    unremarkable |= in_bf16("fp32", "bf16", latency(0.4, 0.39, 0.41, **SLOWER, noisy=True))
    assert said(speed.wider_than_baseline, unremarkable) == []


def test_quantizing_that_costs_more_than_it_saves(unremarkable):
    unremarkable["profile"] = profile(
        {"ConvInteger": 0.27, "DynamicQuantizeLinear": 0.02, "Mul": 0.03, "Cast": 0.011, "Relu": 0.01},
        {"Conv": 0.14, "Cast": 0.001, "Relu": 0.01},
    )
    assert said(speed.quantizing_costs, unremarkable) == [
        "At batch 1 quantizing, dequantizing and scaling cost 0.06 ms a call (Mul 0.03 ms, DynamicQuantizeLinear "
        "0.02 ms and Cast 0.01 ms), and the products themselves take 0.27 ms against 0.14 ms. int8-dynamic with "
        "convolutions off leaves those in float, which this runtime computes faster."
    ]


def test_quantizing_whose_cost_a_larger_batch_shares(unremarkable):
    unremarkable["profile"] = profile({"MatMulInteger": 0.9, "DynamicQuantizeLinear": 0.3}, {"MatMul": 1.0})
    unremarkable["latency"] = [latency(0.8, 0.7, 0.9), latency(1.5, 1.4, 1.6, batch=8)]
    assert said(speed.quantizing_costs, unremarkable) == [
        "At batch 1 quantizing, dequantizing and scaling cost 0.3 ms a call (DynamicQuantizeLinear 0.3 ms), and the "
        "products save only 0.1 ms. A larger batch shares that cost: at batch 8 it is 1.50 times as fast."
    ]


@pytest.mark.parametrize(
    "variant",
    [
        {"MatMulInteger": 0.4, "DynamicQuantizeLinear": 0.3},  # saves more than it costs
        {"MatMul": 1.0, "DequantizeLinear": 0.01},  # hardly costs anything
        {"MatMul": 1.0, "Cast": 0.5, "Mul": 0.2},  # quantizes nothing
    ],
)
def test_quantizing_that_pays_needs_no_word(unremarkable, variant):
    unremarkable["profile"] = profile(variant, {"MatMul": 1.0})
    assert said(speed.quantizing_costs, unremarkable) == []


def test_slower_by_unpacking_names_the_bits(unremarkable):
    unremarkable["recipe"]["steps"] = [{"technique": "weight-bits", "bits": 4}]
    unremarkable["latency"] = [latency(0.5, 0.4, 0.6), latency(0.8, 0.7, 0.9, batch=8)]
    assert said(speed.slower, unremarkable) == [
        "Slower than the baseline on cpu-onnxruntime at batch 1: 40 ms against 20 ms, 2.00 times the time: its weights "
        "are unpacked from 4 bits at each call. int8-dynamic computes in integers."
    ]
    unremarkable["profile"] = profile({"Conv": 40.0}, {"Conv": 19.0, "Gemm": 1.0})
    (sentence,) = said(speed.slower, unremarkable)
    assert sentence.endswith("at each call."), "integer convolutions would be no advice"


def test_slower_on_a_gpu_names_what_the_processor_had_to_do(unremarkable):
    unremarkable["recipe"]["steps"] = [{"technique": "int8-dynamic"}]
    unremarkable["latency"] = [latency(0.5, 0.4, 0.6, target="cuda-onnxruntime")]
    use = {"target": "cuda-onnxruntime", "precision_asked": "stored", "baseline_precision_used": "fp32"}
    left = "CUDAExecutionProvider, 110 of 415 operators on CPUExecutionProvider"
    unremarkable["targets"] = [use | {"precision_used": "int8+fp32", "provider": left}]
    (sentence,) = said(speed.slower, unremarkable)
    assert sentence.endswith(
        "2.00 times the time: for many operators on integers ONNX Runtime has no kernels on the GPU, and the processor "
        "runs them. A GPU computes faster in fp16 (half-precision)."
    )
    unremarkable["targets"] = [use | {"precision_used": "fp32", "provider": "CUDAExecutionProvider"}]
    unremarkable["recipe"]["steps"] = [{"technique": "weight-bits", "bits": 4}]
    (sentence,) = said(speed.slower, unremarkable)
    assert sentence.endswith("unpacked from 4 bits at each call. A GPU computes faster in fp16 (half-precision).")


def test_the_processors_profile_explains_no_gpu(unremarkable):
    unremarkable["profile"] = profile({"MatMul": 9.0, "QuantizeLinear": 9.0}, {"MatMul": 10.0})
    assert said(speed.quantizing_costs, unremarkable)
    unremarkable["latency"] = [latency(0.5, 0.4, 0.6, target="cuda-onnxruntime")]
    assert said(speed.quantizing_costs, unremarkable) == []


def test_slower_without_known_cause_names_none(unremarkable):
    unremarkable["latency"] = [latency(0.8, 0.7, 0.9)]
    assert said(speed.slower, unremarkable) == [
        "Slower than the baseline on cpu-onnxruntime at batch 1: 25 ms against 20 ms, 1.25 times the time."
    ]


def test_an_interval_that_includes_one(unremarkable):
    unremarkable["latency"] = [latency(1.02, 0.98, 1.06), latency(1.5, 1.4, 1.6, batch=8)]
    assert said(speed.no_speed_up, unremarkable) == [
        "No clear speed-up on cpu-onnxruntime: 1.02 (0.98 to 1.06) at batch 1; the interval includes 1."
    ]
    assert said(speed.slower, unremarkable) == []


def test_of_a_grid_of_shapes_three_are_named_with_their_lengths(unremarkable):
    shapes = [(1, 32, "padded"), (1, 128, "padded"), (1, 19, "real"), (8, 32, "padded"), (8, 128, "padded")]
    unremarkable["latency"] = [
        latency(1.02, 0.98, 1.06, batch=batch, sequence=tokens, lengths=lengths) for batch, tokens, lengths in shapes
    ]
    assert said(speed.no_speed_up, unremarkable) == [
        "No clear speed-up on cpu-onnxruntime: 1.02 (0.98 to 1.06) at batch 1 with 32 tokens, 1.02 (0.98 to 1.06) at "
        "batch 1 with 128 tokens, 1.02 (0.98 to 1.06) at batch 1 with real lengths and at 2 more shapes; the interval "
        "includes 1."
    ]


def test_noisy_entries_are_named_and_not_interpreted(unremarkable):
    unremarkable["latency"] = [latency(0.5, 0.4, 0.6, noisy=True, noise_reason="other processes kept 0.80 cores busy")]
    assert findings(unremarkable) == [
        "Noisy timing for cpu-onnxruntime at batch 1: other processes kept 0.80 cores busy. "
        "Measure again on a quiet machine."
    ]


def test_of_many_noisy_shapes_two_are_named(unremarkable):
    noisy = {"noisy": True, "noise_reason": "the browser kept 0.50 cores busy"}
    unremarkable["latency"] = [latency(0.5, 0.4, 0.6, batch=batch, **noisy) for batch in (1, 2, 4, 8)]
    (sentence,) = said(speed.noise, unremarkable)
    assert sentence.startswith("Noisy timing for cpu-onnxruntime at batch 1, cpu-onnxruntime at batch 2 and 2 more: ")


def test_unavailable_latencies_are_skipped(unremarkable):
    missing = Latency(target="cuda-torch", kind="unavailable", reason="no GPU", batch=1, sequence=1)
    unremarkable["latency"] = [missing.model_dump()]
    assert findings(unremarkable) == []


def test_odd_widths_are_named(unremarkable):
    graph = GraphFacts(odd_widths=(("encoder.layer.0", 723), ("encoder.layer.0", 9), ("encoder.layer.3", 701)))
    assert said(speed.odd_widths, unremarkable, graph) == [
        "A width of encoder.layer.0 is 723, no multiple of 8, and 1 more layer has such widths: kernels take 8 or 16 "
        "numbers at a time and compute as if it were 736. With round_to 8 or 16 prune-neurons keeps widths that fit."
    ]
    assert said(speed.odd_widths, unremarkable, NOTHING) == []


def cost(operations, weight_bytes, batch=1, sequence=128):
    counted = {"fp32": operations / 2, "int8": operations / 2}
    return Cost(
        batch=batch, sequence=sequence, operations=counted, weight_bytes=weight_bytes, activation_bytes=0
    ).model_dump()


def test_of_several_image_sizes_the_models_own_is_spoken_of(unremarkable):
    unremarkable["kind"] = "image"
    unremarkable["profile"] = {**profile({"Conv": 1}, {"Conv": 1}), "sequence": 28}
    unremarkable["cost"] = [cost(1e8, 50_000_000, sequence=28), cost(5e7, 50_000_000, sequence=14)]
    assert "0.1 billion operations" in said(speed.memory_bound, unremarkable)[0]
    sizes = [latency(1.02, 0.98, 1.06, batch=1, sequence=side) for side in (28, 56)]
    unremarkable["latency"] = sizes
    assert words.at(sizes[1], unremarkable) == "at batch 1 with 56 pixels a side"
    sizes[0]["kind"] = "unavailable"
    assert words.at(sizes[1], unremarkable) == "at batch 1", "there is no other to confuse it with"


def test_memory_that_sets_the_pace(unremarkable):
    unremarkable["profile"] = profile({"MatMul": 1}, {"MatMul": 1})
    unremarkable["cost"] = [cost(1e9, 50_000_000, sequence=128), cost(1e8, 50_000_000, sequence=8)]
    assert said(speed.memory_bound, unremarkable) == [
        "At batch 1 memory sets the pace unless the weights stay in a cache: reading 50 MB of weights takes 2 ms at "
        "25 GB/s, 0.1 billion operations 0.4 ms at 250 billion a second, the most that this host reaches in fp32. "
        "Fewer bits per weight or a larger batch help; fewer operations alone do not."
    ]


def test_computing_that_sets_the_pace_of_smaller_weights(unremarkable):
    unremarkable["profile"] = profile({"MatMul": 1}, {"MatMul": 1})
    unremarkable["cost"] = [cost(2.5e9, 5_000_000)]
    assert said(speed.memory_bound, unremarkable) == []
    unremarkable["recipe"]["steps"] = [{"technique": "weight-bits", "bits": 4}]
    unremarkable["latency"] = [latency(0.9, 0.8, 1.0)]
    assert said(speed.memory_bound, unremarkable) == [
        "At batch 1 computing sets the pace, so smaller weights alone save no time: reading 5 MB of weights takes "
        "0.2 ms at 25 GB/s, 2.5 billion operations 10 ms at 250 billion a second, the most that this host reaches in "
        "fp32. int8-dynamic or fewer neurons (prune-neurons) make the computing cheaper."
    ]


def test_without_peaks_or_costs_nothing_is_said_about_memory(unremarkable):
    unremarkable["cost"] = [cost(1e6, 50_000_000)]
    assert said(speed.memory_bound, unremarkable) == []
    unremarkable["profile"] = profile({"MatMul": 1}, {"MatMul": 1}, peak_gflops=None)
    assert said(speed.memory_bound, unremarkable) == []
    unremarkable["profile"] = profile({"MatMul": 1}, {"MatMul": 1})
    unremarkable["cost"] = [cost(1e6, 50_000_000, batch=8)]
    assert said(speed.memory_bound, unremarkable) == []


def test_a_call_whose_overhead_dominates(unremarkable):
    unremarkable["profile"] = profile({"MatMul": 0.05}, {"MatMul": 0.05})
    unremarkable["latency"] = [latency(1.1, 1.05, 1.2, p50_ms=0.125)]
    assert said(speed.overhead, unremarkable) == [
        "0.075 ms of the 0.125 ms that a call takes at batch 1 pass outside of operators, in starting the call and its "
        "2 threads: no compression makes that shorter. A larger batch shares it, and one thread may do as well."
    ]


@pytest.mark.parametrize("fields", [{"p50_ms": 0.06}, {"p50_ms": 1.5}, {"p50_ms": 0.125, "batch": 8}])
def test_calls_without_much_overhead_or_of_another_shape_need_no_word(unremarkable, fields):
    unremarkable["profile"] = profile({"MatMul": 0.05}, {"MatMul": 0.05})
    unremarkable["latency"] = [latency(1.1, 1.05, 1.2, **fields)]
    assert said(speed.overhead, unremarkable) == []


def test_a_baseline_in_which_products_are_not_the_time(unremarkable):
    unremarkable["profile"] = profile({"MatMul": 0.2}, {"MatMul": 0.2, "Softmax": 0.5, "Gelu": 0.2, "other": 0.1})
    unremarkable["latency"] = [latency(1.1, 1.05, 1.2)]
    assert said(speed.little_to_gain, unremarkable) == [
        "Products are 20% of the 1 ms that the baseline's operators take at batch 1: were they free, it would be 1.25 "
        "times as fast. The rest is Softmax 0.5 ms and Gelu 0.2 ms. A student with fewer layers (distill-student) has "
        "less of all."
    ]


def test_a_baseline_of_products_or_a_variant_that_gained_needs_no_word(unremarkable):
    unremarkable["profile"] = profile({"MatMul": 0.2}, {"MatMul": 0.7, "Softmax": 0.3})
    unremarkable["latency"] = [latency(1.1, 1.05, 1.2)]
    assert said(speed.little_to_gain, unremarkable) == []
    unremarkable["profile"] = profile({"MatMul": 0.2}, {"MatMul": 0.2, "Softmax": 0.8})
    unremarkable["latency"] = [latency(1.6, 1.5, 1.7)]
    assert said(speed.little_to_gain, unremarkable) == []
    unremarkable["latency"] = [latency(1.1, 1.05, 1.2)]
    unremarkable["recipe"]["steps"] = [{"technique": "distill-student"}]
    assert said(speed.little_to_gain, unremarkable) == []


# --- facts of the file


def grid(array, levels):
    """Round to nearest on a symmetric grid with one scale for each row, as fake quantization does."""
    scale = np.abs(array).max(axis=1, keepdims=True) / (levels // 2)
    return (np.round(array / scale) * scale).astype(np.float32)


@pytest.fixture
def weight():
    return np.random.default_rng(0).standard_normal((96, 128)).astype(np.float32)


def test_ordinary_and_pruned_weights_have_many_values(weight):
    assert few_values(weight) == (0, "")
    pruned = np.where(np.abs(weight) < 1, 0, weight)
    assert (pruned == 0).mean() > 0.5
    assert few_values(pruned) == (0, "")
    assert few_values(weight.astype(np.float16).astype(np.float32)) == (0, "")


def test_rounded_weights_have_few_values_in_a_row_or_a_column(weight):
    rounded = grid(weight, 14)
    assert few_values(rounded) == (15, "row")
    assert few_values(rounded.T) == (15, "row")
    assert few_values(rounded.reshape(96, 8, 4, 4)) == (15, "row")


def test_rounded_weights_have_few_values_in_the_whole_or_in_a_group(weight):
    whole = np.round(weight * 4)
    assert few_values(whole) == (len(np.unique(whole)), "weight")
    groups = grid(weight.reshape(-1, 32), 6).reshape(96, 128)
    values, unit = few_values(groups)
    assert unit == "group of 32" and values <= 7


def test_facts_of_a_file(tmp_path, weight):
    from onnxruntime.quantization import quantize_dynamic

    folder = save_text(tmp_path / "text", text_graph(hidden=91))
    plain = graph_facts(folder / "model.onnx")
    assert plain == GraphFacts(64 * 96 * 4, None, {32: 64 * 96 + 96 * 91}, (("first", 91), ("second", 91)))
    quantize_dynamic(str(folder / "model.onnx"), str(tmp_path / "int8.onnx"))
    found = graph_facts(tmp_path / "int8.onnx")
    assert found.parameters_by_bits == {8: 64 * 96 + 96 * 91}
    assert found.embedding_bytes == 64 * 96
    assert {width for _, width in found.odd_widths} == {91}


def test_a_file_with_fake_quantized_weights(tmp_path, weight):
    graph = text_graph()
    tensor = next(tensor for tensor in graph.graph.initializer if tensor.name == "first.weight")
    rounded = grid(numpy_helper.to_array(tensor), 14)
    tensor.CopyFrom(numpy_helper.from_array(rounded, tensor.name))
    folder = save_text(tmp_path / "text", graph)
    found = graph_facts(folder / "model.onnx").few_valued
    assert (found.weights, found.stored_bytes, found.stored_bits, found.unit) == (1, 96 * 96 * 4, 32, "row")
    assert found.values <= 15 and found.bits == 4


def test_padding_of_a_group_does_not_look_like_another_width(tmp_path):
    """A row of 40 weights in groups of 32 takes 64 places of 4 bits: 6.4 bits a weight, stored as 4."""
    arrays = {"codes": np.zeros((64, 2, 16), np.uint8), "scales": np.ones((64, 2), np.float32)}
    node = helper.make_node(
        "MatMulNBits", ["x", *arrays], ["logits"], "product", domain="com.microsoft", K=40, N=64, bits=4, block_size=32
    )
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", "logits")]
    tensors = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], tensors)
    domains = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=domains), tmp_path / "model.onnx")
    assert graph_facts(tmp_path / "model.onnx").parameters_by_bits == {4: 40 * 64}
