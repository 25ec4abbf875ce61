"""Any service that Apprise knows, by its URLs: an optional part. Each message is sent by a process of its own.

Apprise blocks while it sends, reads answers to their end and obeys the environment: in a process of its own it holds up
nobody, can be ended at any time, and has as much memory and such an environment as it is given. Run as a program this
module is that process: it reads what to send as JSON from its standard input, and writes a line for each URL.
"""

import asyncio
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from alerting.http_proxy import parsed_proxy, proxy_remarks
from alerting.incident import IncidentEvent
from alerting.model import Remark, Secret
from alerting.notification import DeliveryError, Notification
from alerting.urls import BadUrl
from checks.model.finding_type import Severity

MAX_URLS = 20
MAX_MEMORY = 512 * 1024 * 1024
"""Octets for the data of the process: an answer that is larger ends it."""
MAX_NAMED = 3
"""URLs that a reason names."""

TEMPORARY_ERRORS = frozenset({408, 425, 429})
"""Of those that say 4xx, as the statuses of HTTP."""

KINDS = {Severity.CRITICAL: "failure", Severity.WARNING: "warning", Severity.INFO: "info"}
"""What Apprise calls a notification, which decides on colours and images."""
GOOD_NEWS = frozenset({IncidentEvent.RESOLVED, IncidentEvent.IMPROVED})

