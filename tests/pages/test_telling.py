"""What goes wrong in a button's callback is told, and what stands on the page stays."""

from dataclasses import replace

import pytest

from explorer import housekeeping, jobs
from explorer.errors import BadInput
from tests.pages.conftest import button
from tests.support.sample_results import sample_runs, write_runs


@pytest.fixture
def refuse(monkeypatch):
    """Have a function of the engine say that it cannot."""

    def refused(module, name):
        def refuses(*given, **more):
            raise BadInput("It [cannot] be done.")

        monkeypatch.setattr(module, name, refuses)

    return refused


@pytest.mark.parametrize(
    ("label", "function", "state"),
    [
        ("Retry", "retry", "failed"),
        ("Cancel", "cancel", "running"),
        ("First", "move", "queued"),
        ("Pause", "pause", "queued"),
    ],
)
def test_of_a_runs_buttons(open_page, place, refuse, label, function, state):
    write_runs(place / "home" / "runs", [replace(sample_runs(2)[1], state=state, result=None)])
    refuse(jobs, function)
    app = open_page("2_Runs")
    button(app, label).click().run()
    assert [toast.value for toast in app.toast] == ["It \\[cannot\\] be done."]
    assert app.title[0].value == "Runs" and not app.exception
    app.run()
    assert not app.toast, "it is told once"


def test_of_the_disks_buttons(open_page, place, own, refuse):
    kept = place / "home" / "cache" / "prefixes" / "kept"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"1" * 1000)
    refuse(housekeeping, "empty_cache")
    app = open_page("2_Runs", disk=True)
    button(app, "Empty the cache").click().run()
    assert [toast.value for toast in app.toast] == ["It \\[cannot\\] be done."]
    assert app.title[0].value == "Runs"
