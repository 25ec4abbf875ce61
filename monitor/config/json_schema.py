"""The JSON schema by which editors complete and check the file."""

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import Any, Literal

from pydantic import Field, create_model

from alerting.finding_types import FINDING_TYPES
from checks.registry import CHECKS
from monitor.config import file_model
from monitor.config.field_types import DurationOrOff, SeverityWord
from monitor.config.receivers import kinds, notifier
from monitor.config.tables import Table, table_of

_ARRAYS_OF_TABLES = ("#/$defs/ZoneEntrySettings", "#/$defs/RouteSettings")
"""Elements of the only lists for which one element does not stand."""


_OURS = ("title", "default", "needed", "unset", "example")


def schema() -> dict[str, Any]:
    """The JSON Schema of the configuration file."""
    made = _whole().model_json_schema(mode="validation")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_tidy(made),
        "title": "soawatch configuration",
    }


def _whole() -> type[Table]:
    """The file with the keys of those tables, too, that are dictionaries while it is read."""
    receivers = [_receiver(kind) for kind in kinds()]
    tables = {
        "cadence": _table("Cadence", dict.fromkeys(CHECKS, DurationOrOff)),
        "severity": _table("Severity", dict.fromkeys(FINDING_TYPES, SeverityWord)),
        "checks": _table("Checks", {name: _described(cls) for name, cls in CHECKS.items()}),
        "receivers": dict.__class_getitem__((str, reduce(or_, receivers))),
    }
    return _table("File", tables, file_model.whole(described=True))


def _receiver(kind: str) -> type[Table]:
    choice: dict[str, Any] = {"type": (Literal[kind], Field(json_schema_extra={"needed": True}))}
    return create_model(f"{kind}-receiver", __base__=_described(notifier(kind)), **choice)


def _table(name: str, keys: Mapping[str, Any], base: type[Table] = Table) -> type[Table]:
    fields: dict[str, Any] = {key: (annotation, None) for key, annotation in keys.items()}
    return create_model(name, __base__=base, **fields)


def _described(cls: type[Any]) -> type[Table]:
    return table_of(cls, described=True)


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
    tidy = {name: _tidy(value) for name, value in made.items() if name not in _OURS}
    needed = [name for name, value in made.get("properties", {}).items() if value.get("needed")]
    if needed:
        tidy["required"] = needed
    if made.get("type") == "array" and not any(one.get("$ref") in _ARRAYS_OF_TABLES for one in _options(tidy["items"])):
        return {"anyOf": [*_options(tidy["items"]), tidy]}
    return tidy


def _options(made: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = made.get("anyOf", [made])
    return found
