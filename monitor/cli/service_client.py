"""What a command asks of the running service: by its API, with a token of the configuration or of the environment."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from checks.common.text import one_line
from monitor.cli.errors import Failure
from monitor.cli.options import FILE

if TYPE_CHECKING:
    import httpx

    from alerting.model import Secret
    from monitor.config.model import Config

AnyCommand = TypeVar("AnyCommand", bound=Callable[..., Any])

TOKEN_VARIABLE, URL_VARIABLE = "SOAWATCH_TOKEN", "SOAWATCH_URL"
TIMEOUT = 30.0
"""Seconds."""
ANY_ADDRESS: Mapping[str, str] = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  where it listens
"""Where a service that listens everywhere is reached from this machine."""


def service_options(command: AnyCommand) -> AnyCommand:
    """``config``, ``url`` and ``as_name`` for a command that talks to the running service: see ``service_client``."""
    for option in (
        click.option("--as", "as_name", metavar="NAME",
                     help="Which of [tokens.…] to use, where several may act."),
        click.option("--url", "url", envvar=URL_VARIABLE, show_envvar=True, metavar="URL",
                     help="Where the page of the service is; without it, where the configuration has it listen."),
        click.option("-c", "--config", "config", type=FILE, envvar="SOAWATCH_CONFIG", show_envvar=True,
                     help="Its configuration, for where it is and for the token; "
                          f"in place of that a token may be in {TOKEN_VARIABLE}."),
    ):  # fmt: skip
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class ServiceClient:
    """Each call gives what the service answers, or ends the command with a sentence. ``token``: whose it is, if any."""

    url: str
    token: str = ""
    _secret: "Secret | None" = field(default=None, repr=False)

    def get(self, path: str, **params: str) -> Any:
        return self._asked("GET", path, params=params)

    def post(self, path: str, body: Mapping[str, object]) -> Any:
        return self._asked("POST", path, json=body)

    def delete(self, path: str) -> Any:
        return self._asked("DELETE", path)

    def _asked(self, method: str, path: str, **how: Any) -> Any:
        import ssl

        import httpx

        headers = {b"Authorization": b"Bearer " + self._secret.reveal().encode()} if self._secret else {}
        try:
            with httpx.Client(timeout=TIMEOUT, trust_env=False, verify=ssl.create_default_context()) as client:
                answer = client.request(method, f"{self.url.rstrip('/')}{path}", headers=headers, **how)
        except httpx.TimeoutException:
            raise Failure(f"{self.url}: no answer within {TIMEOUT:g} s") from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise Failure(f"{self.url!r} is no page; write for example http://127.0.0.1:9953", 2) from None
        except httpx.HTTPError as error:
            raise Failure(f"{self.url}: cannot be asked ({one_line(str(error))}). Does the service run?") from None
        return self._read(answer)

    def _read(self, answer: "httpx.Response") -> Any:
        try:
            said = answer.json()
        except ValueError:
            said = None
        if answer.status_code == 401:
            raise Failure(f"{self.url}: {self._refused()}")
        if not answer.is_success:
            why = said.get("error") if isinstance(said, dict) else None
            raise Failure(f"{self.url}: {why if isinstance(why, str) else f'answers {answer.status_code}'}")
        if said is None:
            raise Failure(f"{self.url}: does not answer as soawatch does")
        return said

    def _refused(self) -> str:
        if self._secret is not None:
            return f"does not take the token {self.token}"
        return f"asks for a token: put it into {TOKEN_VARIABLE}, or name the configuration with -c"


def service_client(config: Path | None, url: str | None, as_name: str | None, *, acts: bool = False) -> ServiceClient:
    """The service of the configuration, or at the URL. ``acts``: what is asked for changes something.

    The token is that of the environment, else that of the configuration that is named, else the one of it that will
    do. Mistakes end the command with status 78 or 2.
    """
    from alerting.model import Secret
    from monitor.cli.configuration import read_config

    if config is None and not url:
        raise Failure("where is the service? Name its configuration with -c, or its page with --url", 2)
    given = os.environ.get(TOKEN_VARIABLE)
    if config is None or (url and given):
        return ServiceClient(url or "", f"in {TOKEN_VARIABLE}", Secret(given)) if given else ServiceClient(url or "")
    read = read_config(config, elsewhere=True)
    where = url or _where(read)
    if given:
        return ServiceClient(where, f"in {TOKEN_VARIABLE}", Secret(given))
    name, secret = _token(read, as_name, acts=acts)
    return ServiceClient(where, name, secret)


def _where(config: "Config") -> str:
    host, port = config.service.listen
    if not port:
        raise Failure("the service takes any free port (listen): say with --url where it is", 2)
    host = ANY_ADDRESS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _token(config: "Config", wanted: str | None, *, acts: bool) -> "tuple[str, Secret | None]":
    """The name and the secret of the one to use; none where the service has none."""
    from monitor.config.errors import known, near
    from monitor.config.named_token import Role
    from monitor.config.secrets import is_here

    own = config.service.token
    if wanted is not None:
        if wanted not in config.tokens:
            hint = near(wanted, config.tokens) or known(tuple(config.tokens)) or "there is no [tokens.…] at all"
            raise Failure(f"--as: no token is called {wanted!r} ({hint})", 2)
        name, secret = f"of {wanted}", config.tokens[wanted].token
    elif acts and (own or config.tokens):
        able = [token for token in config.tokens.values() if token.role is Role.OPERATE]
        if len(able) != 1:
            names = ", ".join(token.name for token in able)
            text = f"several tokens may act: say --as and one of {names}" if able else "no token of the configuration"
            raise Failure(text if able else f'{text} may act: one of [tokens.…] needs role = "operate"', 2)
        name, secret = f"of {able[0].name}", able[0].token
    elif own is not None:
        name, secret = "of [service]", own
    elif config.tokens:
        first = next(iter(config.tokens.values()))
        name, secret = f"of {first.name}", first.token
    else:
        return "", None
    if not is_here(secret):
        raise Failure(f"the token {name} is a credential that only the service has: put one into {TOKEN_VARIABLE}")
    return name, secret
