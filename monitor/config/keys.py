"""Reads the TSIG keys."""

import base64
import binascii
import re
from dataclasses import dataclass

from alerting.model import Secret
from checks.common.text import plural
from monitor.config import file_model as raw
from monitor.config.errors import KeyPath, Problems, known, near, quoted
from monitor.config.secrets import FileContext, secret
from monitor.probe.message import names
from monitor.probe.types import TsigKey

ALGORITHMS = {
    "hmac-md5": "hmac-md5.sig-alg.reg.int",
    "hmac-sha1": "hmac-sha1",
    "hmac-sha224": "hmac-sha224",
    "hmac-sha256": "hmac-sha256",
    "hmac-sha256-128": "hmac-sha256-128",
    "hmac-sha384": "hmac-sha384",
    "hmac-sha384-192": "hmac-sha384-192",
    "hmac-sha512": "hmac-sha512",
    "hmac-sha512-256": "hmac-sha512-256",
}
"""What people call an algorithm → its name on the wire (RFC 8945 section 6)."""
DEFAULT = "hmac-sha256"
DEPRECATED = ("hmac-md5", "hmac-sha1")

SHORTEST = 10
"""Octets: 80 bits, which is also the least that is left of a digest (RFC 8945 section 5.2.2.1)."""

_CLAUSE = re.compile(r'key\s+"?(?P<name>[^"\s{]+)"?\s*\{(?P<body>[^}]*)\}\s*;?')
_STATEMENT = re.compile(r'(?P<word>algorithm|secret)\s+"?(?P<value>[^"\s;]+)"?\s*;')


@dataclass(frozen=True, slots=True)
class Clause:
    """A ``key "name" { algorithm …; secret …; };`` as tsig-keygen writes it."""

    algorithm: str | None
    secret: str


def keys(problems: Problems, file: raw.File, context: FileContext) -> dict[str, TsigKey]:
    """The keys of the file by name; those with mistakes are left out."""
    found: dict[str, TsigKey] = {}
    for name, table in file.keys.items():
        path = ("keys", name)
        given = {key: getattr(table, key) for key in ("secret", "secret_file", "secret_env", "secret_credential")}
        text = secret(problems, path, "secret", given, context, required=True, lines=True)
        wire_name = _wire_name(problems, path, name, table.name)
        clause = None if text is None else _clause(text.reveal())
        algorithm = _algorithm(problems, path, table.algorithm, clause)
        if text is None or wire_name is None or algorithm is None:
            continue
        inner = _decoded(problems, path, text if clause is None else Secret(clause.secret), given)
        if inner is not None:
            found[name] = TsigKey(name, wire_name, ALGORITHMS[algorithm], inner)
    return found


def _wire_name(problems: Problems, path: KeyPath, name: str, written: str | None) -> str | None:
    try:
        return names.parse(written if written is not None else name)
    except names.BadName as error:
        where = path if written is None else (*path, "name")
        problems.mistake(where, f"{quoted(written or name)}: {error.reason}", error.hint)
        return None


def _algorithm(problems: Problems, path: KeyPath, written: str | None, clause: Clause | None) -> str | None:
    """The algorithm's common name: from the file, else from the key clause, else the usual one."""
    inside = None if clause is None or clause.algorithm is None else common(clause.algorithm)
    name = common(written) if written is not None else inside or DEFAULT
    where = (*path, "algorithm")
    if name not in ALGORITHMS:
        problems.mistake(where, f"unknown algorithm {quoted(name)}", near(name, ALGORITHMS) or known(ALGORITHMS))
        return None
    if inside is not None and inside != name:
        problems.mistake(where, f"is {quoted(name)}, but the key clause says {quoted(inside)}")
        return None
    if name in DEPRECATED:
        problems.warn(where, f"{name} is deprecated (RFC 8945 section 6)", f"use {DEFAULT}")
    return name


def common(text: str) -> str:
    """The name of an algorithm as people write it: lower case, no final dot."""
    name = text.lower().removesuffix(".")
    return "hmac-md5" if name == ALGORITHMS["hmac-md5"] else name


def _clause(text: str) -> Clause | None:
    match = _CLAUSE.search(text)
    if match is None:
        return None
    said = {one["word"]: one["value"] for one in _STATEMENT.finditer(match["body"])}
    return Clause(said.get("algorithm"), said.get("secret", ""))


def _decoded(problems: Problems, path: KeyPath, text: Secret, given: dict[str, object]) -> Secret | None:
    """The secret without white space, once it is known to be base64. Its text goes nowhere else."""
    where = (*path, next(key for key, value in given.items() if value is not None))
    squeezed = "".join(text.reveal().split())
    try:
        octets = base64.b64decode(squeezed, validate=True)
    except (binascii.Error, ValueError):
        problems.mistake(where, "the secret is not base64", "tsig-keygen and keymgr write it so")
        return None
    if not octets:
        problems.mistake(where, "the secret is empty")
        return None
    if len(octets) < SHORTEST:
        said = f"the secret has {plural(len(octets), 'octet')}: so few can be found by trying"
        problems.warn(where, said, "RFC 8945 section 8 asks for as many as the digest has: tsig-keygen makes such")
    return Secret(squeezed)
