"""TLS beneath DNS messages (RFC 7858, RFC 9103), within the same limits as TCP.

The handshake and all that follows run over buffers in memory: no read or write waits but on the socket, and never
beyond the deadline of the question, whatever the other side does. It is TLS 1.2 or newer, 1.3 for transfers (RFC 9103
section 7.1), without renegotiation.
"""

import asyncio
import base64
import hashlib
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime

from checks.model import Address, Outcome
from checks.model.tls import Tls, TlsFault
from monitor.probe.client.observations import QueryFailure
from monitor.probe.client.sockets import Sockets
from monitor.probe.client.tcp import Broken, Stream, connect
from monitor.probe.settings import TlsSettings

MAX_HANDSHAKE = 256 * 1024
"""Octets that a server may send before the handshake is over: chains of certificates take some kilobytes."""

_RECEIVE_SIZE = 65536
_EXPIRED = 10
_FAULTS: Mapping[int, TlsFault] = {_EXPIRED: TlsFault.EXPIRED, 9: TlsFault.NOT_YET_VALID, 62: TlsFault.NAME}
"""By the codes of OpenSSL (X509_V_ERR_…); all others are about who vouches for the certificate."""


class _Faulty(Exception):
    """There is no connection over TLS."""

    def __init__(self, fault: TlsFault, text: str, until: datetime | None = None) -> None:
        super().__init__(text)
        self.tls = Tls(until, fault)


class TlsStream(Stream):
    """Messages over TLS. ``octets`` are those of the network, whatever is in them."""

    __slots__ = ("_incoming", "_outgoing", "_session", "tls")

    def __init__(self, plain: Stream, context: ssl.SSLContext, name: str | None) -> None:
        super().__init__(plain.sockets, plain.sock)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        self.tls = Tls()
        """What the handshake showed."""

    async def handshake(self, settings: TlsSettings, until: float) -> None:
        """Raises Broken, or _Faulty."""
        while True:
            try:
                self._session.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._flush(until)
                await self._receive(until, "handshake")
            except ssl.SSLCertVerificationError as error:
                await self._farewell(until)
                fault = _FAULTS.get(error.verify_code, TlsFault.UNTRUSTED)
                raise _Faulty(fault, f"certificate: {error.verify_message}") from None
            except ssl.SSLError as error:
                raise _Faulty(TlsFault.HANDSHAKE, f"TLS handshake: {_reason(error)}") from None
            if self.octets > MAX_HANDSHAKE:
                raise _Faulty(TlsFault.HANDSHAKE, f"TLS handshake: more than {MAX_HANDSHAKE} octets")
        await self._flush(until)
        found, pin = _certificate(self._session.getpeercert(binary_form=True))
        if settings.pins and pin not in settings.pins:
            raise _Faulty(TlsFault.PIN, f"the public key of the certificate is another one: {pin or 'none'}", found)
        self.tls = Tls(found)

    async def _write(self, until: float, octets: bytes) -> None:
        try:
            self._session.write(octets)
        except ssl.SSLError:
            raise Broken("reset", "sending") from None
        await self._flush(until)

    async def _read(self, until: float, phase: str) -> bytes:
        while True:
            try:
                return self._session.read(_RECEIVE_SIZE)
            except ssl.SSLWantReadError:
                await self._flush(until)
                await self._receive(until, phase)
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLEOFError:
                return b""
            except ssl.SSLError:
                raise Broken("reset", phase) from None

    async def _flush(self, until: float) -> None:
        if self._outgoing.pending:
            await super()._write(until, self._outgoing.read())

    async def _receive(self, until: float, phase: str) -> None:
        octets = await super()._read(until, phase)
        if octets:
            self.octets += len(octets)
            self._incoming.write(octets)
        elif phase == "handshake":
            raise Broken("closed", phase)
        else:
            self._incoming.write_eof()

    async def _farewell(self, until: float) -> None:
        """The alert that says why; who does not read it any more need not."""
        try:
            await self._flush(until)
        except Broken:
            return

    def _count(self, octets: bytes) -> None:
        """Those of the network are counted where they come in."""


