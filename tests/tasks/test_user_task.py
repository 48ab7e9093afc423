"""The user's own data: a CSV, a folder of images, and everything that can be wrong with them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explorer.errors import BadInput
from explorer.tasks import SPLITS, check_data, load_task, task_digest, user_task

LABELS = ("bad", "good")


def write_csv(path: Path, rows: list[tuple[str, str]], header: str = "text,label") -> Path:
    path.write_text("\n".join([header, *(f'"{text}",{label}' for text, label in rows)]) + "\n", encoding="utf-8")
    return path


def many(n: int = 100) -> list[tuple[str, str]]:
    return [(f"text, number {i}", LABELS[i % 2]) for i in range(n)]


def write_images(folder: Path, n: int = 30, classes: tuple[str, ...] = LABELS) -> Path:
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for i in range(n):
            pixels = np.full((6 + i, 8, 3), 100 * number + i, dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return folder


def test_a_csv_becomes_four_disjoint_stratified_splits(tmp_path: Path) -> None:
    task = user_task(write_csv(tmp_path / "mine.csv", many()), "text", LABELS)
    assert (task.name, task.kind, task.labels) == ("mine", "text", LABELS)
    assert [len(task.splits[name]) for name in SPLITS] == [60, 10, 15, 15]
    texts = [text for split in task.splits.values() for text in split.inputs]
    assert sorted(texts) == sorted(text for text, _ in many())
    assert all(abs(np.bincount(split.labels)[0] - len(split) / 2) <= 1 for split in task.splits.values())
    for split in task.splits.values():
        assert all(int(t.split()[-1]) % 2 == label for t, label in zip(split.inputs, split.labels, strict=True))


def test_a_first_look_reads_one_line_or_finds_one_image(tmp_path: Path) -> None:
    good = write_csv(tmp_path / "mine.csv", [])
    for kind in ("text", None):
        check_data(good, kind)
    for kind in ("image", None):
        check_data(write_images(tmp_path / f"images-{kind}", n=1), kind)
    wrong = write_csv(tmp_path / "wrong.csv", many(), header="tweet,mood")
    with pytest.raises(BadInput, match="found: tweet, mood"):
        check_data(wrong, "text")
    with pytest.raises(BadInput, match=r"There is no '.*gone.csv'; expected is a CSV file .*, or a folder"):
        check_data(tmp_path / "gone.csv", None)
    with pytest.raises(BadInput, match="is a file, but this model takes image"):
        check_data(good, "image")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="holds no images"):
        check_data(tmp_path / "empty", "image")


def test_files_of_one_name_are_told_apart_by_their_content(tmp_path: Path) -> None:
    for folder, rows in (("a", many()), ("b", many(90))):
        (tmp_path / folder).mkdir()
        write_csv(tmp_path / folder / "reviews.csv", rows)
    one, other = (user_task(tmp_path / folder / "reviews.csv", "text", LABELS) for folder in "ab")
    assert one.name == other.name == "reviews", "what people see"
    assert one.key != other.key and one.key == f"reviews-{one.digest[:8]}"
    assert load_task("digits").key == "digits"


def test_a_tilde_means_ones_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = write_csv(tmp_path / "mine.csv", many())
    assert user_task("~/mine.csv", "text", LABELS).name == "mine"
    assert task_digest("any/model", "~/mine.csv") == task_digest("any/model", str(path))
    with pytest.raises(BadInput, match=r"There is no '~nobody-here/mine.csv'"):
        user_task("~nobody-here/mine.csv", "text", LABELS)


def test_duplicates_are_dropped_before_the_split(tmp_path: Path) -> None:
    rows = many() + [(text.upper() + "  ", label) for text, label in many()]
    task = user_task(write_csv(tmp_path / "twice.csv", rows), "text", LABELS)
    assert sum(len(split) for split in task.splits.values()) == 100


def test_labels_may_be_numbers_or_differ_in_case(tmp_path: Path) -> None:
    rows = [(f"t {i}", ("0", "GOOD")[i % 2]) for i in range(60)]
    task = user_task(write_csv(tmp_path / "n.csv", rows, header="Text,Label"), "text", LABELS)
    for split in task.splits.values():
        assert all(int(text.split()[-1]) % 2 == label for text, label in zip(split.inputs, split.labels, strict=True))


def test_a_label_that_is_a_number_means_its_name_not_its_place(tmp_path: Path) -> None:
    rows = [(f"t {i}", str(1 + i % 2)) for i in range(60)]
    task = user_task(write_csv(tmp_path / "n.csv", rows), "text", ("1", "2"))
    assert set(np.unique(task.splits["train"].labels)) == {0, 1}
    with pytest.raises(BadInput, match="label '0'"):
        user_task(write_csv(tmp_path / "z.csv", [("a", "0"), *rows]), "text", ("1", "2"))


def test_a_folder_of_images_is_brought_to_the_models_size(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "photos")
    task = user_task(folder, "image", LABELS, lambda image: np.asarray(image.convert("L").resize((5, 4))))
    inputs = task.splits["train"].inputs
    assert isinstance(inputs, np.ndarray) and inputs.shape == (36, 4, 5) and inputs.dtype == np.uint8
    assert all((image[0, 0] >= 100) == label for image, label in zip(inputs, task.splits["train"].labels, strict=True))


def test_digest_follows_the_content(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "mine.csv", many())
    first = task_digest("any/model", str(path))
    assert first == user_task(path, "text", LABELS).digest
    write_csv(path, many(99))
    assert task_digest("any/model", str(path)) != first
    folder = write_images(tmp_path / "photos")
    before = task_digest("any/model", str(folder))
    (folder / "good" / "29.png").unlink()
    assert task_digest("any/model", str(folder)) != before


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"text;label\na;good\n", "must have the columns text and label .* found: text;label"),
        (b"", "must have the columns text and label .* found: none"),
        (b"text,label\n\xff\xfe,good\n", "cannot be read as a CSV file in UTF-8"),
        (b'text,label\n"never closed,good\n', "cannot be read as a CSV file in UTF-8"),
        (b"text,label\na,good\nb,bad\n", "holds 2 different texts; at least 40"),
        (b"text,label\na,great\nb,awful\n", r"label 'great' \(and 1 more\), .* its labels are bad, good"),
        (b"text,label\n" + b"".join(b"t%d,good\n" % i for i in range(50)), "the class 'good' only"),
    ],
)
def test_a_wrong_csv_is_refused_in_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "wrong.csv"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=sentence) as caught:
        user_task(path, "text", LABELS)
    assert "wrong.csv" in str(caught.value) and "\n" not in str(caught.value)


def test_missing_data_and_the_wrong_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"There is no .*none.csv'; expected is a CSV file"):
        user_task(tmp_path / "none.csv", "text", LABELS)
    with pytest.raises(BadInput, match=r"There is no .*none"):
        task_digest("any/model", str(tmp_path / "none"))
    with pytest.raises(BadInput, match="is a folder, but this model takes text"):
        user_task(tmp_path, "text", LABELS)
    with pytest.raises(BadInput, match="is a file, but this model takes image"):
        user_task(write_csv(tmp_path / "a.csv", many()), "image", LABELS)


def test_wrong_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no images"):
        user_task(tmp_path, "image", LABELS)
    with pytest.raises(BadInput, match="label 'cat'"):
        user_task(write_images(tmp_path / "pets", classes=("cat", "good")), "image", LABELS)
    folder = write_images(tmp_path / "broken")
    (folder / "good" / "3.png").write_bytes(b"not an image")
    with pytest.raises(BadInput, match=r"good/3\.png' cannot be read as an image"):
        user_task(folder, "image", LABELS)
