"""Why a call is not faster."""

from __future__ import annotations

from collections.abc import Iterator

from explorer.measure.findings.graph import GraphFacts
from explorer.measure.findings.words import (
    Facts,
    at,
    by_target,
    listed,
    measured,
    megabytes,
    ms,
    operator_ms,
    slowest,
    step,
)
from explorer.measure.profile import PRODUCTS, TARGET
from explorer.measure.targets import targets

PRECISIONS = ("fp32", "fp16", "bf16")
BITS = {"int4": 4, "int8": 8, "bf16": 16, "fp16": 16, "fp32": 32}
ELSEWHERE = "operators on"
"""What a provider says when it left some of the model to another one."""

QUANTIZERS = frozenset({"DequantizeLinear", "DynamicQuantizeLinear", "QuantizeLinear"})
AROUND_INTEGERS = QUANTIZERS | {"Cast", "Mul"}
"""What surrounds an integer product: the conversions, and the scaling of its result."""

COSTLY = 0.05
SHORT_MS = 1.0
LARGE_OVERHEAD = 0.3
SMALL_PRODUCTS = 0.5
CLEARLY = 4.0
FASTER = 1.3
LONGER = 1.05
NAMED_SHAPES = 3
STRUCTURAL = ("distill-student", "prune-neurons")

MOST_NAMED = 2
"""Noisy shapes that are named; of a whole grid nobody reads more."""


def fallback(result: Facts, graph: GraphFacts) -> Iterator[str]:
    """A target that ran in another precision than asked for, or left operators to another provider."""
    for use in result.get("targets") or []:
        name, asked, used = use["target"], use["precision_asked"], use["precision_used"]
        if asked in PRECISIONS and used.split("+")[0] != asked:
            yield (
                f"{name} was asked for {asked} but computed in {used} ({use['provider']}): its times and answers are "
                f"not those of {asked}. Compare it with targets that compute in {used.split('+')[0]} too."
            )
        if ELSEWHERE in use["provider"]:
            yield (
                f"{name} did not run the whole model: {use['provider']}. Data are copied at each change of provider; "
                "the profile by operator shows which are slow, and another export may avoid them."
            )


def chosen_precision(result: Facts, graph: GraphFacts) -> Iterator[str]:
    """A runtime that computes in fewer bits than the file holds, without being told to."""
    for use in result.get("targets") or []:
        used = use["precision_used"].split("+")[0]
        if use["precision_asked"] == "auto" and used in ("bf16", "fp16"):
            both = "" if _differs(use) else ", baseline included"
            yield (
                f"{use['target']} computed in {use['precision_used']} by itself{both}: its times and "
                f"answers are those of {used}, not of the fp32 in the file. cpu-openvino-fp32 measures that."
            )


def wider_than_baseline(result: Facts, graph: GraphFacts) -> Iterator[str]:
    """A runtime that computes the variant in more bits than the baseline, where it takes longer for it."""
    for use, worst in _slower_in_more_bits(result):
        equal, other = _in_fp32(worst, result), f"{use['target']}-fp32"
        share = "may be" if equal is None else "is" if equal["speedup_high"] >= 1 else "is a part of"
        yield (
            f"{use['target']} computed this file in {use['precision_used']} and the baseline in "
            f"{use['baseline_precision_used']}, which {share} why it is slower there: {ms(worst['p50_ms'])} against "
            f"{ms(worst['baseline_p50_ms'])} {at(worst, result)}. " + _equal_words(equal, other)
        )


def _slower_in_more_bits(result: Facts) -> Iterator[tuple[Facts, Facts]]:
    """How such a target ran, with its slowest entry.

    Not where the baseline, held to fp32 as well, was measured to take no longer than in fewer bits.
    """
    for use in filter(_wider, result.get("targets") or []):
        slow = [e for e in measured(result) if e["target"] == use["target"] and e["speedup_high"] < 1]
        worst = min(slow, key=lambda entry: float(entry["speedup"]), default=None)
        equal = _in_fp32(worst, result) if worst else None
        if worst and (equal is None or equal["baseline_p50_ms"] > LONGER * worst["baseline_p50_ms"]):
            yield use, worst


