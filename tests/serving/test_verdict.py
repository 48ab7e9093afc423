"""What a race found, said beside the measurement and never against it in silence."""

import re

import pytest

from explorer.serving.client import Agreement, Answer, Standing, Tally
from explorer.serving.verdict import answer_ratio, disagreement, race_ratio, race_sentence

TARGET = "cpu-onnxruntime"


def standing(baseline_s=10.0, variant_s=4.0, requests=1000, state="done"):
    return Standing(state, requests, (Tally(requests, baseline_s), Tally(requests, variant_s)), (Agreement(200, 196),))


def result(speedup=2.5, low=2.4, high=2.6, kind="image", **more):
    entry = {"target": TARGET, "batch": 1, "sequence": 32, "speedup": speedup, "noisy": False}
    return {"kind": kind, "latency": [{**entry, "speedup_low": low, "speedup_high": high, **more}]}


def contradicts(race, measurement, target=TARGET):
    """What a race is said to differ in from a measurement."""
    return disagreement([("Ours", race_ratio(race), measurement)], target, "race")


def test_the_faster_one_is_named():
    assert race_sentence(standing()) == (
        "The compressed model was 2.5 times as fast, with 250 against 100 requests per second. "
        "They agreed on 196 of 200 inputs."
    )


def test_a_slower_one_is_named_too():
    assert race_sentence(standing(variant_s=20.0)).startswith("The compressed model was 2.0 times slower, with 50.0")


@pytest.mark.parametrize(
    ("variant_s", "ratio"), [(10 / 1.96, "1.9"), (10 / 9.96, "9.9"), (10 / 2.5, "2.5"), (0.09, "110")]
)
def test_a_gain_is_cut(variant_s, ratio):
    assert f"was {ratio} times as fast" in race_sentence(standing(variant_s=variant_s))


@pytest.mark.parametrize(("variant_s", "ratio"), [(19.1, "2.0"), (20.1, "2.1"), (99.1, "10"), (1001.0, "110")])
def test_a_loss_is_rounded_up(variant_s, ratio):
    assert f"was {ratio} times slower" in race_sentence(standing(variant_s=variant_s))


def test_a_gain_that_two_digits_do_not_show_is_slight():
    assert race_sentence(standing(variant_s=9.3)).startswith("The compressed model was slightly faster, with ")


def test_rates_are_cut_for_the_variant_and_rounded_up_for_the_baseline():
    assert "with 332 against 143 requests per second" in race_sentence(standing(baseline_s=7.03, variant_s=3.0045))


@pytest.mark.parametrize("seconds", [9.7, 10.0])
def test_a_gain_that_is_hardly_one_is_none(seconds):
    assert race_sentence(standing(variant_s=seconds)).startswith("Both were about equally fast")


@pytest.mark.parametrize(("seconds", "rate"), [(10.01, "99.9"), (10.3, "97.0"), (10.49, "95.3")])
def test_a_small_loss_is_no_tie(seconds, rate):
    assert race_sentence(standing(variant_s=seconds)).startswith(
        f"The compressed model was slightly slower, with {rate} against 100 requests per second."
    )


def test_one_that_never_answered_is_not_judged():
    early = Standing("stopped", 1000, (Tally(0, 0.0), Tally(25, 0.05)), (Agreement(0, 0),))
    assert race_sentence(early) == "" and contradicts(early, result()) == ""


@pytest.mark.parametrize("variant_s", [4.0, 3.6, 4.5])
def test_a_race_near_the_interval_agrees(variant_s):
    assert contradicts(standing(variant_s=variant_s), result()) == ""


def test_a_race_far_from_the_interval_is_said_to_differ():
    assert contradicts(standing(variant_s=8.0), result()) == (
        "Race and measurement differ: Ours was measured at 2.50 times the baseline’s speed (95 % interval 2.40 to "
        "2.60), against 1.25 times in the race. Rely on the measurement, which had the machine to itself."
    )


def test_lengths_of_texts_are_named():
    assert "its texts were 32 tokens long" in contradicts(standing(variant_s=8.0), result(kind="text"))


