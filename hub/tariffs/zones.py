"""Countries whose clocks all show the same time, by their ISO 3166-1 alpha-3 code. Pure.

A CDR tells the country of its location and no time zone. Countries with several (Spain, Portugal, the United States,
Australia, …) are not here: a guess would bill by the wrong clock.
"""

_CLOCKS = {
    "AND": "Europe/Andorra",
    "AUT": "Europe/Vienna",
    "BEL": "Europe/Brussels",
    "BGR": "Europe/Sofia",
    "BIH": "Europe/Sarajevo",
    "CHE": "Europe/Zurich",
    "CZE": "Europe/Prague",
    "DEU": "Europe/Berlin",
    "DNK": "Europe/Copenhagen",
    "EST": "Europe/Tallinn",
    "FIN": "Europe/Helsinki",
    "FRA": "Europe/Paris",
    "GBR": "Europe/London",
    "GRC": "Europe/Athens",
    "HRV": "Europe/Zagreb",
    "HUN": "Europe/Budapest",
    "IND": "Asia/Kolkata",
    "IRL": "Europe/Dublin",
    "ISL": "Atlantic/Reykjavik",
    "ISR": "Asia/Jerusalem",
    "ITA": "Europe/Rome",
    "JPN": "Asia/Tokyo",
    "KOR": "Asia/Seoul",
    "LIE": "Europe/Vaduz",
    "LTU": "Europe/Vilnius",
    "LUX": "Europe/Luxembourg",
    "LVA": "Europe/Riga",
    "MCO": "Europe/Monaco",
    "MLT": "Europe/Malta",
    "NLD": "Europe/Amsterdam",
    "NOR": "Europe/Oslo",
    "NPL": "Asia/Kathmandu",
    "POL": "Europe/Warsaw",
    "ROU": "Europe/Bucharest",
    "SGP": "Asia/Singapore",
    "SRB": "Europe/Belgrade",
    "SVK": "Europe/Bratislava",
    "SVN": "Europe/Ljubljana",
    "SWE": "Europe/Stockholm",
    "TUR": "Europe/Istanbul",
}
"""France and the Netherlands mean their parts in Europe: their islands have country codes of their own."""


def zone_of_country(code: object) -> str | None:
    """The IANA name of a country's one time zone; None for one with several, or that is not known here."""
    return _CLOCKS.get(code.upper()) if isinstance(code, str) else None
