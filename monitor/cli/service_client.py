"""What a command asks of the running service: by its API, with a token of the configuration or of the environment."""

import os
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from checks.common.text import one_line
from monitor.cli.errors import Failure
from monitor.cli.options import FILE
from monitor.cli.service_answers import Shape, TooLong, has_shape, json_or_none, whole

if TYPE_CHECKING:
    from alerting.model import Secret
    from monitor.config.model import Config

AnyCommand = TypeVar("AnyCommand", bound=Callable[..., Any])

TOKEN_VARIABLE, URL_VARIABLE = "SOAWATCH_TOKEN", "SOAWATCH_URL"
TIMEOUT = 30.0
"""Seconds, for the whole answer."""
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

    def get(self, path: str, shape: Shape, **params: str | Sequence[str]) -> Any:
        return self._asked("GET", path, shape, params=params)

    def post(self, path: str, shape: Shape, body: Mapping[str, object]) -> Any:
        return self._asked("POST", path, shape, json=body)

    def delete(self, path: str, shape: Shape) -> Any:
        return self._asked("DELETE", path, shape)

    def _asked(self, method: str, path: str, shape: Shape, **how: Any) -> Any:
        import asyncio

        import httpx

        try:
            _ = urlsplit(self.url).port  # asyncio has no good word for one that there is not
            status, body = asyncio.run(self._answer(method, path, **how))
        except UnicodeEncodeError:
            raise Failure("an argument is not UTF-8", 2) from None
        except (TimeoutError, httpx.TimeoutException):
            raise Failure(f"{self.url}: no whole answer within {TIMEOUT:g} s") from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError):
            raise Failure(f"{self.url!r} is no page; write for example http://127.0.0.1:9953", 2) from None
        except httpx.HTTPError as error:
            raise Failure(f"{self.url}: cannot be asked ({_reason(error)}). Does the service run?") from None
        except TooLong:
            raise Failure(f"{self.url}: does not answer as soawatch does: it does not come to an end") from None
        return self._read(status, json_or_none(body), shape)

    async def _answer(self, method: str, path: str, **how: Any) -> tuple[int, bytes]:
        """Status and body, as they are sent: what is packed may be of any size, and nobody asked for that."""
        import asyncio
        import ssl

        import httpx

        headers = {b"Accept-Encoding": b"identity"}
        if self._secret:
            headers[b"Authorization"] = b"Bearer " + _sendable(self._secret, self.token)
        tls = ssl.create_default_context()
        async with (
            asyncio.timeout(TIMEOUT),
            httpx.AsyncClient(timeout=TIMEOUT, trust_env=False, verify=tls) as client,
            client.stream(method, f"{self.url.rstrip('/')}{path}", headers=headers, **how) as answer,
        ):
            return answer.status_code, await whole(answer.aiter_raw())

    def _read(self, status: int, said: object, shape: Shape) -> Any:
        if status == 401:
            raise Failure(f"{self.url}: {self._refused()}")
        if not 200 <= status < 300:
            why = said.get("error") if isinstance(said, dict) else None
            if 300 <= status < 400:
                why = f"answers {status}, a redirect, which is not followed: the token is for nobody else"
            raise Failure(f"{self.url}: {why if isinstance(why, str) else f'answers {status}'}")
        if not has_shape(said, shape):
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


def _reason(error: BaseException) -> str:
    """What the system says where it is the system: what asks says only that no attempt came to anything."""
    cause: BaseException | None = error
    while cause is not None and not (isinstance(cause, OSError) and cause.errno):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ConnectionError) and cause.errno:
        return os.strerror(cause.errno)
    return one_line(str(cause or error))


def _sendable(secret: "Secret", whose: str) -> bytes:
    """As it goes into the header; what cannot go there is found before anybody says it with the reason why."""
    text = secret.reveal()
    if text != text.strip() or any(unicodedata.category(char) == "Cc" for char in text):
        raise Failure(f"the token {whose} has a space at an end, or a line end or another control character in it")
    return text.encode(errors="surrogateescape")


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
