"""Small tables of words and figures: the first column to the left, figures to the right, notes in grey."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from explorer.comparison import TableRow
from pages.parts.page import safe


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], figures: Sequence[int]) -> None:
    """Draw ``rows`` under ``columns``; the columns numbered in ``figures`` stand to the right."""
    _draw(columns, [[safe(cell) for cell in row] for row in rows], figures)


def fact_table(columns: Sequence[str], rows: Sequence[TableRow]) -> None:
    """Draw facts in groups, one column per variant."""
    figures = range(1, len(columns))
    _draw(columns, [_cells(row, len(figures)) for row in rows], figures)


def _cells(row: TableRow, count: int) -> list[str]:
    if not row.cells:
        return [f"**{safe(row.name)}**", *[""] * count]
    return [_noted(value, note) for value, note in ((row.name, row.note), *row.cells)]


def _noted(value: str, note: str) -> str:
    return f"{safe(value)} :gray[{safe(note)}]" if note else safe(value)


def _draw(columns: Sequence[str], rows: Sequence[Sequence[str]], figures: Sequence[int]) -> None:
    rule = ["--:" if place in figures else "---" for place in range(len(columns))]
    lines = [[safe(column) for column in columns], rule, *rows]
    st.markdown("\n".join("| " + " | ".join(line) + " |" for line in lines))