class TlsContexts:
    """By server: how to ask it over TLS. Contexts are made at the first question, and kept."""

    def __init__(self, settings: Mapping[str, TlsSettings]) -> None:
        self._settings = settings
        self._contexts: dict[tuple[TlsSettings, bool], ssl.SSLContext] = {}

    def _context(self, settings: TlsSettings, *, transfer: bool) -> ssl.SSLContext:
        """Raises OSError where the file of authorities cannot be used."""
        known = self._contexts.get((settings, transfer))
        if known is None:
            known = self._contexts[settings, transfer] = _context(settings, transfer=transfer)
        return known

    async def connect(
        self, sockets: Sockets, server: str, address: Address, patience: float, *, transfer: bool,
        source: str | None = None,
    ) -> TlsStream | QueryFailure:  # fmt: skip
        """A connection over TLS; TCP and the handshake have ``patience`` seconds each. What the failure says of the
        certificate is in its ``tls``.
        """
        settings = self._settings.get(server)
        if settings is None:
            return QueryFailure(Outcome.UNASKED, f"it is not said how {server} is asked over TLS")
        try:
            context = self._context(settings, transfer=transfer)
        except OSError as error:
            return QueryFailure(Outcome.UNASKED, f"the file of authorities cannot be used: {error.strerror or error}")
        place = Address(address.host, settings.port)
        found = await _connected(sockets, place, settings, context, patience, source)
        if isinstance(found, TlsStream) and not settings.verify:  # whoever takes any certificate takes one that ends
            found.tls = Tls()
        if isinstance(found, QueryFailure) and found.tls is not None and found.tls.fault is TlsFault.EXPIRED:
            unverified = _context(TlsSettings(settings.port, verify=False), transfer=transfer)
            again = await _connected(sockets, place, TlsSettings(verify=False), unverified, patience, source)
            if isinstance(again, TlsStream):  # when it ended, a failed verification does not say
                again.close()
                found = QueryFailure(found.outcome, found.detail, tls=Tls(again.tls.until, TlsFault.EXPIRED))
        return found


async def _connected(
    sockets: Sockets,
    place: Address,
    settings: TlsSettings,
    context: ssl.SSLContext,
    patience: float,
    source: str | None,
) -> TlsStream | QueryFailure:
    plain = await connect(sockets, place, patience, source)
    if isinstance(plain, QueryFailure):
        return plain
    stream = TlsStream(plain, context, settings.name)
    try:
        await stream.handshake(settings, asyncio.get_running_loop().time() + patience)
    except Broken as broken:
        stream.close()
        outcome = Outcome.TIMEOUT if broken.how == "timeout" else Outcome.REFUSED_CONNECTION
        return QueryFailure(outcome, f"TLS {broken}", tls=Tls(fault=TlsFault.HANDSHAKE))
    except _Faulty as faulty:
        stream.close()
        return QueryFailure(Outcome.REFUSED_CONNECTION, str(faulty), tls=faulty.tls)
    except BaseException:
        stream.close()
        raise
    return stream


def _context(settings: TlsSettings, *, transfer: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if transfer else ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["dot"])
    if not settings.verify or settings.pins:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif settings.ca_file is not None:
        context.load_verify_locations(settings.ca_file)
    else:
        context.load_default_certs()
    return context


def _certificate(octets: bytes | None) -> tuple[datetime | None, str]:
    """When it ends, and the pin of its public key (RFC 7858 section 4.2): SHA-256 in base64."""
    if octets is None:
        return None, ""
    from cryptography import x509  # commands that ask nothing over TLS need not load it
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        found = x509.load_der_x509_certificate(octets)
        key = found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return found.not_valid_after_utc.astimezone(UTC), base64.b64encode(hashlib.sha256(key).digest()).decode()
    except Exception:  # noqa: BLE001 - whatever a certificate of a stranger makes the library raise
        return None, ""


def _reason(error: ssl.SSLError) -> str:
    return str(error.reason or "failed").replace("_", " ").lower()