def _in_fp32(entry: Facts, result: Facts) -> Facts | None:
    """The same shape where the runtime was held to fp32, if that was measured."""
    place = f"{entry['target']}-fp32", entry["batch"], entry["sequence"], entry.get("lengths")
    found = (e for e in measured(result) if (e["target"], e["batch"], e["sequence"], e.get("lengths")) == place)
    return next(found, None)


def _equal_words(found: Facts | None, other: str) -> str:
    if found is not None:
        return (
            f"With both in fp32 ({other}) the baseline takes {ms(found['baseline_p50_ms'])} and this file "
            f"{ms(found['p50_ms'])}."
        )
    if other in targets():
        return f"{other} compares both in fp32."
    return "Compare it on a target that computes both in the same precision."


def _differs(use: Facts) -> bool:
    """Whether most products of variant and baseline were computed in different formats."""
    before = use.get("baseline_precision_used")
    return before is not None and before.split("+")[0] != use["precision_used"].split("+")[0]


def _wider(use: Facts) -> bool:
    """Whether the variant was computed in more bits than the baseline."""
    if not _differs(use):
        return False
    used, before = (BITS.get(use[name].split("+")[0]) for name in ("precision_used", "baseline_precision_used"))
    return used is not None and before is not None and used > before


def quantizing_costs(result: Facts, graph: GraphFacts) -> Iterator[str]:
    """Operators around integer products that cost more than these save."""
    profile = _profile(result)
    if not profile:
        return
    variant, baseline = operator_ms(profile, "variant"), operator_ms(profile, "baseline")
    grown = {name: variant.get(name, 0.0) - baseline.get(name, 0.0) for name in AROUND_INTEGERS}
    added = {name: value for name, value in grown.items() if value > 0}
    cost, now, before = sum(added.values()), _products_ms(variant), _products_ms(baseline)
    if not QUANTIZERS & set(added) or cost <= before - now or cost < COSTLY * profile["baseline_total_ms"]:
        return
    if now < before:
        saving = f"the products save only {ms(before - now)}"
    else:
        saving = f"the products themselves take {ms(now)} against {ms(before)}"
    yield (
        f"At batch {profile['batch']} quantizing, dequantizing and scaling cost {ms(cost)} a call ({slowest(added)}), "
        f"and {saving}. {_instead(result, profile, variant)}"
    )


def _instead(result: Facts, profile: Facts, variant: dict[str, float]) -> str:
    larger = [e for e in measured(result) if e["target"] == TARGET and e["batch"] > profile["batch"]]
    faster = max(larger, key=lambda entry: float(entry["speedup"]), default=None)
    if faster is not None and faster["speedup_low"] > 1:
        return f"A larger batch shares that cost: {at(faster, result)} it is {faster['speedup']:.2f} times as fast."
    if "ConvInteger" in variant:
        return "int8-dynamic with convolutions off leaves those in float, which this runtime computes faster."
    return "A larger batch shares that cost among more inputs; removing neurons (prune-neurons) has no such cost."


def slower(result: Facts, graph: GraphFacts) -> Iterator[str]:
    """Variants that take longer than their baseline."""
    explained = {use["target"] for use, _ in _slower_in_more_bits(result)}
    for entries in by_target(result):
        slow = [entry for entry in entries if entry["speedup_high"] < 1 and entry["target"] not in explained]
        if not slow:
            continue
        worst = min(slow, key=lambda entry: float(entry["speedup"]))
        yield (
            f"Slower than the baseline on {worst['target']} {at(worst, result)}: {ms(worst['p50_ms'])} against "
            f"{ms(worst['baseline_p50_ms'])}, {1 / worst['speedup']:.2f} times the time{_cause(worst, result)}"
        )


