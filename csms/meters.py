"""Numbers, units and times as stations write them, made exact; and what a reading says about energy.

Pure. Energy is in Wh with at most three decimals, power in W. What is no finite number of a believable size is None.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal, DecimalException

from csms.station import Reading, Sample

IMPORT_REGISTER = "Energy.Active.Import.Register"
IMPORT_INTERVAL = "Energy.Active.Import.Interval"
IMPORT_POWER = "Power.Active.Import"
STATE_OF_CHARGE = "SoC"

_LARGEST = Decimal("1e12")
_MILLI = Decimal("0.001")
_THOUSANDS = {"kwh": "Wh", "kw": "W", "kvarh": "varh", "kvar": "var", "kva": "VA"}


def number(text: object) -> Decimal | None:
    """A number as text or as JSON number, exactly; None for what is none, or beyond any meter."""
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        return None
    digits = str(text)
    if len(digits) > 64:
        return None
    try:
        value = Decimal(digits.strip())
    except DecimalException:
        return None
    if not value.is_finite() or abs(value) > _LARGEST or value.adjusted() < -30:
        return None
    return value


def energy_wh(value: Decimal) -> Decimal:
    """Energy to the milliwatt-hour: the finest that is stored."""
    return value.quantize(_MILLI)


def sample(
    value: Decimal,
    *,
    measurand: str | None,
    unit: str | None,
    phase: str | None = None,
    location: str | None = None,
    context: str | None = None,
) -> Sample:
    """A sample with the defaults of OCPP: the import register in Wh; thousands brought to the plain unit.

    Energy with decimals and no unit counts as Wh as well, but keeps no unit: such stations often mean kWh.
    """
    measurand = measurand or IMPORT_REGISTER
    if unit is None:
        unit = "Wh" if measurand.startswith("Energy.Active") and value == value.to_integral_value() else ""
    elif (plain := _THOUSANDS.get(unit.lower())) is not None:
        value, unit = value.scaleb(3), plain
    return Sample(measurand, value, unit, phase, location, context)


def instant(text: object) -> datetime | None:
    """A time in UTC: any ISO 8601 form, without a zone it is taken as UTC. None when it cannot be read."""
    if not isinstance(text, str) or len(text) > 64:
        return None
    try:
        parsed = datetime.fromisoformat(text.strip())
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def register_wh(reading: Reading) -> Decimal | None:
    """The import register of a reading: the total where there is one, else the sum of the phases."""
    return _total(reading, IMPORT_REGISTER, "Wh")


def is_unit_unsure(reading: Reading) -> bool:
    """Whether an import register came with decimals and without a unit."""
    return any(not one.unit and one.measurand == IMPORT_REGISTER for one in reading.samples)


def interval_wh(reading: Reading) -> Decimal | None:
    """The energy of the interval that ends with the reading, from stations without a register."""
    return _total(reading, IMPORT_INTERVAL, "Wh")


def power_w(reading: Reading) -> Decimal | None:
    """The power at the moment of the reading."""
    return _total(reading, IMPORT_POWER, "W")


def soc_percent(reading: Reading) -> Decimal | None:
    """The state of charge of the battery."""
    for one in reading.samples:
        if one.measurand == STATE_OF_CHARGE and 0 <= one.value <= 100:
            return one.value
    return None


def begin_register_wh(readings: Iterable[Reading]) -> Decimal | None:
    """The register at the start: the one marked so, else the first."""
    return _marked(readings, "Transaction.Begin", last=False)


def end_register_wh(readings: Iterable[Reading]) -> Decimal | None:
    """The register at the end: the one marked so, else the last."""
    return _marked(readings, "Transaction.End", last=True)


def _marked(readings: Iterable[Reading], context: str, *, last: bool) -> Decimal | None:
    found = [(reading, wh) for reading in readings if (wh := register_wh(reading)) is not None]
    for reading, wh in found:
        if any(one.context == context and one.measurand == IMPORT_REGISTER for one in reading.samples):
            return wh
    if not found:
        return None
    return found[-1 if last else 0][1]


def _total(reading: Reading, measurand: str, unit: str) -> Decimal | None:
    matching = [one for one in reading.samples if one.measurand == measurand and one.unit in (unit, "")]
    if not matching:
        return None
    if len(matching) == 1 and matching[0].phase is None:  # as most are
        return energy_wh(matching[0].value)
    # A meter inside the cable or the car tells less than what left the outlet; it counts only when it is alone.
    best: Decimal | None = None
    elsewhere: Decimal | None = None
    phases: dict[str, Decimal] = {}
    for one in matching:
        if one.location not in (None, "Outlet"):
            elsewhere = one.value if elsewhere is None else elsewhere
        elif one.phase is None:
            best = one.value
        elif one.phase[:2] in ("L1", "L2", "L3") and one.phase.count("L") == 1:
            phases[one.phase[:2]] = one.value
    if best is None:
        best = sum(phases.values(), Decimal(0)) if phases else elsewhere
    return None if best is None else energy_wh(best)
