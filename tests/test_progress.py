"""A whole run's progress: it only grows from stage to stage, and training counts where there is some."""

from datetime import UTC, datetime

import pytest

from explorer.labels import trains
from explorer.progress import elapsed_s, left_s, overall

ORDER = ("load", "apply", "train", "export", "evaluate", "measure")


@pytest.mark.parametrize("with_training", [True, False])
def test_it_grows_from_the_first_stage_to_the_last(with_training):
    given = [(stage, fraction) for stage in ORDER for fraction in (None, 0.5, 1.0)]
    shares = [share for stage, fraction in given if (share := overall(stage, fraction, with_training)) is not None]
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] == 1


def test_training_takes_most_of_it_where_there_is_some():
    assert overall("export", 0, trains=True) == 0.5
    assert overall("export", 0, trains=False) == pytest.approx(1 / 7)
    assert overall("train", 0.5, trains=False) is None, "nothing trains there"


@pytest.mark.parametrize("stage", ["wait", None, "dance"])
def test_a_stage_that_says_nothing_has_none(stage):
    assert overall(stage, None, trains=True) is None


def test_a_recipe_that_trains_is_told_by_its_steps():
    for name, expected in {"prune-gradual": True, "fine-tune": True, "int8-dynamic": False, "gone": False}.items():
        assert trains({"steps": [{"technique": name}]}) is expected
    assert not trains({})


def test_elapsed_time():
    now = datetime(2026, 11, 20, 10, 1, tzinfo=UTC)
    assert elapsed_s("2026-11-20T10:00:00+00:00", now) == 60
    assert elapsed_s("2026-11-20T10:02:00+00:00", now) == 0, "clocks may differ a little"
    assert elapsed_s(None) is None


@pytest.mark.parametrize(
    ("expected", "since", "stage_left", "left"),
    [
        (60.0, 20.0, None, 40.0),
        (60.0, 20.0, 15.0, 40.0),
        (60.0, 55.0, 15.0, 15.0),  # training alone takes longer
        (60.0, 70.0, 15.0, 15.0),
        (60.0, 70.0, None, None),  # longer than any like it: nobody knows
        (None, 20.0, 15.0, None),
        (60.0, None, None, None),
    ],
)
def test_what_is_left_of_the_whole_run(expected, since, stage_left, left):
    assert left_s(expected, since, stage_left) == left