def _cause(worst: Facts, result: Facts) -> str:
    """Why a variant is slower on the target of this entry, and what to try, where that is known."""
    target, bits = targets().get(worst["target"]), step(result, "weight-bits")
    if target is None or target.runtime != "onnxruntime":
        return "."
    use = next((one for one in result.get("targets") or [] if one["target"] == target.name), None)
    on_gpu = target.device != "cpu"
    if on_gpu and use and "int8" in use["precision_used"] and ELSEWHERE in use["provider"]:
        return (
            ": for many operators on integers ONNX Runtime has no kernels on the GPU, and the processor runs them. A "
            "GPU computes faster in fp16 (half-precision)."
        )
    if not bits:
        return "."
    cause = f": its weights are unpacked from {bits['bits']} bits at each call."
    if on_gpu:
        return f"{cause} A GPU computes faster in fp16 (half-precision)."
    # integer convolutions are slow on CPUs, so there int8-dynamic would be no advice
    return cause if _mostly_convolutions(result) else f"{cause} int8-dynamic computes in integers."


def no_speed_up(result: Facts, graph: GraphFacts) -> Iterator[str]:
    """Speed-ups whose interval includes 1."""
    for entries in by_target(result):
        unclear = [entry for entry in entries if entry["speedup_low"] <= 1 <= entry["speedup_high"]]
        if not unclear:
            continue
        ratios = [f"{_ratio(entry)} {at(entry, result)}" for entry in unclear[:NAMED_SHAPES]]
        more = len(unclear) - NAMED_SHAPES
        ratios += [f"at {more} more shape{'s' if more > 1 else ''}"] if more > 0 else []
        yield f"No clear speed-up on {unclear[0]['target']}: {listed(ratios)}; the interval includes 1."


