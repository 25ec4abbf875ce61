"""What does the configuration say, or how does the command end when it says nothing sensible?"""

import os
from pathlib import Path

from monitor.commands.failure import Failure
from monitor.config.errors import ConfigError
from monitor.config.load import load
from monitor.config.model import Config


def read(path: Path, *, raw: bool = False) -> Config:
    """The configuration. Mistakes end the command with status 78, each on a line; ``raw`` lets ConfigError through."""
    try:
        return load(path, os.environ)
    except ConfigError as error:
        if raw:
            raise
        raise Failure(str(error), 78) from None
