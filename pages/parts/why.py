"""Why a variant is not smaller or faster: findings in words, then where its time and its bytes go."""

from __future__ import annotations

import streamlit as st

from explorer.charts import peak_words, profile_figure, profile_info
from explorer.store import RunRow
from explorer.texts import t
from explorer.texts.sentences import sentence
from pages.parts.page import safe, theme
from pages.parts.pictures import draw


def section(row: RunRow) -> None:
    """The findings of a finished run and, where it was profiled, the charts behind them."""
    result = row.result or {}
    findings = result.get("findings") or [t("why.nothing")]
    st.markdown(f"**{t('why.title')}**")
    st.markdown("\n".join(f"- {safe(sentence(finding))}" for finding in findings))
    if result.get("profile"):
        _profile(row.run, result)


def _profile(run: str, result: dict) -> None:
    """Drawn only while it is open: three charts are much to send for a closed box."""
    box = st.expander(t("why.where"), key=f"why-{run}", on_change="rerun")
    if not box.open:
        return
    with box:
        for info in profile_info(result):
            figure = profile_figure(info, theme())
            alt = f"{info.title}. {info.subtitle}"
            draw(figure, alt, f"why-{info.key}-{run}")
        st.caption(safe(f"{peak_words(result['profile'])} {t('profile.note')}".strip()))
