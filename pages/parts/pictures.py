"""Charts on a page, and in which format their camera buttons save them."""

from __future__ import annotations

from typing import Any

import streamlit as st
from plotly.graph_objects import Figure

from explorer.charts import PICTURE_FORMATS, PictureFormat, add_credit, config, file_name
from explorer.texts import t

KEY = "picture-format"


def choice() -> None:
    """PNG or SVG, for all charts of the session."""
    st.segmented_control(
        t("pictures.format"),
        PICTURE_FORMATS,
        default=PICTURE_FORMATS[0],
        key=KEY,
        format_func=str.upper,
        required=True,
        persist_state="session",
        help=t("pictures.format.help"),
    )


def chosen() -> PictureFormat:
    """The format that was chosen."""
    form: PictureFormat = st.session_state.get(KEY) or PICTURE_FORMATS[0]
    return form


def draw(
    figure: Figure, alt: str, key: str, buttons: dict[str, Any] | None = None, credit: str = "", **more: Any
) -> None:
    """Draw a chart, which screen readers call ``alt``; ``buttons`` change its configuration.

    ``credit`` stands on its saved picture only: on the page the caption says it.
    """
    if credit:
        place = add_credit(figure, credit)
        st.html(f'<style>.st-key-{key} .annotation[data-index="{place}"] {{ display: none; }}</style>')
    if more.get("selection_mode") == "box":  # as Streamlit sets it anyway, for which it would draw everything once more
        figure.update_layout(dragmode="select", clickmode="event")
    settings = config(chosen(), file_name(figure), **(buttons or {}))
    st.plotly_chart(figure, theme=None, config=settings, alt=alt, key=key, **more)
