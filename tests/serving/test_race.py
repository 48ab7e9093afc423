"""The race by a clock of its own: who gets ahead, when it ends, what it counts."""

import pytest

from explorer.serving.race import TURN_SECONDS, Race


class Track:
    """Two models of 2 and 8 milliseconds, and the order in which they were asked."""

    def __init__(self, answers=(0, 1, 2), other=(0, 1, 1)):
        self.now, self.asked = 0.0, []
        self.calls = {
            "baseline": [self.call("baseline", 0.008, answer) for answer in answers],
            "variant": [self.call("variant", 0.002, answer) for answer in other],
        }

    def call(self, name, seconds, answer):
        def run():
            self.now += seconds
            self.asked.append(name)
            return answer

        return run

    def race(self, requests):
        race = Race(self.calls, requests, clock=lambda: self.now)
        self.asked.clear()
        return race


def test_both_move_and_the_faster_gets_ahead():
    track = Track()
    race = track.race(1000)
    race.step()
    tallies = race.standing()["tallies"]
    assert tallies["baseline"] == {"requests": 7, "seconds": pytest.approx(0.056)}
    assert tallies["variant"] == {"requests": 25, "seconds": pytest.approx(0.05)}
    assert all(tally["seconds"] < 2 * TURN_SECONDS for tally in tallies.values())


def test_who_begins_changes_every_time():
    track, first = Track(), []
    race = track.race(1000)
    for _ in range(4):
        track.asked.clear()
        race.step()
        first.append(track.asked[0])
    assert first == ["variant", "baseline", "variant", "baseline"]


def test_it_ends_when_both_are_through():
    track = Track()
    race = track.race(60)
    steps = 0
    while race.state == "running":
        race.step()
        steps += 1
    standing = race.standing()
    assert standing["state"] == "done" and steps == 9
    assert standing["tallies"]["baseline"] == {"requests": 60, "seconds": pytest.approx(0.48)}
    assert standing["tallies"]["variant"] == {"requests": 60, "seconds": pytest.approx(0.12)}
    assert (track.asked.count("baseline"), track.asked.count("variant")) == (60, 60)


def test_the_same_answers_are_counted_once_per_input():
    race = Track().race(60)
    while race.state == "running":
        race.step()
    assert (race.standing()["same"], race.standing()["inputs"]) == (2, 3)


def test_no_answer_is_not_the_same_answer():
    race = Track(answers=(-1, 1), other=(-1, 1)).race(60)
    race.step()
    assert (race.standing()["same"], race.standing()["inputs"]) == (1, 2)


def test_a_stopped_race_keeps_its_totals():
    race = Track().race(1000)
    race.step()
    race.stop()
    assert race.standing()["state"] == "stopped"
    assert race.standing()["tallies"]["variant"]["requests"] == 25


def test_a_race_that_is_done_cannot_be_stopped():
    race = Track().race(1)
    race.step()
    race.stop()
    assert race.standing()["state"] == "done"
