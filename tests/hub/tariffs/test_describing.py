"""A tariff in drivers' words."""

from string import Formatter
from typing import Any

import pytest

from hub.tariffs.cdr import EVERYTHING
from hub.tariffs.describing import LANGUAGES, TEXTS, describe, descriptions
from hub.tariffs.idle import parse_idle_fee
from hub.tariffs.pricing import parse_tariff

Json = dict[str, Any]


def said(language: str, *elements: Json, currency: str = "EUR", **more: Any) -> str:
    doc = {"id": "T", "currency": currency, "elements": list(elements), **more}
    parsed = parse_tariff(doc, measured=EVERYTHING)
    return describe(parsed, language, parse_idle_fee(doc, measured=EVERYTHING))


def element(kind: str, price: float, vat: float | None = 21, **restrictions: Any) -> Json:
    component = {"type": kind, "price": price, "step_size": 1} | ({} if vat is None else {"vat": vat})
    return {"price_components": [component], **({"restrictions": restrictions} if restrictions else {})}


def test_every_language_says_the_same() -> None:
    def holes(text: object) -> set[str | None]:
        return {name for _, name, _, _ in Formatter().parse(text) if name} if isinstance(text, str) else set()

    for language in LANGUAGES:
        assert TEXTS[language].keys() == TEXTS["en"].keys()
        assert len(TEXTS[language]["days"]) == 7
        for name, text in TEXTS[language].items():
            assert holes(text) == holes(TEXTS["en"][name]), (language, name)
    assert {"en", "de", "fr", "nl"} <= set(LANGUAGES)


IN_THE_ORDER_OF_THE_LAW = {
    "en": (
        "€0.605 per kWh",
        "€0.1452 per minute of staying after charging",
        "€1.21 per session",
        "Prices include VAT.",
    ),
    "de": (
        "0,605 € pro kWh",
        "0,1452 € pro Minute Standzeit nach dem Laden",
        "1,21 € pro Ladevorgang",
        "Preise inkl. MwSt.",
    ),
    "fr-BE": (
        "0,605 € par kWh",
        "0,1452 € par minute de stationnement après la charge",
        "1,21 € par session",
        "Prix TTC.",
    ),
    "nl": (
        "€ 0,605 per kWh",
        "€ 0,1452 per minuut bezet houden na het laden",
        "€ 1,21 per sessie",
        "Prijzen incl. btw.",
    ),
}


@pytest.mark.parametrize("language", IN_THE_ORDER_OF_THE_LAW)
def test_prices_come_with_vat_in_the_order_of_the_law(language: str) -> None:
    *prices, vat = IN_THE_ORDER_OF_THE_LAW[language]
    parts = (element("FLAT", 1), element("PARKING_TIME", 7.2), element("ENERGY", 0.5))
    assert said(language, *parts) == f"{'; '.join(prices)}. {vat}"


def test_another_language_is_answered_in_english() -> None:
    assert said("sv", element("ENERGY", 0.5)) == said("en", element("ENERGY", 0.5))


def test_conditions_are_told() -> None:
    week = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"]
    text = said(
        "en",
        element("ENERGY", 0.6, None, start_time="18:00", end_time="00:00", day_of_week=week, max_kwh=20),
        element("ENERGY", 0.7, None, min_power=50, min_duration=3600),
        element("ENERGY", 0.5, None),
    )
    assert text == (
        "€0.60 per kWh (Mon–Fri, 18:00–24:00, up to 20 kWh); €0.70 per kWh (after 1 h, at 50 kW or more);"
        " €0.50 per kWh (otherwise). No VAT applies."
    )


def test_currencies_have_their_own_ways() -> None:
    assert said("en", element("ENERGY", 0.59, None), currency="GBP") == "59p per kWh. No VAT applies."
    assert said("en", element("ENERGY", 6.5, None), currency="SEK") == "SEK 6.50 per kWh. No VAT applies."
    assert said("de", element("ENERGY", 60, None), currency="JPY") == "60 JPY pro kWh. Es fällt keine MwSt. an."


def test_what_costs_nothing_is_free() -> None:
    assert said("nl", element("FLAT", 0, None)) == "Gratis."


def test_limits_reservations_and_idle_fees_are_told() -> None:
    text = said(
        "en",
        element("ENERGY", 0.5, None),
        element("FLAT", 2, None, reservation="RESERVATION"),
        element("FLAT", 4, None, reservation="RESERVATION_EXPIRES"),
        max_price={"excl_vat": 50},
        idle_fee={"price": 24, "grace": 600, "max_price": 20, "free_from": "22:00", "free_until": "07:00"},
    )
    assert text == (
        "€0.50 per kWh; €2.00 per reservation; €4.00 for a reservation that is not used;"
        " €0.40 per minute from 10 min after the end of charging; staying is free from 22:00 to 07:00;"
        " staying costs at most €20.00; at most €50.00 per session. No VAT applies."
    )


def test_descriptions_are_display_texts() -> None:
    parsed = parse_tariff({"id": "T", "currency": "EUR", "elements": [element("ENERGY", 0.5)]})
    assert [text["language"] for text in descriptions(parsed)] == list(LANGUAGES)
