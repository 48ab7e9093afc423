"""Trade-offs: every variant as a point, the front as a line; a click opens the variant's details."""

from explorer.texts import t
from pages.parts import budgeting, data, empty, filters, page, panels, views

with page.start("trade_offs"):
    rows = data.variants()
    if rows:
        view = budgeting.controls(rows, filters.controls(rows))
        filters.remember(view)
        panels.draw(rows, view)
        views.section(rows, view)
    else:
        empty.box(t("trade_offs.empty"), "compress")
