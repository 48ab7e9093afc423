"""JSON from somebody else: every number is finite and no larger than what floats count exactly, every text whole."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

LARGEST_WHOLE = 2**53


def loads(data: bytes) -> Any:
    """What the text holds; raises ``ValueError`` with the reason as a clause, such as ``it is not JSON``."""
    try:
        value = json.loads(data, parse_constant=_not_a_number, parse_float=_finite, parse_int=_whole)
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # JSON may name one half of a pair that stands for a character
        raise ValueError("it holds half a character, which no file can keep") from None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("it is not JSON") from None
    return value


def _not_a_number(text: str) -> NoReturn:
    raise ValueError(f"it holds {text}, which is not a number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"it holds {text[:20]}, which is too large")
    return value


def _whole(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > LARGEST_WHOLE:
        raise ValueError(f"it holds {text[:20]}, which is too large")
    return int(text)
