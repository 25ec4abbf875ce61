"""Reads the TSIG keys."""

import base64
import binascii
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from alerting.model import Secret
from checks.common.text import plural
from monitor.config import secrets
from monitor.config.domain_names import domain_name
from monitor.config.errors import InvalidValue, KeyPath, Problems, known, near, quoted
from monitor.config.secrets import FileContext
from monitor.config.tables import Table, instance_of
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

MIN_SECRET_SIZE = 10
"""Octets: 80 bits, which is also the least that is left of a digest (RFC 8945 section 5.2.2.1)."""

_CLAUSE = re.compile(r'key\s+"?(?P<name>[^"\s{]+)"?\s*\{(?P<body>[^}]*)\}\s*;?')
_STATEMENT = re.compile(r'(?P<word>algorithm|secret)\s+"?(?P<value>[^"\s;]+)"?\s*;')


@dataclass(frozen=True, slots=True)
class WrittenKey:
    """A TSIG key as written: what is left out, the name of the table says, or the clause that is its secret."""

    name: str | None = field(default=None, metadata={"unset": "NAME"})
    """What the servers call the key."""
    algorithm: str | None = field(default=None, metadata={"unset": f'`"{DEFAULT}"`'})
    """Or `hmac-sha512`, `hmac-sha384`, `hmac-sha224`, `hmac-sha256-128`, `hmac-sha384-192`, `hmac-sha512-256`;
    `hmac-sha1` and `hmac-md5` are deprecated."""
    secret: Secret = field(metadata={"lines": True}, kw_only=True)
    """Base64, or a whole `key "…" { … };` clause as `tsig-keygen` writes it, which then also gives the algorithm."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A ``key "name" { algorithm …; secret …; };`` as tsig-keygen writes it."""

    algorithm: str | None
    secret: str


def read_keys(problems: Problems, tables: Mapping[str, Table], context: FileContext) -> dict[str, TsigKey]:
    """The keys of the file by name; those with mistakes are left out."""
    found: dict[str, TsigKey] = {}
    for name, table in tables.items():
        path = ("keys", name)
        parse = {"name": domain_name, "algorithm": _algorithm}
        written = instance_of(problems, path, WrittenKey, table, context, parse)
        wire_name = written.name if written and written.name else None
        if "name" not in table.model_fields_set:
            wire_name = problems.parsed(path, name, domain_name)
        if written is None:
            continue
        where = (*path, next(key for key in secrets.secret_keys("secret") if getattr(table, key) is not None))
        clause = _clause(written.secret.reveal())
        algorithm = _agreed(problems, (*path, "algorithm"), written.algorithm, clause)
        inner = _decoded(problems, where, written.secret if clause is None else Secret(clause.secret))
        if wire_name is not None and algorithm is not None and inner is not None:
            found[name] = TsigKey(name, wire_name, ALGORITHMS[algorithm], inner)
    return found


def key_name(text: str, defined: Collection[str]) -> str:
    """What one of the keys is called. Raises InvalidValue."""
    if text not in defined:
        hint = near(text, defined) or known(defined) or "there is no [keys.…] at all"
        raise InvalidValue(f"no key is called {quoted(text)}", hint)
    return text


def _algorithm(text: str) -> str:
    """The algorithm's common name. Raises InvalidValue."""
    name = common(text)
    if name not in ALGORITHMS:
        raise InvalidValue(f"unknown algorithm {quoted(name)}", near(name, ALGORITHMS) or known(ALGORITHMS))
    return name


def common(text: str) -> str:
    """The name of an algorithm as people write it: lower case, no final dot."""
    name = text.lower().removesuffix(".")
    return "hmac-md5" if name == ALGORITHMS["hmac-md5"] else name


def _agreed(problems: Problems, where: KeyPath, written: str | None, clause: Clause | None) -> str | None:
    """The algorithm: from the file, else from the key clause, else the usual one."""
    inside = None
    if clause is not None and clause.algorithm is not None:
        inside = problems.parsed(where, clause.algorithm, _algorithm)
    name = written or inside or DEFAULT
    if inside is not None and inside != name:
        problems.mistake(where, f"is {quoted(name)}, but the key clause says {quoted(inside)}")
    if name in DEPRECATED:
        problems.warn(where, f"{name} is deprecated (RFC 8945 section 6)", f"use {DEFAULT}")
    return name if problems.sound(*where) else None


def _clause(text: str) -> Clause | None:
    match = _CLAUSE.search(text)
    if match is None:
        return None
    said = {one["word"]: one["value"] for one in _STATEMENT.finditer(match["body"])}
    return Clause(said.get("algorithm"), said.get("secret", ""))


def _decoded(problems: Problems, where: KeyPath, text: Secret) -> Secret | None:
    """The secret without white space, once it is known to be base64. Its text goes nowhere else."""
    squeezed = "".join(text.reveal().split())
    try:
        octets = base64.b64decode(squeezed, validate=True)
    except (binascii.Error, ValueError):
        problems.mistake(where, "the secret is not base64", "tsig-keygen and keymgr write it so")
        return None
    if not octets:
        problems.mistake(where, "the secret is empty")
        return None
    if len(octets) < MIN_SECRET_SIZE:
        said = f"the secret has {plural(len(octets), 'octet')}: so few can be found by trying"
        problems.warn(where, said, "RFC 8945 section 8 asks for as many as the digest has: tsig-keygen makes such")
    return Secret(squeezed)
