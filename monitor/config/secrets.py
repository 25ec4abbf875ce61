"""Reads secrets: written in the file, in a file of their own, in the environment, or handed over as a credential."""

import base64
import os
import re
import stat
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from alerting.http_proxy import DIRECT
from alerting.model import Secret
from alerting.urls import exposed
from monitor.config.errors import InvalidValue, KeyPath, Problems, quoted
from monitor.config.files import open_file, reason

MAX_SECRET_SIZE = 64 * 1024
_STAND_IN = base64.b64encode(b"the credential is not here to be read").decode()
"""For a secret that is not looked at: long enough, and base64, as a TSIG key has to be."""
_STAND_IN_URL = "https://credential.invalid/"
WAYS = ("", "_file", "_env", "_credential")


@dataclass(frozen=True, slots=True)
class FileContext:
    """What is around the file: the directory relative paths start from, and the environment."""

    directory: Path
    env: Mapping[str, str]
    elsewhere: bool = False
    """Credentials that are not here are where the service runs: not a mistake, but a note. Nothing is sent then."""

    def path(self, text: str) -> Path:
        """A path as the file means it: relative to its directory, ``~/`` is home. Raises InvalidValue."""
        if not text or not text.isprintable():
            raise InvalidValue(f"{quoted(text)} is not a path")
        if text.startswith("~/") and "HOME" in self.env:
            return Path(self.env["HOME"]) / text[2:]
        return self.directory / text


def secret_keys(field: str) -> tuple[str, ...]:
    """The four keys of which one gives the secret ``field``."""
    return tuple(field + way for way in WAYS)


def secret(
    problems: Problems,
    path: KeyPath,
    field: str,
    table: Mapping[str, object],
    context: FileContext,
    *,
    required: bool,
    lines: bool = False,
) -> Secret | None:
    """The secret that exactly one of the keys ``x``, ``x_file``, ``x_env``, ``x_credential`` of the table gives.

    One line end at the end of a file or variable does not count. Others are mistakes unless it may have ``lines``, and
    so are other control characters. Mistakes and warnings go to the problems, which never hold the text.
    """
    given = [key for key in secret_keys(field) if table.get(key) is not None]
    if not given:
        if required and not problems.misspelt(path, field):
            problems.mistake((*path, field), "missing", f"give one of {', '.join(secret_keys(field))}")
        return None
    if len(given) > 1:
        problems.mistake((*path, given[1]), f"given together with {given[0]}", "one of them is enough")
        return None
    key = given[0]
    value = table[key]
    where = (*path, key)
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not isinstance(text, str):
        problems.mistake(where, "must be text in quotes")
        return None
    if key == field:
        _warn_of_plain(problems, where, text)
        found: str | None = text
    else:
        found = _fetched(problems, where, key.removeprefix(field), text, context)
    return None if found is None else _held(problems, where, found, lines=lines)


def _warn_of_plain(problems: Problems, where: KeyPath, text: str) -> None:
    """Of what stands in the file itself; a URL is a secret only if there is one in it."""
    what = "" if text == DIRECT else "a secret"
    if text.lower().startswith(("http://", "https://")):
        what = exposed(text) and f"{exposed(text)} in the URL"
    if what:
        field = where[-1]
        advice = f"{field}_file, {field}_env or {field}_credential keep it out"
        problems.warn(where, f"{what} stands in the file", advice)


def is_here(secret: Secret) -> bool:
    """Whether it was read, and is not that of a credential which only the service has."""
    return secret.reveal() not in (_STAND_IN, _STAND_IN_URL)


def _fetched(problems: Problems, where: KeyPath, way: str, text: str, context: FileContext) -> str | None:
    if way == "_env":
        if text not in context.env:
            # The secret itself may stand here by mistake: only what looks like a variable is repeated.
            name = quoted(text) if re.fullmatch("[A-Z_][A-Z0-9_]*", text) else "named here"
            problems.mistake(where, f"the environment variable {name} is not set")
            return None
        return _without_end(context.env[text])
    if way == "_file":
        file = problems.parsed(where, text, context.path)
        return None if file is None else _from_file(problems, where, file, credential=False)
    if "/" in text or text in (".", "..") or not text or not text.isprintable():
        problems.mistake(where, f"{quoted(text)} is not the name of a credential")
        return None
    directory = context.env.get("CREDENTIALS_DIRECTORY")
    if directory is None:
        if context.elsewhere:
            problems.note(where, f"the credential {quoted(text)} is not looked at: only the service has it")
            return _STAND_IN_URL if "url" in str(where[-1]) else _STAND_IN
        problems.mistake(
            where, "there are no credentials here", "systemd sets CREDENTIALS_DIRECTORY for LoadCredential="
        )
        return None
    return _from_file(problems, where, Path(directory) / text, credential=True)


def _from_file(problems: Problems, where: KeyPath, file: Path, *, credential: bool) -> str | None:
    try:
        with open_file(file) as opened:
            mode = os.fstat(opened.fileno()).st_mode
            octets = opened.read(MAX_SECRET_SIZE + 1)
    except OSError as error:
        problems.mistake(where, f"{quoted(str(file))}: {reason(error)}")
        return None
    if len(octets) > MAX_SECRET_SIZE:
        problems.mistake(where, f"{quoted(str(file))}: larger than {MAX_SECRET_SIZE // 1024} kB: that is not a secret")
        return None
    if not credential and mode & (stat.S_IRGRP | stat.S_IROTH):
        problems.warn(where, f"{quoted(str(file))} can be read by others (mode {stat.S_IMODE(mode):04o})", "chmod 600")
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        problems.mistake(where, f"{quoted(str(file))}: not UTF-8")
        return None
    return _without_end(text)


def _without_end(text: str) -> str:
    """Editors end the last line, and so does ``echo`` where it fills a variable."""
    return text.removesuffix("\n").removesuffix("\r")


def _held(problems: Problems, where: KeyPath, text: str, *, lines: bool) -> Secret | None:
    if not text.strip():
        problems.mistake(where, "the secret is empty")
        return None
    if not lines and ("\n" in text or "\r" in text):
        problems.mistake(where, "the secret has more than one line", "one line end at its end is left out, no other")
        return None
    if not lines and any(unicodedata.category(char) == "Cc" for char in text):
        problems.mistake(where, "the secret holds a control character")
        return None
    return Secret(text)
