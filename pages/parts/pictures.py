"""In which format the camera button of every chart saves it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from explorer.charts import PICTURE_FORMATS, PictureFormat, config
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


def chart_config(**more: Any) -> dict[str, Any]:
    """The configuration of a chart, with the format that was chosen."""
    return config(chosen(), **more)
