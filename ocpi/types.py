"""The basic types of OCPI (chapter Types) and the base of all wire types.

Exact and tolerant at once. Exact: lengths, character sets and JSON types are checked, a string is never read as a
number nor a number as a string. Tolerant: unknown fields are kept and written again, unknown enum values survive, an
explicit `null` is an absent field. Error texts never repeat what was sent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StrictBool,
)
from pydantic import JsonValue as JsonValue
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from ocpi.datetimes import format_datetime, normal_datetime, parse_datetime

JsonObject = dict[str, JsonValue]

NOT_AVAILABLE = "#NA"
"""Stands in a required string that cannot be known (transport and format, section No data available)."""

_MAX_ENUM_LENGTH = 100
_MAX_NUMBER_EXPONENT = 30
_MAX_INTEGER = 2**63 - 1
"""Beyond 64 bits a whole number is written as a float, as JSON readers have it."""


@dataclass(frozen=True, slots=True)
class _StringOf:
    """A string schema that pydantic checks natively: a length and a set of characters."""

    max_length: int
    pattern: str

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.str_schema(max_length=self.max_length, pattern=self.pattern, strict=True)


def CiString(max_length: int) -> _StringOf:
    """Annotation of a case-insensitive string of printable ASCII: `Annotated[str, CiString(36)]`."""
    return _StringOf(max_length, r"^[\x20-\x7E]*$")


def OcpiString(max_length: int) -> _StringOf:
    """Annotation of a case-sensitive string of printable characters: no line breaks, tabs or other controls."""
    return _StringOf(max_length, r"^[^\x00-\x1F\x7F-\x9F]*$")


def OpaqueString(max_length: int) -> _StringOf:
    """Annotation of a string whose every character counts, line breaks included: signed meter data."""
    return _StringOf(max_length, r"^[^\x00]*$")


def Matching(pattern: str, max_length: int) -> _StringOf:
    """Annotation of a string that matches a regular expression as a whole."""
    return _StringOf(max_length, f"^(?:{pattern})$")


CiString2 = Annotated[str, CiString(2)]
CiString3 = Annotated[str, CiString(3)]
CiString4 = Annotated[str, CiString(4)]
CiString32 = Annotated[str, CiString(32)]
CiString36 = Annotated[str, CiString(36)]
CiString39 = Annotated[str, CiString(39)]
CiString48 = Annotated[str, CiString(48)]
String2 = Annotated[str, OcpiString(2)]
String3 = Annotated[str, OcpiString(3)]
String4 = Annotated[str, OcpiString(4)]
String10 = Annotated[str, OcpiString(10)]
String16 = Annotated[str, OcpiString(16)]
String45 = Annotated[str, OcpiString(45)]
String64 = Annotated[str, OcpiString(64)]
String100 = Annotated[str, OcpiString(100)]
String255 = Annotated[str, OcpiString(255)]
String512 = Annotated[str, OcpiString(512)]
Url = Annotated[str, _StringOf(255, r"^[^\x00-\x20\x7F-\x9F]*$")]
TimeOfDay = Annotated[str, Matching(r"([0-1][0-9]|2[0-3]):[0-5][0-9]", 5)]
LocalDate = Annotated[str, Matching(r"([12][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])", 10)]
CredentialsToken = Annotated[str, Matching(r"[\x21-\x7E]+", 64)]
Boolean = StrictBool
AT_LEAST_ONE = Field(min_length=1)
"""Annotation of a list of cardinality `+`."""


def same_id(one: str, other: str) -> bool:
    """Whether two CiStrings name the same thing: case does not count."""
    return one.casefold() == other.casefold()


class _DateTimeCodec:
    @staticmethod
    def _read(value: object) -> datetime:
        if isinstance(value, str):
            return parse_datetime(value)
        if isinstance(value, datetime):
            return normal_datetime(value)
        raise ValueError("a DateTime is a string")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._read,
            serialization=core_schema.plain_serializer_function_ser_schema(
                format_datetime, return_schema=core_schema.str_schema(), when_used="json"
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "format": "date-time", "maxLength": 25}


OcpiDateTime = Annotated[datetime, _DateTimeCodec]
"""An aware UTC datetime in Python, a string on the wire; see `ocpi.datetimes`."""


class _NumberCodec:
    @staticmethod
    def _read(value: object) -> Decimal:
        if isinstance(value, Decimal):
            number = value
        elif isinstance(value, int | float) and not isinstance(value, bool):
            number = Decimal(str(value))
        else:
            raise ValueError("a number is a JSON number")
        if not number.is_finite() or abs(number.adjusted()) > _MAX_NUMBER_EXPONENT:
            raise ValueError("a number of a size that means something is expected")
        return number

    @staticmethod
    def _write(number: Decimal) -> int | float:
        is_whole = number == number.to_integral_value() and abs(number) <= _MAX_INTEGER
        return int(number) if is_whole else float(number)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._read,
            serialization=core_schema.plain_serializer_function_ser_schema(cls._write, when_used="json"),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "number"}


Number = Annotated[Decimal, _NumberCodec]
"""A Decimal in Python, a JSON number on the wire. Exact up to the 15 digits that every JSON reader keeps."""


class _IntegerCodec:
    @staticmethod
    def _read(value: object) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError("an int is a JSON number without a fraction")
        if abs(value) > _MAX_INTEGER:
            raise ValueError("an int of a size that means something is expected")
        return value

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._read, serialization=core_schema.simple_ser_schema("int")
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "integer"}


Integer = Annotated[int, _IntegerCodec]
"""An int; `300.0` is read as 300, a string or a boolean is refused."""


class OcpiEnum(StrEnum):
    """Base of the enums, which are open: a value that we do not know survives a trip through us.

    `Status("NAPPING")` is a member that is not listed: it equals the string, `known` is False.
    """

    @property
    def known(self) -> bool:
        """Whether this version of OCPI lists the value."""
        return self._name_ in type(self).__members__

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str) or not 0 < len(value) <= _MAX_ENUM_LENGTH or not value.isprintable():
            return None
        member = str.__new__(cls, value)
        member._name_ = value
        member._value_ = value
        return member

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "title": cls.__name__, "examples": [member.value for member in cls]}


class OcpiModel(BaseModel):
    """Base of every wire type: immutable, keeps unknown fields, writes no nulls.

    `IDENTITY` names the fields that identify an object, which a PATCH may repeat but not change;
    `APPENDED_BY_PATCH` the lists to which a PATCH adds instead of replacing them.
    """

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True, protected_namespaces=())

    IDENTITY: ClassVar[tuple[str, ...]] = ()
    APPENDED_BY_PATCH: ClassVar[frozenset[str]] = frozenset()


def to_bytes(model: OcpiModel) -> bytes:
    """The object as compact JSON, absent optional fields left out."""
    return model.__pydantic_serializer__.to_json(model, exclude_none=True)


def to_json(model: OcpiModel) -> JsonObject:
    """The object as JSON values in Python: strings, numbers, lists and dicts, absent optional fields left out."""
    return model.model_dump(mode="json", exclude_none=True)


class DisplayText(OcpiModel):
    """Text for an end user in one language (types, section DisplayText)."""

    language: String2
    text: String512


class Price(OcpiModel):
    """A price or cost, VAT apart (types, section Price)."""

    excl_vat: Number
    incl_vat: Number | None = None


class Role(OcpiEnum):
    """What a party does in the market (types, section Role)."""

    CPO = "CPO"
    EMSP = "EMSP"
    HUB = "HUB"
    NAP = "NAP"
    NSP = "NSP"
    OTHER = "OTHER"
    SCSP = "SCSP"


Clock = Callable[[], datetime]
"""Where the library takes the time from: a function that returns an aware UTC datetime."""
