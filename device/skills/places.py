"""Which time zones a place has: "Tokyo", "San Francisco", "Germany", "the UK".

    zones_of("Tokyo")       # ("Tokyo", ("Asia/Tokyo",))
    zones_of("Narnia")      # None

Cities are the names of the IANA time zones and a short list of those that have no zone of their own; countries are the
tables iso3166.tab and zone.tab of the same database (package tzdata).
"""

import re
from functools import cache
from importlib import resources
from zoneinfo import available_timezones

#: Large cities, and other places, that no zone is named after.
_BESIDE = {
    "America/Los_Angeles": "San Francisco, San Diego, Seattle, Portland, Las Vegas, California",
    "America/New_York": "New York City, Washington, Washington DC, Boston, Miami, Philadelphia, Atlanta, Florida",
    "America/Chicago": "Houston, Dallas, Austin, New Orleans, Minneapolis, Texas",
    "America/Denver": "Salt Lake City, Colorado",
    "America/Toronto": "Ottawa, Montreal, Quebec",
    "America/Sao_Paulo": "Rio, Rio de Janeiro, Brasilia",
    "America/Argentina/Buenos_Aires": "Buenos Aires",
    "America/Edmonton": "Calgary",
    "Europe/Berlin": "Munich, Hamburg, Frankfurt, Cologne, Stuttgart",
    "Europe/Zurich": "Geneva, Basel, Bern, Zürich",
    "Europe/Rome": "Milan, Naples, Venice, Florence, Turin",
    "Europe/Madrid": "Barcelona, Valencia, Seville",
    "Europe/Paris": "Lyon, Marseille, Nice",
    "Europe/London": "Edinburgh, Glasgow, Manchester, Birmingham, Liverpool, Oxford, Cambridge",
    "Europe/Amsterdam": "Rotterdam, The Hague",
    "Europe/Kyiv": "Kyiv, Kiev",
    "Asia/Kolkata": "Mumbai, Delhi, New Delhi, Bangalore, Chennai, Hyderabad",
    "Asia/Shanghai": "Beijing, Shenzhen, Guangzhou",
    "Asia/Tokyo": "Osaka, Kyoto, Sapporo",
    "Asia/Riyadh": "Mecca",
    "Asia/Dubai": "Abu Dhabi",
    "Asia/Jerusalem": "Tel Aviv",
    "Asia/Karachi": "Islamabad, Lahore",
    "Asia/Ho_Chi_Minh": "Hanoi, Saigon, Ho Chi Minh City",
    "Africa/Johannesburg": "Cape Town, Pretoria, Durban",
    "Australia/Sydney": "Canberra",
    "Pacific/Auckland": "Wellington, Christchurch",
    "Pacific/Honolulu": "Hawaii",
    "America/Anchorage": "Alaska",
    "Etc/UTC": "UTC, Universal Time, Greenwich Mean Time",
}
#: What people call a country, and its code; several cases: what zone.tab calls it is longer.
_CALLED = {
    "uk": "GB", "united kingdom": "GB", "britain": "GB", "great britain": "GB", "england": "GB", "scotland": "GB",
    "wales": "GB", "usa": "US", "us": "US", "america": "US", "states": "US", "south korea": "KR", "north korea": "KP",
    "korea": "KR", "holland": "NL", "czech republic": "CZ", "emirates": "AE", "ivory coast": "CI", "burma": "MM",
    "samoa": "WS", "american samoa": "AS",
}  # fmt: skip

#: Countries in which nearly everybody lives by one time; the others are those of islands and far provinces, which are
#: asked about by their own names ("Ceuta", "the Azores", "Urumqi").
_ONE_TIME = {
    "CN": "Asia/Shanghai", "ES": "Europe/Madrid", "PT": "Europe/Lisbon", "NZ": "Pacific/Auckland",
    "UA": "Europe/Kyiv", "EC": "America/Guayaquil", "CL": "America/Santiago",
}  # fmt: skip


def zones_of(place: str) -> tuple[str, tuple[str, ...]] | None:
    """How the place is written, and the names of its zones: one for a city, all of a country's. None: unknown."""
    return _places().get(_key(place))


def _key(place: str) -> str:
    return re.sub(r"^the ", "", re.sub(r"[^\w' ]", "", place.replace("_", " ")).strip().lower())


@cache
def _places() -> dict[str, tuple[str, tuple[str, ...]]]:
    out: dict[str, tuple[str, tuple[str, ...]]] = {}
    zones = _zones_by_code()
    for code, name in _table("iso3166.tab", 0, 1):
        if code in zones:
            short = re.sub(r"\(.*\)", "", name).strip()
            out[_key(short)] = (short, zones[code])
    for called, code in _CALLED.items():
        out[called] = (_title(called), zones[code])
    countries = frozenset(out)
    for zone in sorted(available_timezones()):
        area, _, city = zone.rpartition("/")
        # a city has its country's name, and time; Pacific/Samoa is neither in Samoa nor on its day
        if area and area not in ("Etc", "US", "SystemV", "posix", "right") and _key(city) not in countries:
            out[_key(city)] = (city.replace("_", " "), (zone,))
    for zone, cities in _BESIDE.items():
        for city in cities.split(", "):
            out[_key(city)] = (city, (zone,))
    return out


def _title(called: str) -> str:
    short = {"uk": "the UK", "usa": "the USA", "us": "the US", "states": "the States", "emirates": "the Emirates",
             "united kingdom": "the United Kingdom", "czech republic": "the Czech Republic"}  # fmt: skip
    return short.get(called, called.title())


def _zones_by_code() -> dict[str, tuple[str, ...]]:
    out: dict[str, tuple[str, ...]] = {}
    for code, zone in _table("zone.tab", 0, 2):
        out[code] = (*out.get(code, ()), zone)
    return out | {code: (zone,) for code, zone in _ONE_TIME.items()}


def _table(name: str, *columns: int) -> list[tuple[str, ...]]:
    text = resources.files("tzdata").joinpath("zoneinfo", name).read_text("utf-8")
    rows = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
    return [tuple(row[column] for column in columns) for row in rows]
