"""What is remembered for as long as it is made of the very same things."""

from __future__ import annotations

from explorer.latest import Latest


def test_the_same_things_give_the_same_value_until_others_push_it_out() -> None:
    latest: Latest[list[int]] = Latest(2)
    one, two, three = [1], [2], [3]
    first = latest.of((one,), "a", lambda: [10])
    assert latest.of((one,), "a", lambda: [11]) is first
    assert latest.of((one,), "b", lambda: [12]) == [12]
    assert latest.of((two,), "a", lambda: [13]) == [13]
    assert latest.of((one,), "a", lambda: [14]) == [14], "two are kept, and two others came after it"
    assert latest.of((three,), "a", lambda: [15]) == [15]


def test_equal_lists_are_not_the_same_list() -> None:
    latest: Latest[int] = Latest()
    assert latest.of(([1],), None, lambda: 1) == 1
    assert latest.of(([1],), None, lambda: 2) == 2
