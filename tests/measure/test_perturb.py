import numpy as np
import pytest

from explorer.measure.perturb import CONDITIONS, NEIGHBOURS, NOISE_STD, perturbed, with_noise, with_typos

TEXTS = [
    "I love this phone, but its battery is a joke!",
    "@someone WHY is the train late again? It is the third time this week and nobody says a word about it",
    "a",
    "ok",
    "sooooooooooooooooooooooooooooooooooooooo",
    "Ärger mit dem Zug, schon wieder; большое спасибо за ничего",
    "日本語のツイートも読めますか",
    "...!?",
    "",
]


def letters(text):
    return sum(sign.isalpha() for sign in text)


def edits(one, other):
    """Damerau's distance: letters put in, left out, replaced, or swapped with their neighbour."""
    rows = {(-1, -1): 0}
    for i in range(-1, len(one)):
        for j in range(-1, len(other)):
            if i < 0 or j < 0:
                rows[i, j] = i + j + 2
                continue
            same = one[i] == other[j]
            rows[i, j] = min(rows[i - 1, j] + 1, rows[i, j - 1] + 1, rows[i - 1, j - 1] + (not same))
            if i > 0 and j > 0 and one[i] == other[j - 1] and one[i - 1] == other[j]:
                rows[i, j] = min(rows[i, j], rows[i - 2, j - 2] + 1)
    return rows[len(one) - 1, len(other) - 1]


@pytest.mark.parametrize("seed", range(5))
def test_every_text_with_letters_gets_about_one_error_in_15_letters(seed):
    for text, changed in zip(TEXTS, perturbed(TEXTS, seed), strict=True):
        allowed = max(1, round(letters(text) / 15)) if letters(text) else 0
        assert edits(text, changed) <= allowed
        assert (changed != text) == (letters(text) > 0)


def test_the_share_of_errors_over_many_texts():
    dice = np.random.default_rng(0)
    texts = ["".join(dice.choice(list("abcdefghijklmnopqrstuvwxyz    "), 120)) for _ in range(60)]
    count = sum(edits(text, changed) for text, changed in zip(texts, perturbed(texts, 0), strict=True))
    assert count / sum(map(letters, texts)) == pytest.approx(1 / 15, rel=0.05)


def test_each_kind_of_error_happens():
    text = "the quick brown fox jumps over the lazy dog"
    found = {with_typos(text, seed) for seed in range(300)}
    lengths = [len(changed) - len(text) for changed in found]
    assert {min(lengths), max(lengths)} == {-2, 2}  # 35 letters: two errors
    swapped = [changed for changed in found if sorted(changed) == sorted(text)]
    assert swapped


def test_a_replaced_letter_comes_from_beside_it_and_keeps_its_case():
    replaced = {with_typos("S", seed) for seed in range(200)} - {"SS"}
    assert replaced == set("WEADZX")


def test_the_keyboard_is_mutual():
    assert NEIGHBOURS["g"] == "tyfhvb"
    assert all(letter in NEIGHBOURS[other] for letter, others in NEIGHBOURS.items() for other in others)


def test_a_text_gets_the_same_errors_in_any_company_and_others_with_another_seed():
    assert perturbed(TEXTS[::-1], 3) == perturbed(TEXTS, 3)[::-1]
    assert perturbed(TEXTS[:1], 3) == perturbed(TEXTS, 3)[:1]
    assert perturbed(TEXTS, 3) != perturbed(TEXTS, 4)


def test_typing_errors_are_the_same_on_every_machine():
    """Written down once: another result means that figures of different versions cannot be compared any more."""
    assert with_typos(TEXTS[0], 0) == "I love thix phone, but its batterry is a joke!"


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)


def test_noise_keeps_shape_and_type_and_leaves_the_original_alone(images):
    before = images.copy()
    noisy = perturbed(images, 0)
    assert (noisy.shape, noisy.dtype) == (images.shape, np.uint8)
    assert np.array_equal(images, before)
    assert perturbed(images[..., 0], 0).shape == (20, 32, 32)


def test_noise_has_the_stated_deviation_where_nothing_is_clipped():
    grey = np.ones((10, 64, 64), dtype=np.uint8) * np.arange(120, 130, dtype=np.uint8)[:, None, None]
    difference = with_noise(grey, 0, std=20).astype(float) - grey
    assert difference.std() == pytest.approx(20, rel=0.02)
    assert difference.mean() == pytest.approx(0, abs=0.5)
    assert pytest.approx(45.9) == NOISE_STD


def test_noise_is_clipped_not_wrapped():
    black = with_noise(np.zeros((4, 64, 64), dtype=np.uint8), 0)
    assert 0.45 < (black == 0).mean() < 0.55
    assert black.max() < 255


def test_an_image_gets_the_same_noise_in_any_company(images):
    assert np.array_equal(perturbed(images[::-1], 1)[::-1], perturbed(images, 1))
    assert not np.array_equal(perturbed(images, 1), perturbed(images, 2))


def test_conditions_are_named_by_kind():
    assert CONDITIONS == {"text": "typos", "image": "noise"}