def test_faster_in_the_race_but_no_faster_when_measured():
    assert contradicts(standing(variant_s=9.3), result(speedup=1.0, low=0.98, high=1.02)) != ""
    assert contradicts(standing(variant_s=9.9), result(speedup=1.0, low=0.98, high=1.02)) == ""


def test_slower_in_the_race_but_faster_when_measured():
    assert contradicts(standing(variant_s=10.4), result(speedup=1.05, low=1.01, high=1.09)) != ""


@pytest.mark.parametrize(
    "more", [{"noisy": True}, {"speedup_low": None}, {"speedup": None}, {"batch": 8}, {"target": "cpu-torch"}]
)
def test_without_a_sound_measurement_there_is_nothing_to_differ_from(more):
    assert contradicts(standing(variant_s=8.0), result(**more)) == ""


def test_a_race_is_held_against_the_measurement_on_its_own_target():
    elsewhere = result(target="cpu-openvino")
    assert contradicts(standing(variant_s=8.0), elsewhere, "cpu-openvino") != ""
    assert contradicts(standing(variant_s=8.0), elsewhere) == ""


def test_each_variant_has_its_sentence():
    tallies = Tally(1000, 10.0), Tally(1000, 4.0), Tally(1000, 20.0)
    race = Standing("done", 1000, tallies, (Agreement(200, 196), Agreement(200, 200)))
    assert "2.5 times as fast" in race_sentence(race, 0) and "196 of 200" in race_sentence(race, 0)
    assert "2.0 times slower" in race_sentence(race, 1) and "200 of 200" in race_sentence(race, 1)


def test_times_of_answers_are_held_against_the_measurement_too():
    baseline, variant = Answer((0.2, 0.8), 4.0, 15), Answer((0.3, 0.7), 3.2, 15)
    assert answer_ratio(baseline, variant) == 1.25
    assert disagreement([("Ours", 1.25, result())], TARGET, "answers") == (
        "These times and the measurement differ: Ours was measured at 2.50 times the baseline’s speed (95 % interval "
        "2.40 to 2.60), against 1.25 times for this input. Rely on the measurement, which had the machine to itself."
    )
    assert "this one has its own length" in disagreement([("Ours", 1.25, result(kind="text"))], TARGET, "answers")
    assert disagreement([("Ours", 2.5, result())], TARGET, "answers") == ""


def test_several_that_differ_share_one_sentence_and_those_that_agree_are_not_in_it():
    variants = [("A", 1.25, result(kind="text")), ("B", 2.5, result(kind="text"))]
    variants += [("C", 3.5, result(kind="text", sequence=64)), ("D", None, result(kind="text"))]
    said = disagreement(variants, TARGET, "answers")
    assert re.findall(r"([A-D]) was measured at [^;]*, against ([\d.]+) times", said) == [("A", "1.25"), ("C", "3.50")]
    assert said.count("differ") == said.count("Rely on the measurement") == 1
    assert "its texts were 32 and 64 tokens long" in said


def test_who_gave_no_answer_has_no_speed():
    assert answer_ratio(Answer((), 4.0, 15), Answer((0.3, 0.7), 3.2, 15)) is None
    assert answer_ratio(Answer((0.2, 0.8), 4.0, 15), Answer((), 3.2, 15)) is None
    assert disagreement([("Ours", None, result())], TARGET, "answers") == ""


def test_what_is_left_of_a_race_is_what_all_of_them_have_left():
    def left_s(*tallies):
        return Standing("running", 1000, tallies, ()).left_s

    # 500 at 100 per second, nothing, 100 at 25 per second: they take turns
    assert left_s(Tally(500, 5.0), Tally(1000, 4.0), Tally(900, 36.0)) == 9.0
    assert left_s(Tally(500, 5.0), Tally(0, 0.0)) is None, "it has no rate yet"
    assert left_s(Tally(1000, 5.0), Tally(1000, 4.0)) == 0


def test_those_that_are_through_arrive_in_the_order_of_their_times():
    tallies = (Tally(1000, 10.0), Tally(1000, 4.0), Tally(999, 1.0), Tally(1000, 12.0))
    assert Standing("stopped", 1000, tallies, ()).arrived == [1, 0, 3]
    assert standing(requests=1000).arrived == [1, 0]
