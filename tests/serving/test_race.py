"""The race by a clock of its own: who gets ahead, when it ends, what it counts."""

import itertools
from collections import Counter

import pytest

from explorer.serving.race import TURN_SECONDS, Race


class Track:
    """Two models of 2 and 8 milliseconds, and the order in which they were asked."""

    def __init__(self, answers=(0, 1, 2), other=(0, 1, 1)):
        self.now, self.asked = 0.0, []
        self.calls = [
            [self.call("baseline", 0.008, answer) for answer in answers],
            [self.call("variant", 0.002, answer) for answer in other],
        ]

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
    assert tallies[0] == {"requests": 7, "seconds": pytest.approx(0.056)}
    assert tallies[1] == {"requests": 25, "seconds": pytest.approx(0.05)}
    assert all(tally["seconds"] < 2 * TURN_SECONDS for tally in tallies)


def test_everybody_takes_every_place_about_equally_often():
    track = Track()
    track.calls.append([track.call("other", 0.004, 0)])
    race, rounds, places = track.race(100_000), 300, Counter()
    for _ in range(rounds):
        track.asked.clear()
        race.step()
        order = list(dict.fromkeys(track.asked))
        places.update(enumerate(order))
        places.update(itertools.pairwise(order))
    assert all(places[place, name] == pytest.approx(rounds / 3, rel=0.25) for place in range(3) for name in set(order))
    follows = [places[pair] for pair in itertools.permutations(set(order), 2)]
    assert follows == [pytest.approx(rounds / 3, rel=0.25)] * 6


def test_each_variant_is_held_against_the_baseline():
    track = Track()
    track.calls.append([track.call("other", 0.004, answer) for answer in (0, 1, 2)])
    race = track.race(60)
    while race.state == "running":
        race.step()
    standing = race.standing()
    assert [tally["requests"] for tally in standing["tallies"]] == [60, 60, 60]
    assert standing["agreements"] == [{"inputs": 3, "same": 2}, {"inputs": 3, "same": 3}]


def test_it_ends_when_both_are_through():
    track = Track()
    race = track.race(60)
    steps = 0
    while race.state == "running":
        race.step()
        steps += 1
    standing = race.standing()
    assert standing["state"] == "done" and steps == 9
    assert standing["tallies"][0] == {"requests": 60, "seconds": pytest.approx(0.48)}
    assert standing["tallies"][1] == {"requests": 60, "seconds": pytest.approx(0.12)}
    assert (track.asked.count("baseline"), track.asked.count("variant")) == (60, 60)


def test_the_same_answers_are_counted_once_per_input():
    race = Track().race(60)
    while race.state == "running":
        race.step()
    assert race.standing()["agreements"] == [{"inputs": 3, "same": 2}]


def test_no_answer_is_not_the_same_answer():
    race = Track(answers=(-1, 1), other=(-1, 1)).race(60)
    race.step()
    assert race.standing()["agreements"] == [{"inputs": 2, "same": 1}]


def test_a_stopped_race_keeps_its_totals():
    race = Track().race(1000)
    race.step()
    race.stop()
    assert race.standing()["state"] == "stopped"
    assert race.standing()["tallies"][1]["requests"] == 25


def test_a_race_that_is_done_cannot_be_stopped():
    race = Track().race(1)
    race.step()
    race.stop()
    assert race.standing()["state"] == "done"