def odd_widths(result: Facts, graph: GraphFacts) -> Iterator[str]:
    """Widths that are no multiple of what kernels take at a time."""
    if not graph.odd_widths:
        return
    layer, width = graph.odd_widths[0]
    others = len({name for name, _ in graph.odd_widths} - {layer})
    more = f", and {others} more layer{'s have' if others > 1 else ' has'} such widths" if others else ""
    padded = -(-width // 16) * 16
    yield (
        f"A width of {layer} is {width}, no multiple of 8{more}: kernels take 8 or 16 numbers at a time and compute "
        f"as if it were {padded}. With round_to 8 or 16 prune-neurons keeps widths that fit."
    )


def memory_bound(result: Facts, graph: GraphFacts) -> Iterator[str]:
    """Whether reading weights or computing sets the pace of one input, by what this host reaches at best."""
    profile = _profile(result) or {}
    costs = [cost for cost in result.get("cost") or [] if cost["batch"] == 1]
    if not costs or not profile.get("peak_gflops") or not profile.get("peak_gbytes_per_s"):
        return
    own = [cost for cost in costs if result.get("kind") == "image" and cost["sequence"] == profile["sequence"]]
    cost = min(own or costs, key=lambda entry: int(entry["sequence"]))
    operations = sum(cost["operations"].values())
    reading_ms = cost["weight_bytes"] / (profile["peak_gbytes_per_s"] * 1e6)
    computing_ms = operations / (profile["peak_gflops"] * 1e6)
    figures = (
        f"reading {megabytes(cost['weight_bytes'])} of weights takes {ms(reading_ms)} at "
        f"{profile['peak_gbytes_per_s']:.3g} GB/s, {operations / 1e9:.3g} billion operations {ms(computing_ms)} at "
        f"{profile['peak_gflops']:.3g} billion a second, the most that this host reaches in fp32"
    )
    if reading_ms > computing_ms:
        yield (
            f"At batch 1 memory sets the pace unless the weights stay in a cache: {figures}. Fewer bits per weight or "
            "a larger batch help; fewer operations alone do not."
        )
    elif step(result, "weight-bits") and computing_ms > CLEARLY * reading_ms and not _any_faster(result):
        yield (
            f"At batch 1 computing sets the pace, so smaller weights alone save no time: {figures}. int8-dynamic or "
            "fewer neurons (prune-neurons) make the computing cheaper."
        )


def overhead(result: Facts, graph: GraphFacts) -> Iterator[str]:
    """Calls so short that what happens around the operators dominates."""
    profile = _profile(result)
    entry = _profiled(result, profile) if profile else None
    if profile is None or entry is None or entry["p50_ms"] >= SHORT_MS:
        return
    outside = entry["p50_ms"] - profile["variant_total_ms"]
    if outside < LARGE_OVERHEAD * entry["p50_ms"]:
        return
    threads = profile["threads"]
    advice = "A larger batch shares it" + (", and one thread may do as well." if threads > 1 else ".")
    yield (
        f"{ms(outside)} of the {ms(entry['p50_ms'])} that a call takes {at(entry, result)} pass outside of operators, "
        f"in starting the call and its {threads} thread{'s' if threads > 1 else ''}: no compression makes that "
        f"shorter. {advice}"
    )


def little_to_gain(result: Facts, graph: GraphFacts) -> Iterator[str]:
    """A baseline that spends its time elsewhere than in the products that compression makes cheaper (Amdahl's law)."""
    profile = _profile(result)
    if not profile or step(result, *STRUCTURAL) or _any_faster(result):
        return
    times, total = operator_ms(profile, "baseline"), profile["baseline_total_ms"]
    products = _products_ms(times)
    if not times or products > SMALL_PRODUCTS * total:
        return
    others = {name: value for name, value in times.items() if name not in PRODUCTS and name != "other"}
    yield (
        f"Products are {products / total:.0%} of the {ms(total)} that the baseline's operators take at batch "
        f"{profile['batch']}: were they free, it would be {total / (total - products):.2f} times as fast. The rest is "
        f"{slowest(others)}. A student with fewer layers (distill-student) has less of all."
    )


def noise(result: Facts, graph: GraphFacts) -> Iterator[str]:
    """Timings that were disturbed."""
    noisy = [entry for entry in result["latency"] if entry["kind"] == "measured" and entry["noisy"]]
    if noisy:
        named = [f"{entry['target']} {at(entry, result)}" for entry in noisy]
        more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
        where = ", ".join(named[:MOST_NAMED]) + more
        yield f"Noisy timing for {where}: {noisy[0]['noise_reason']}. Measure again on a quiet machine."


def _products_ms(times: dict[str, float]) -> float:
    return sum(value for name, value in times.items() if name in PRODUCTS)


def _mostly_convolutions(result: Facts) -> bool:
    times = operator_ms(result["profile"], "baseline") if result.get("profile") else {}
    return sum(value for name, value in times.items() if "Conv" in name) > _products_ms(times) / 2


def _any_faster(result: Facts) -> bool:
    return any(entry["speedup"] >= FASTER for entry in measured(result) if entry["target"] == TARGET)


def _profile(result: Facts) -> Facts | None:
    """The profile by operator, which is of the processor: it explains nothing where only other targets were timed."""
    profile: Facts | None = result.get("profile")
    return profile if any(entry["target"] == TARGET for entry in result["latency"]) else None


def _profiled(result: Facts, profile: Facts) -> Facts | None:
    """The latency at the profile's shape."""
    shape = profile["batch"], profile["sequence"]
    fitting = (e for e in measured(result) if e["target"] == TARGET and (e["batch"], e["sequence"]) == shape)
    return next((entry for entry in fitting if entry.get("lengths") != "real"), None)


def _ratio(entry: Facts) -> str:
    return f"{entry['speedup']:.2f} ({entry['speedup_low']:.2f} to {entry['speedup_high']:.2f})"
