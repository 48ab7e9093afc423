"""What environment variables may say."""

import pytest

from explorer import settings
from explorer.errors import BadInput
from explorer.jobs.engine import check_settings


@pytest.mark.parametrize(("given", "found"), [(None, 2.0), ("", 2.0), ("0.5", 0.5), ("3", 3.0)])
def test_a_number_or_the_usual_one(monkeypatch, given, found) -> None:
    monkeypatch.delenv("EXPLORER_QUOTA_GB", raising=False)
    if given is not None:
        monkeypatch.setenv("EXPLORER_QUOTA_GB", given)
    assert settings.number("EXPLORER_QUOTA_GB", 2.0) == found


@pytest.mark.parametrize("given", ["abc", "-1", "nan", "inf"])
def test_anything_else_is_one_sentence(monkeypatch, given) -> None:
    monkeypatch.setenv("EXPLORER_QUOTA_GB", given)
    with pytest.raises(BadInput, match=f"EXPLORER_QUOTA_GB is '{given}'; expected is a number of at least 0"):
        settings.number("EXPLORER_QUOTA_GB", 2.0)


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("EXPLORER_ENGINE", "rya", "EXPLORER_ENGINE is 'rya'; expected is one of local, ray"),
        ("EXPLORER_JOBS", "many", "EXPLORER_JOBS is 'many'; expected is a number of at least 1"),
        ("EXPLORER_JOBS", "0", "EXPLORER_JOBS is '0'"),
        ("EXPLORER_SPARE_S", "-3", "EXPLORER_SPARE_S is '-3'"),
    ],
)
def test_no_run_waits_for_a_supervisor_that_cannot_start(monkeypatch, name, given, words) -> None:
    monkeypatch.setenv(name, given)
    with pytest.raises(BadInput, match=words):
        check_settings()
