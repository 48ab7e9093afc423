"""Present: a story in large type, step by step, and the place where stories are made."""

from explorer.texts import t
from pages.parts import data, empty, page, presenting, story_editor

with page.start("present"):
    if presenting.asked():
        presenting.show()
    elif not data.finished():
        empty.box(t("present.empty"), "compress")
    else:
        story_editor.edit()
