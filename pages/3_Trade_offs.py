"""Trade-offs: every variant as a point, the front as a line; a click opens the variant's details."""

from explorer.texts import t
from pages.parts import data, empty, filters, page, tradeoffs

with page.start("trade_offs"):
    rows = data.variants()
    if rows:
        tradeoffs.panels(rows, filters.controls(rows))
    else:
        empty.box(t("trade_offs.empty"), "compress")
