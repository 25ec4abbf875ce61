"""The JSON Schema knows every key and asks for what is needed."""

from functools import cache
from typing import Any

from alerting.finding_types import FINDING_TYPES
from checks.model import TransferRule, WantedRecord
from checks.registry import CHECKS
from monitor.config import file_model
from monitor.config.json_schema import schema
from monitor.config.model import Catalog, ZoneList
from monitor.config.receivers import kinds
from monitor.config.sections import SECTIONS
from monitor.config.tables import table_of


@cache
def whole() -> dict[str, Any]:
    """Made where it is looked at: it takes half a second."""
    return schema()


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = whole()["$defs"][part["$ref"].removeprefix("#/$defs/")] if "$ref" in part else part
    return found


def at(section: str) -> dict[str, Any]:
    return resolved(whole()["properties"][section])


def walk(found: Any) -> Any:
    yield found
    for inner in found.values() if isinstance(found, dict) else found if isinstance(found, list) else ():
        yield from walk(inner)


def test_every_section_and_every_key_is_there() -> None:
    assert set(whole()["properties"]) == set(file_model.whole().model_fields)
    for cls in (*SECTIONS.values(), *file_model.TABLES.values(), WantedRecord, TransferRule):
        model = table_of(cls)
        keys = {*model.model_fields, *(file_model.OPTIONS if cls in (ZoneList, Catalog) else ())}
        keys |= {"groups"} if cls is Catalog else set()
        assert set(whole()["$defs"][model.__name__]["properties"]) == keys
        assert whole()["$defs"][model.__name__]["additionalProperties"] is False
    assert set(at("cadence")["properties"]) == set(CHECKS)
    assert set(at("checks")["properties"]) == set(CHECKS)
    assert set(at("severity")["properties"]) == set(FINDING_TYPES)
    receivers = [resolved(one) for one in whole()["properties"]["receivers"]["additionalProperties"]["anyOf"]]
    assert [one["properties"]["type"]["const"] for one in receivers] == list(kinds())


def test_settings_of_checks_and_receivers_have_types_bounds_and_descriptions() -> None:
    after = resolved(at("checks")["properties"]["soa-serial"])["properties"]["stuck_after"]
    assert (after["type"], after["minimum"]) == ("integer", 1)
    assert after["description"].startswith("Newer versions")
    receivers = (resolved(one) for one in whole()["properties"]["receivers"]["additionalProperties"]["anyOf"])
    email = next(one for one in receivers if one["properties"]["type"]["const"] == "email")
    assert set(email["required"]) == {"type", "to", "smtp"}
    assert resolved(email["properties"]["smtp"])["properties"]["tls"]["enum"] == ["starttls", "tls", "none"]


def test_what_is_needed_is_required() -> None:
    assert whole()["$defs"]["ZoneEntrySettings"]["required"] == ["name"]
    assert whole()["$defs"]["WantedRecordSettings"]["required"] == ["name", "type"]
    assert whole()["$defs"]["TransferRuleSettings"]["required"] == ["expect"]
    assert whole()["$defs"]["RouteSettings"]["required"] == ["receivers"]


def test_one_value_may_stand_for_a_list_but_not_one_table_for_zones() -> None:
    servers = whole()["$defs"]["ZoneEntrySettings"]["properties"]["servers"]["anyOf"]
    assert [option["type"] for option in servers] == ["string", "array"]
    assert whole()["properties"]["zones"]["type"] == "array"
    assert whole()["properties"]["routes"]["type"] == "array"


def test_toml_has_no_null_and_neither_has_the_schema() -> None:
    parts = list(walk(whole()))
    assert {"type": "null"} not in parts
    assert not [part for part in parts if isinstance(part, dict) and "default" in part]


def test_references_lead_somewhere() -> None:
    used = {
        part["$ref"].removeprefix("#/$defs/") for part in walk(whole()) if isinstance(part, dict) and "$ref" in part
    }
    assert used == set(whole()["$defs"])
