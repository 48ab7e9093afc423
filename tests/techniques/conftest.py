from collections.abc import Iterator
from dataclasses import replace

import pytest

from explorer import training


@pytest.fixture
def quick_learning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models of a few hundred weights need larger steps than those the techniques take on real ones."""
    usual = training.usual_plan

    def larger(kind, fresh):
        return replace(usual(kind, fresh), learning_rate=5e-3, batch_size=16)

    monkeypatch.setattr(training, "usual_plan", larger)


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What techniques keep in the cache goes where nobody else looks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPLORER_HOME", str(tmp_path_factory.mktemp("home")))
        yield
