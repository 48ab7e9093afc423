"""Why the file is not smaller."""

from __future__ import annotations

from collections.abc import Iterator

from explorer.measure.findings.graph import GraphFacts
from explorer.measure.findings.words import Facts, listed, megabytes, most, steps

SHRANK = 0.02
MANY_ZEROS = 0.05
LARGE_SHARE = 0.4
FEW_VALUED_SHARE = 0.1
PART_ONLY = 0.6
PACKED_BITS = (2, 4, 8)


def zeros(result: Facts, graph: GraphFacts) -> Iterator[str]:
    """Sparsity that the file does not use."""
    size, baseline = result["size"], result["baseline_size"]
    share = 1 - size["nonzero_parameters"] / max(1, size["parameters"])
    if share < MANY_ZEROS or size["file_bytes"] < (1 - SHRANK) * baseline["file_bytes"]:
        return
    sentence = (
        f"{share:.0%} of the parameters are zero, but the file is {megabytes(size['file_bytes'])} against "
        f"{megabytes(baseline['file_bytes'])} of the baseline: zeros are stored as ordinary numbers."
    )
    if size["zipped_bytes"] < (1 - SHRANK) * baseline["zipped_bytes"]:
        zipped, before = megabytes(size["zipped_bytes"]), megabytes(baseline["zipped_bytes"])
        sentence += f" Zipped, it is {zipped} against {before}."
    yield sentence + " To make the file itself smaller, remove whole neurons (prune-neurons) or use fewer bits."


def wide_values(result: Facts, graph: GraphFacts) -> Iterator[str]:
    """Weights rounded to few values that are still stored as floats (fake quantization)."""
    few, total = graph.few_valued, result["size"]["file_bytes"]
    if few is None or few.stored_bytes < FEW_VALUED_SHARE * total:
        return
    packed = next((bits for bits in PACKED_BITS if bits >= few.bits), PACKED_BITS[-1])
    where = "in all" if few.unit == "weight" else f"in a {few.unit}"
    yield (
        f"{few.weights} weights with {megabytes(few.stored_bytes)} of the {megabytes(total)} hold at most {few.values} "
        f"different values {where}, which {few.bits} bits tell apart, but each is stored in {few.stored_bits} bits. "
        f"weight-bits with {packed} bits stores them packed."
    )


def unstorable_bits(result: Facts, graph: GraphFacts) -> Iterator[str]:
    """A bit-width that no runtime stores, so that the next one was taken."""
    packed = {bits: count for bits, count in graph.parameters_by_bits.items() if bits <= PACKED_BITS[-1]}
    for step in steps(result):
        asked = step.get("bits")
        if not isinstance(asked, int) or not packed or asked in packed:
            continue
        stored = min((bits for bits in packed if bits > asked), default=None)
        if stored is not None:
            count = packed[stored]
            taken, hoped = megabytes(count * stored / 8), megabytes(count * asked / 8)
            yield (
                f"{step['technique']} rounds weights to {asked} bits, but {count:,} of them are stored in {stored} "
                f"bits each ({taken} instead of {hoped}): no runtime here stores {asked}. With {stored} bits the file "
                "is as large and the values are finer."
            )


def part_only(result: Facts, graph: GraphFacts) -> Iterator[str]:
    """Size that hardly changes because most of the bytes were left alone."""
    profile = result.get("profile")
    rows = [row for row in profile["by_layer"] if row["baseline_bytes"]] if profile else []
    before = {row["name"]: row["baseline_bytes"] for row in rows}
    after = {row["name"]: row["variant_bytes"] or 0 for row in rows}
    smaller = [name for name in before if after[name] < (1 - SHRANK) * before[name]]
    share = sum(before[name] for name in smaller) / max(1, sum(before.values()))
    if not smaller or share > PART_ONLY:
        return
    left = {name: float(after[name]) for name in before if name not in smaller}
    largest = listed(f"{name} ({megabytes(left[name])})" for name in most(left, 2))
    saved = 1 - sum(after[name] for name in smaller) / sum(before[name] for name in smaller)
    yield (
        f"Only layers with {share:.0%} of the bytes were made smaller, by {saved:.0%}; {largest} kept their size. "
        "A step that reaches these too makes the rest of the file smaller."
    )


def embeddings(result: Facts, graph: GraphFacts) -> Iterator[str]:
    """Embedding tables that dominate the file."""
    total, tables = result["size"]["file_bytes"], graph.embedding_bytes
    if tables >= LARGE_SHARE * total:
        yield (
            f"Embedding tables are {tables / total:.0%} of the file ({tables / 1e6:.3g} of {total / 1e6:.3g} MB): "
            "what leaves them alone cannot make it much smaller."
        )
