"""Conversion of units: convert(5, "km", "miles") -> "3.10686 miles"."""

from __future__ import annotations

import math

# names of a unit -> how many of the kind's base unit it is
_KINDS: tuple[dict[str, float], ...] = (
    {
        "mm millimetre millimetres millimeter millimeters": 0.001,
        "cm centimetre centimetres centimeter centimeters": 0.01,
        "m metre metres meter meters": 1,
        "km kilometre kilometres kilometer kilometers": 1000,
        "in inch inches": 0.0254,
        "ft foot feet": 0.3048,
        "yd yard yards": 0.9144,
        "mi mile miles": 1609.344,
    },
    {
        "mg milligram milligrams": 1e-6,
        "g gram grams": 0.001,
        "kg kilogram kilograms": 1,
        "t tonne tonnes": 1000,
        "oz ounce ounces": 0.028349523125,
        "lb lbs pound pounds": 0.45359237,
    },
    {
        "ml millilitre millilitres milliliter milliliters": 0.001,
        "l litre litres liter liters": 1,
        "pint pints": 0.473176473,
        "cup cups": 0.2365882365,
        "gallon gallons": 3.785411784,
    },
    {
        "s second seconds": 1,
        "min minute minutes": 60,
        "h hour hours": 3600,
        "day days": 86400,
        "week weeks": 604800,
        "year years": 31557600,
    },
    {"m/s": 1, "km/h kmh kph": 1 / 3.6, "mph": 0.44704},
    {"byte bytes b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12},
)
_DEGREES = {"c": "C", "celsius": "C", "f": "F", "fahrenheit": "F", "k": "K", "kelvin": "K"}


def convert(value: float, source: str, target: str) -> str:
    """The value in another unit, to six digits. Raises ValueError for units that are unknown or of different kinds."""
    if not math.isfinite(value):
        raise ValueError("the value to convert must be a number")
    one, other = _plain(source), _plain(target)
    if one in _DEGREES and other in _DEGREES:
        return f"{_from_kelvin(_to_kelvin(value, _DEGREES[one]), _DEGREES[other]):.6g} {target.strip()}"
    sizes = [(_size(kind, one), _size(kind, other)) for kind in _KINDS]
    for own, wanted in sizes:
        if own is not None and wanted is not None:
            return f"{value * own / wanted:.6g} {target.strip()}"
    for name, place in ((source, 0), (target, 1)):
        if all(pair[place] is None for pair in sizes) and _plain(name) not in _DEGREES:
            raise ValueError(
                f"the unit {name.strip()[:20]!r} is unknown: use names such as km, miles, kg, pounds, C or F"
            )
    raise ValueError(
        f"{source.strip()[:20]} cannot be converted to {target.strip()[:20]}: they measure different things"
    )


def _plain(name: str) -> str:
    return name.strip().lower().removeprefix("degrees ").removeprefix("\u00b0")


def _size(kind: dict[str, float], name: str) -> float | None:
    return next((size for names, size in kind.items() if name in names.split()), None)


def _to_kelvin(value: float, unit: str) -> float:
    return {"C": value + 273.15, "F": (value - 32) / 1.8 + 273.15, "K": value}[unit]


def _from_kelvin(value: float, unit: str) -> float:
    return {"C": value - 273.15, "F": (value - 273.15) * 1.8 + 32, "K": value}[unit]
