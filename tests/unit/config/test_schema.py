"""The JSON Schema knows every key and asks for what is needed."""

from typing import Any

from checks.codes import CODES
from checks.registry import CHECKS
from monitor.config import file_model as raw
from monitor.config.json_schema import schema
from monitor.config.receivers import kinds

SCHEMA = schema()


def walk(found: Any) -> Any:
    yield found
    for inner in found.values() if isinstance(found, dict) else found if isinstance(found, list) else ():
        yield from walk(inner)


def test_every_section_and_every_key_is_there() -> None:
    assert set(SCHEMA["properties"]) == set(raw.File.model_fields)
    for model in (
        raw.Service,
        raw.Probe,
        raw.Resolver,
        raw.Server,
        raw.Key,
        raw.Zone,
        raw.Record,
        raw.Transfer,
        raw.Route,
    ):
        assert set(SCHEMA["$defs"][model.__name__]["properties"]) == set(model.model_fields)
        assert SCHEMA["$defs"][model.__name__]["additionalProperties"] is False
    assert set(SCHEMA["properties"]["cadence"]["properties"]) == set(CHECKS)
    assert set(SCHEMA["properties"]["checks"]["properties"]) == set(CHECKS)
    assert set(SCHEMA["properties"]["severity"]["properties"]) == set(CODES)
    receivers = SCHEMA["properties"]["receivers"]["additionalProperties"]["anyOf"]
    assert [one["properties"]["type"]["const"] for one in receivers] == list(kinds())


def test_what_is_needed_is_required() -> None:
    assert SCHEMA["$defs"]["Zone"]["required"] == ["name"]
    assert SCHEMA["$defs"]["Record"]["required"] == ["name", "type"]
    assert SCHEMA["$defs"]["Transfer"]["required"] == ["expect"]
    assert SCHEMA["$defs"]["Route"]["required"] == ["receivers"]


def test_one_value_may_stand_for_a_list_but_not_one_table_for_zones() -> None:
    servers = SCHEMA["$defs"]["Zone"]["properties"]["servers"]["anyOf"]
    assert [option["type"] for option in servers] == ["string", "array"]
    assert SCHEMA["properties"]["zones"]["type"] == "array"
    assert SCHEMA["properties"]["routes"]["type"] == "array"


def test_toml_has_no_null_and_neither_has_the_schema() -> None:
    parts = list(walk(SCHEMA))
    assert {"type": "null"} not in parts
    assert not [part for part in parts if isinstance(part, dict) and "default" in part]


def test_references_lead_somewhere() -> None:
    used = {part["$ref"].removeprefix("#/$defs/") for part in walk(SCHEMA) if isinstance(part, dict) and "$ref" in part}
    assert used == set(SCHEMA["$defs"])
