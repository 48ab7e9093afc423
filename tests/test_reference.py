from explorer import reference
from explorer.technique import techniques


def test_the_page_is_that_of_the_declarations() -> None:
    assert reference.PAGE.read_text(encoding="utf-8") == reference.page(), "run: python -m explorer.reference"


def test_every_technique_and_parameter_has_a_row() -> None:
    page = reference.page()
    for technique in techniques().values():
        chapter = page.split(f"(`{technique.name}`)")[1].split("\n### ")[0]
        assert technique.summary() in chapter and technique.paper in chapter
        assert all(f"| `{parameter.name}` |" in chapter for parameter in technique.parameters())
