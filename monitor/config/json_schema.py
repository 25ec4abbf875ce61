"""The JSON schema by which editors complete and check the file."""

from typing import Any

from checks.codes import CODES
from checks.registry import CHECKS
from monitor.config import file_model as raw
from monitor.config.receivers import kinds, notifier
from monitor.config.settings import keys

_ARRAYS_OF_TABLES = ("#/$defs/Zone", "#/$defs/Route")
"""Elements of the only lists for which one element does not stand."""


def schema() -> dict[str, Any]:
    """The JSON Schema of the configuration file."""
    made = raw.File.model_json_schema(mode="validation")
    tidy: dict[str, Any] = _tidy(made)
    properties = tidy["properties"]
    properties["cadence"] = _table({name: {"type": "string"} for name in CHECKS})
    properties["severity"] = _table({code: {"enum": ["critical", "warning", "info"]} for code in CODES})
    properties["checks"] = _table({name: _table({key: {} for key in keys(cls)}) for name, cls in CHECKS.items()})
    receivers = [_receiver(kind) for kind in kinds()]
    properties["receivers"] = {"type": "object", "additionalProperties": {"anyOf": receivers}}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **tidy, "title": "soawatch configuration"}


def _receiver(kind: str) -> dict[str, Any]:
    settings: dict[str, Any] = {key: {} for key in keys(notifier(kind))}
    return {**_table({"type": {"const": kind}, **settings}), "required": ["type"]}


def _table(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _tidy(made: Any) -> Any:
    """Without what is only ours: null for "not given", defaults of null, and marks of what is needed."""
    if isinstance(made, list):
        return [_tidy(item) for item in made]
    if not isinstance(made, dict):
        return made
    some = [option for option in made.get("anyOf", ()) if option != {"type": "null"}]
    if some:
        others = {name: value for name, value in made.items() if name != "anyOf"}
        made = {**others, **(some[0] if len(some) == 1 else {"anyOf": some})}
    tidy = {name: _tidy(value) for name, value in made.items() if name not in ("title", "default", "needed")}
    needed = [name for name, value in made.get("properties", {}).items() if value.get("needed")]
    if needed:
        tidy["required"] = needed
    if made.get("type") == "array" and not any(one.get("$ref") in _ARRAYS_OF_TABLES for one in _options(tidy["items"])):
        return {"anyOf": [*_options(tidy["items"]), tidy]}
    return tidy


def _options(made: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = made.get("anyOf", [made])
    return found
