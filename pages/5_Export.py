"""Export: take one variant away as a bundle that runs by itself, or the results of several."""

from explorer.texts import t
from pages.parts import data, empty, exporting, exporting_several, page

with page.start("export"):
    if not data.finished():
        empty.box(t("export.empty"), "compress")
    else:
        row = exporting.one_variant()
        exporting_several.section()
        exporting.elsewhere(row)
