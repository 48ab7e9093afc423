"""Trade-offs: every variant as a point, the front as a line; a click opens the variant's details."""

from explorer.texts import t
from pages.parts import budgeting, data, empty, filters, page, panels, views

with page.start("trade_offs"):
    rows = data.variants()
    if rows:
        view = filters.controls(rows)
        budget = budgeting.controls(rows, view)
        panels.draw(rows, view, budget)
        views.section(view.rows(rows, view.devices[0]), budget, view)
    else:
        empty.box(t("trade_offs.empty"), "compress")
