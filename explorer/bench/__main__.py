"""Prints the table: ``python -m explorer.bench``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

from explorer import bench
from explorer.bench.dashboard import dashboard, exploring, first_compression
from explorer.bench.latency import agreement, repeatability
from explorer.bench.row import Row
from explorer.bench.scale import scale
from explorer.bench.working import click_to_point, memory, sweep, training, warm_start

PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    "dashboard": dashboard,
    "exploring": exploring,
    "first-compression": first_compression,
    "scale": scale,
    "click-to-point": click_to_point,
    "warm-start": warm_start,
    "sweep": sweep,
    "memory": memory,
    "training": training,
    "agreement": agreement,
    "repeatability": repeatability,
}


def main() -> None:
    """Measure the chosen parts."""
    parser = argparse.ArgumentParser(
        prog="python -m explorer.bench", description=bench.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=list(PARTS), action="append", help="measure this part only")
    chosen = parser.parse_args().only or list(PARTS)
    for name in chosen:
        for row in PARTS[name]():
            print(f"{row.what:<60} {row.value:>20}   {row.goal}", flush=True)


if __name__ == "__main__":
    main()
