"""Reads the named tokens: who may see everything, and who may act as well."""

from collections.abc import Mapping

from alerting.model import Secret
from checks.common.text import plural
from monitor.config.errors import KeyPath, Problems, quoted
from monitor.config.field_types import label
from monitor.config.named_token import NamedToken
from monitor.config.secrets import FileContext, is_here, secret_keys
from monitor.config.tables import Table, instance_of

LOCAL = "local"
"""What whoever acts on a loopback port without any token is called; no token may be called so."""

MIN_TOKEN_LENGTH = 10
"""Characters."""


def named_tokens(
    problems: Problems, tables: Mapping[str, Table], service: Secret | None, context: FileContext
) -> dict[str, NamedToken]:
    """The tokens by name; ``service`` is that of [service], beside them."""
    found: dict[str, NamedToken] = {}
    for name, table in tables.items():
        path = ("tokens", name)
        problems.parsed(path, name, label)
        if name == LOCAL:
            problems.mistake(path, f"{quoted(LOCAL)} is whoever acts on this machine without a token", "take another")
        made = instance_of(problems, path, NamedToken, table, context, name=name)
        key = next((key for key in secret_keys("token") if getattr(table, key) is not None), "token")
        if made is None:
            continue
        check_token(problems, made.token, (*path, key))
        if is_here(made.token):
            if service is not None and made.token == service:
                problems.mistake((*path, key), "is the token of [service], too", "each needs one of its own")
            if twin := next((one.name for one in found.values() if one.token == made.token), None):
                problems.mistake((*path, key), f"is the token of {quoted(twin)}, too", "each needs one of its own")
        found[name] = made
    return found


def check_token(problems: Problems, token: Secret | None, where: KeyPath) -> None:
    """Whether it can be sent in a header, and is not soon guessed."""
    if token is None:
        return
    text = token.reveal()
    if text != text.strip():
        problems.mistake(where, "begins or ends with a space, which does not arrive in a header")
    elif len(text) < MIN_TOKEN_LENGTH:
        said = f"the token has {plural(len(text), 'character')}: so few can be guessed"
        problems.warn(where, said, "make one with: openssl rand -hex 20")
