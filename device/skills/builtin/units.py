"""Units of measure, by pint.

"Convert ten miles to kilometers."  "How many grams are in three ounces?"  "What is 350 Fahrenheit in Celsius?"
"""

import math
from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from device.skills import spoken
from device.skills.heard import NoNumberError, amount
from device.skills.skill import SkillError, not_meant, skill

#: As pint calls it: how one and how many of it are said.
UNITS = {
    "millimeter": ("millimeter", "millimeters"), "centimeter": ("centimeter", "centimeters"),
    "meter": ("meter", "meters"), "kilometer": ("kilometer", "kilometers"), "inch": ("inch", "inches"),
    "foot": ("foot", "feet"), "yard": ("yard", "yards"), "mile": ("mile", "miles"),
    "nautical_mile": ("nautical mile", "nautical miles"), "light_year": ("light year", "light years"),
    "milligram": ("milligram", "milligrams"), "gram": ("gram", "grams"), "kilogram": ("kilogram", "kilograms"),
    "metric_ton": ("ton", "tons"), "ounce": ("ounce", "ounces"), "pound": ("pound", "pounds"),
    "stone": ("stone", "stone"), "milliliter": ("milliliter", "milliliters"),
    "centiliter": ("centiliter", "centiliters"), "liter": ("liter", "liters"), "teaspoon": ("teaspoon", "teaspoons"),
    "tablespoon": ("tablespoon", "tablespoons"),
    "cup": ("cup", "cups"), "pint": ("pint", "pints"), "quart": ("quart", "quarts"), "gallon": ("gallon", "gallons"),
    "fluid_ounce": ("fluid ounce", "fluid ounces"), "degF": ("degree Fahrenheit", "degrees Fahrenheit"),
    "degC": ("degree Celsius", "degrees Celsius"), "kelvin": ("kelvin", "kelvin"),
    "second": ("second", "seconds"), "minute": ("minute", "minutes"), "hour": ("hour", "hours"),
    "day": ("day", "days"), "week": ("week", "weeks"), "year": ("year", "years"),
    "mile_per_hour": ("mile per hour", "miles per hour"),
    "kilometer_per_hour": ("kilometer per hour", "kilometers per hour"),
    "meter_per_second": ("meter per second", "meters per second"), "knot": ("knot", "knots"),
    "square_meter": ("square meter", "square meters"), "square_foot": ("square foot", "square feet"),
    "square_kilometer": ("square kilometer", "square kilometers"), "square_mile": ("square mile", "square miles"),
    "acre": ("acre", "acres"), "hectare": ("hectare", "hectares"),
    "joule": ("joule", "joules"), "kilojoule": ("kilojoule", "kilojoules"), "kilocalorie": ("calorie", "calories"),
    "watt_hour": ("watt hour", "watt hours"), "kilowatt_hour": ("kilowatt hour", "kilowatt hours"),
    "watt": ("watt", "watts"), "kilowatt": ("kilowatt", "kilowatts"), "horsepower": ("horsepower", "horsepower"),
    "bar": ("bar", "bar"), "pascal": ("pascal", "pascals"), "psi": ("P S I", "P S I"),
    "byte": ("byte", "bytes"), "kilobyte": ("kilobyte", "kilobytes"), "megabyte": ("megabyte", "megabytes"),
    "gigabyte": ("gigabyte", "gigabytes"), "terabyte": ("terabyte", "terabytes"),
}  # fmt: skip
#: Where pint's name is another. An imperial ton has 2,000 or 2,240 pounds: the metric one is meant.
_PINT = {
    "mile_per_hour": "mile/hour", "kilometer_per_hour": "kilometer/hour", "meter_per_second": "meter/second",
    "square_meter": "meter**2", "square_foot": "foot**2", "square_kilometer": "kilometer**2",
    "square_mile": "mile**2",
}  # fmt: skip
#: A fluid of so many ounces: who asks for milliliters means fluid ounces.
_FLUID = {"ounce": "fluid_ounce"}
_LARGEST = 1e15


def _amount(value: Any) -> Any:
    """Words as a number."""
    if isinstance(value, str):
        try:
            return amount(value)
        except NoNumberError:
            raise not_meant("number") from None
    return value


def _known(name: str) -> str:
    if name not in UNITS:
        raise not_meant("unit")
    return name


Amount = Annotated[float, BeforeValidator(_amount), Field(allow_inf_nan=False)]
Unit = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(UNITS)})]


@skill(read_only=True)
def convert(value: Amount, unit: Unit, to: Unit, more: Amount = 0.0, minus: bool = False) -> str:
    """Convert a value from one unit to another. `more`: inches beside feet, ounces beside pounds; minus: below zero."""
    if abs(value) > _LARGEST:
        raise SkillError("That is more than I can convert.")
    value = -value if minus else value
    result = _converted(value, unit, to)
    if more:
        result += _converted(more, "inch" if unit == "foot" else "ounce", to)
    else:
        more = 0.0
    given = _said(value, unit) + (f" {_said(more, 'inch' if unit == 'foot' else 'ounce')}" if more else "")
    return f"{spoken.sentence(given)} is {_result(result, to)}."


def _converted(value: float, unit: str, to: str) -> float:
    registry = _registry()
    for source, target in ((unit, to), (_FLUID.get(unit, unit), to), (unit, _FLUID.get(to, to))):
        source_unit, target_unit = (registry.Unit(_PINT.get(name, name)) for name in (source, target))
        if source_unit.is_compatible_with(target_unit):
            return float(registry.Quantity(value, source_unit).to(target_unit).magnitude)
    raise SkillError(f"{UNITS[unit][1].capitalize()} can't be converted to {UNITS[to][1]}.")


def _said(value: float, unit: str) -> str:
    """As it was given, with three digits at least: 0.0001 is not 0."""
    one, many = UNITS[unit]
    decimals = max(3, 2 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{spoken.number(value, decimals)} {one if value == 1 else many}"


def _result(value: float, unit: str) -> str:
    try:
        said = spoken.about(value)
    except ValueError:
        raise SkillError("That is too large for me to say.") from None
    return f"{said} {UNITS[unit][0 if said in ('1', 'minus 1') else 1]}"


@cache
def _registry() -> Any:
    """pint reads its definitions once: a quarter of a second."""
    import pint  # noqa: PLC0415 - nobody waits for it who does not convert

    return pint.UnitRegistry(autoconvert_offset_to_baseunit=True)
