"""Options that several commands have in common."""

from pathlib import Path

import click

FILE = click.Path(readable=False, path_type=Path)
"""Whether it can be read is for who reads it to say: then it is wrong configuration (78), not wrong usage (2)."""

config_option = click.option(
    "-c", "--config", "config", type=FILE, envvar="SOAWATCH_CONFIG", show_envvar=True, required=True,
    help="The configuration file (TOML).",
)  # fmt: skip
