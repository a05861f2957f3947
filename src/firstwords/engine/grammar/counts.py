"""Non-negative integers in schemas."""

from __future__ import annotations

from typing import Any


def count(schema: dict[str, Any], name: str, default: Any) -> Any:
    """A count such as minItems. Raises ValueError."""
    value = schema.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 10**15 or value != int(value):
        raise ValueError(f"{name} must be a whole number, 0 or more")
    return int(value)
