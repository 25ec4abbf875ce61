"""Reads the configuration for a command, which ends when it cannot be used."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.cli.errors import Failure
from monitor.config.errors import ConfigError, InvalidValue
from monitor.config.model import Config
from monitor.probe.message.names import BadName

if TYPE_CHECKING:
    from monitor.cli.zone_check.target import CheckTarget


def read_config(path: Path, *, raw: bool = False, elsewhere: bool = False) -> Config:
    """The configuration. Mistakes end the command with status 78, each on a line; ``raw`` lets ConfigError through.

    ``elsewhere``: credentials that only the service has are none; for a command that uses no secret.
    """
    from monitor.config.load import load

    try:
        return load(path, os.environ, elsewhere=elsewhere)
    except ConfigError as error:
        if raw:
            raise
        raise Failure(str(error), 78) from None


def zone_wanted(zone: str, servers: Sequence[str], config: Path | None, records: Sequence[str] = ()) -> "CheckTarget":
    """What a command that looks at one zone was asked for. Mistakes end it with status 78 or 2."""
    from monitor.cli.zone_check.target import parse_target, with_records

    try:
        target = parse_target(zone, servers, config)
    except ConfigError as error:
        raise Failure(str(error), 78) from None
    except BadName as error:
        raise Failure(f"{zone!r}: {error}{f' ({error.hint})' if error.hint else ''}", 2) from None
    except InvalidValue as error:
        hint = f" ({error.hint})" if error.hint else ""
        raise Failure(f"--server: {error.text}{hint}; write --server NAME=ADDRESS[:PORT]", 2) from None
    try:
        return with_records(target, records)
    except InvalidValue as error:
        raise Failure(f"--record: {error.text}{f' ({error.hint})' if error.hint else ''}", 2) from None
