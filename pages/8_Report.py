"""Report: chosen variants in one file for people who do not have this program."""

from explorer.report import FEWEST
from explorer.texts import t
from pages.parts import data, empty, page, reporting

with page.start("report"):
    if not data.finished():
        empty.box(t("report.empty"), "compress")
    else:
        rows = reporting.picker()
        if len(rows) < FEWEST:
            empty.box(t("report.few"), "trade_offs", example=False)
        else:
            reporting.report(rows)