MISSING = "needs Apprise, which is not installed"
INSTALL = 'pip install "soawatch[apprise]"'

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_CODE = re.compile(r"\berror=([45]\d\d)\b")


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How the URL of that number did: ``service`` is what Apprise calls it, ``code`` the error that it was told of."""

    number: int
    taken: bool = False
    service: str = ""
    code: int | None = None
    known: bool = True
    """Whether Apprise knows what to do with it."""

    @property
    def final(self) -> bool:
        return not self.known or (
            self.code is not None and 400 <= self.code < 500 and self.code not in TEMPORARY_ERRORS
        )

    def __str__(self) -> str:
        name = f"URL {self.number}{f' ({self.service})' if self.service else ''}"
        if not self.known:
            return f"{name} is none that Apprise understands"
        return f"{name}: error {self.code}" if self.code is not None else name


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifier:
    """Hands each notification to one or more of the [services that Apprise knows](https://appriseit.com/services/).

    It is an optional part: `pip install "soawatch[apprise]"`. A process of its own sends each message, and is ended
    when `timeout` is over.

    Apprise says whether a service took a message, and hardly why not. What a service refuses with a code of 4xx in
    Apprise's log is refused for good; all else is tried again, without knowing for how long the service wants to be
    left alone. Where a URL leads is not checked, private addresses neither; redirects are not followed unless the URL
    says `redirect=yes`. Answers are read whole: one of half a gigabyte counts as none. Proxies of the environment are
    not used. Whether Apprise understands a URL `soawatch send-test` shows.
    """

    urls: Secret = field(repr=False, metadata={"lines": True, "example": 'urls_file = "apprise.urls"'})
    """URLs of Apprise, each in a line of its own, 20 at most; lines that begin with `#` are passed over. All are told,
    and only those again that did not take it."""
    ca_file: Path | None = field(default=None, metadata={"unset": "those of certifi", "example": 'ca_file = "ca.pem"'})
    """Certificates to trust."""
    timeout: timedelta = timedelta(seconds=30)
    """For a whole attempt, the start of Apprise included, at all URLs together."""
    proxy: Secret | None = field(
        default=None, repr=False, metadata={"unset": "that of `[alerting]`", "example": 'proxy = "none"'}
    )
    """A proxy to ask services over HTTP by, as in [alerting](#alerting); `"none"`: without one."""

    def review(self) -> Iterator[Remark]:
        """Whether Apprise is there, and each line looks like a URL; only Apprise itself knows its services."""
        if find_spec("apprise") is None:
            yield Remark("type", MISSING, INSTALL)
        urls = self._urls()
        if not urls:
            yield Remark("urls", "name no URL", 'write for example "tgram://TOKEN/CHAT"')
        if len(urls) > MAX_URLS:
            yield Remark("urls", f"are more than {MAX_URLS}", "another receiver takes the others")
        for number, url in urls.items():
            if not (_URL.fullmatch(url) and url.isprintable()):
                yield Remark("urls", f"URL {number} is none of Apprise", "each is in a line of its own: tgram://…")
        yield from proxy_remarks(self.proxy)

    def destination(self) -> Secret:
        return Secret("\n".join(sorted(self._urls().values())))

    def _urls(self) -> Mapping[int, str]:
        """By number, counted from 1."""
        lines = (line.strip() for line in self.urls.reveal().splitlines())
        return dict(enumerate((line for line in lines if line and not line.startswith("#")), 1))

    async def send(self, notification: Notification) -> None:
        if find_spec("apprise") is None:
            raise DeliveryError(f"this {MISSING} ({INSTALL})", permanent=True)
        urls = self._urls()
        wanted = {number: url for number, url in urls.items() if _mark(url) not in notification.done}
        if not wanted:
            return
        try:
            by = parsed_proxy(self.proxy)
        except BadUrl as error:
            raise DeliveryError(f"the URL of the proxy {error.text}", permanent=True) from None
        order = {
            "urls": wanted,
            "title": _text(notification.subject),
            "body": _text("\n".join((*notification.details, notification.link or ""))).strip() or " ",
            "kind": "success" if notification.event in GOOD_NEWS else KINDS[notification.about.severity],
            "timeout": self.timeout.total_seconds(),
            "environment": _environment(str(by) if by is not None else "", self.ca_file),
        }
        outcomes = await _outcomes(json.dumps(order).encode("ascii"), self.timeout.total_seconds())
        self._settle(wanted, outcomes, begun=bool(notification.done))

    def _settle(self, wanted: Mapping[int, str], outcomes: Mapping[int, _Outcome], *, begun: bool) -> None:
        """DeliveryError unless all have it: it says who is to get it yet, and who never will."""
        failed = [outcomes.get(number, _Outcome(number)) for number in wanted]
        failed = [one for one in failed if not one.taken]
        final, later = [one for one in failed if one.final], [one for one in failed if not one.final]
        again = {one.number for one in later}
        done = [_mark(url) for number, url in wanted.items() if number not in again]
        said = f"refused for good: {_named(final)}" if final else ""
        if later:
            if any(one.number not in outcomes for one in later):
                why = f"did not take it within {self.timeout.total_seconds():g} s, or at all"
            else:
                why = "did not take it"
            raise DeliveryError(f"{_named(later)} {why}", done=done, refused=said)
        if final and len(final) == len(wanted) and not begun:
            raise DeliveryError(said, permanent=True)
        if final:
            raise DeliveryError(said, permanent=True, done=done, refused=said)


def _named(outcomes: Iterable[_Outcome]) -> str:
    some = [str(one) for one in outcomes]
    more = f" and {len(some) - MAX_NAMED} more" if len(some) > MAX_NAMED else ""
    return ", ".join(some[:MAX_NAMED]) + more


def _mark(url: str) -> str:
    """What a URL is known by while a message waits for others."""
    return sha256(url.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _text(text: str) -> str:
    """Without halves of characters, at which services fail."""
    return text.encode("utf-8", "replace").decode()


def _environment(proxy: str, ca_file: Path | None) -> Mapping[str, str]:
    """What requests, by which Apprise asks, takes from the environment: nothing else is there."""
    given = {"http_proxy": proxy, "https_proxy": proxy, "REQUESTS_CA_BUNDLE": str(ca_file or "")}
    return {name: value for name, value in given.items() if value}


async def _outcomes(order: bytes, seconds: float) -> Mapping[int, _Outcome]:
    """What the process said of each URL until it ended, or the time was over. Its secrets go by its standard input."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-m", "alerting.notifiers.apprise",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env={"HOME": "/nonexistent", "LANG": "C.UTF-8", "PATH": os.defpath, "MALLOC_ARENA_MAX": "2"}, cwd="/",
    )  # fmt: skip
    if process.stdin is None or process.stdout is None:
        raise DeliveryError("the process that sends by Apprise cannot be spoken to")
    found: dict[int, _Outcome] = {}
    try:
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(seconds):
                process.stdin.write(order)
                await process.stdin.drain()
                process.stdin.close()
                async for line in process.stdout:
                    one = _Outcome(**json.loads(line))
                    found[one.number] = one
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
        await process.wait()
    return found


def _main() -> None:
    """The process that sends. It ends by itself when its time is over, also where nobody is left to end it."""
    import resource
    import signal
    from concurrent.futures import ThreadPoolExecutor

    order = json.load(sys.stdin)
    signal.alarm(int(order["timeout"]) + 5)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY, MAX_MEMORY))
    os.environ.update(order["environment"])
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    import apprise

    asset = apprise.AppriseAsset(
        http_redirects=False, allow_templates=False, storage_mode="memory", pem_autogen=False, pgp_autogen=False
    )

    def sent(number: int, service: Any) -> None:
        told = apprise.Apprise(asset=asset)
        told.add(service)
        outcome = _Outcome(number, service=str(service.service_name)[:40])
        with suppress(Exception):  # whatever a service's part does, the others are told
            outcome = _read(outcome, told.notify(
                order["body"], order["title"], order["kind"], body_format="text", timeout=order["timeout"],
            ))  # fmt: skip
        answers.write(json.dumps(_fields(outcome)) + "\n")

    with ThreadPoolExecutor(MAX_URLS) as pool:
        for number, url in order["urls"].items():
            service = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
            if service is None:
                answers.write(json.dumps(_fields(_Outcome(int(number), known=False))) + "\n")
            else:
                pool.submit(sent, int(number), service)


def _read(outcome: _Outcome, result: Any) -> _Outcome:
    """Apprise says whether it was taken; why not only its log says, in the words of each service's part."""
    codes = [match[1] for entry in result.logs() if (match := _CODE.search(str(entry.message)))]
    code = int(codes[-1]) if codes and not result else None
    return _Outcome(outcome.number, bool(result), outcome.service, code)


def _fields(outcome: _Outcome) -> Mapping[str, object]:
    return {name: getattr(outcome, name) for name in ("number", "taken", "service", "code", "known")}


if __name__ == "__main__":
    _main()
