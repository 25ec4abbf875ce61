"""Who sends a request, and whether it may act: the one place to ask."""

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request

from monitor.config.named_token import NamedToken, Role
from monitor.web.snapshot import View, WebContext

FORWARDED = ("forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip")
"""Headers of a proxy, behind which is somebody else; so is all that begins with ``X-Forwarded``."""

NEEDED = 'a token of [tokens.NAME] with role = "operate"'


@dataclass(frozen=True, slots=True)
class Caller:
    """``name``: of the token, empty for that of [service] and without one; ``may_operate``: it may act, and has a name
    then. ``why_not``: in words, where it may not although it sees everything.
    """

    view: View
    name: str = ""
    may_operate: bool = False
    why_not: str = ""

    @classmethod
    def of_token(cls, token: NamedToken) -> "Caller":
        if token.role is Role.OPERATE:
            return cls(View.WHOLE, token.name, may_operate=True)
        whose = f"the token of {token.name} has" if token.name else "the token of [service] has"
        return cls(View.WHOLE, token.name, why_not=f'{whose} the role "read": who acts needs {NEEDED}')


def host_of(headers: Headers) -> str:
    """What the Host header says, with the port; empty where there are several, or a user in it (RFC 9112 section 3.2),
    of which whoever passed it on may have believed something else.
    """
    said = headers.getlist("host")
    return said[0] if len(said) == 1 and "@" not in said[0] else ""


def without_token(headers: Headers, url: str | None, local: str) -> Caller:
    """Who comes to a loopback port that asks for no token: whoever is on this machine may act as ``local``. A proxy on
    it may have passed the request on for anybody, who sees what the port shows and acts on nothing.
    """
    forwarded = any(name in FORWARDED or name.startswith("x-forwarded") for name in headers)
    if forwarded or not _is_loopback(f"//{host_of(headers)}"):
        return Caller(View.WHOLE, why_not=f"who acts through a proxy needs {NEEDED}")
    if url is not None and not _is_loopback(url):
        return Caller(View.WHOLE, why_not=f"the page is reached from elsewhere (url): who acts needs {NEEDED}")
    return Caller(View.WHOLE, local, may_operate=True)


def _is_loopback(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def operator(request: Request, context: WebContext) -> str:
    """The name of who acts by this request. Raises HTTPException where it may not: 401 without a token, 403 with one
    that may only read, and for what a page of another site sends.
    """
    caller: Caller = request.state.caller
    if not caller.may_operate:
        if caller.view is View.PUBLIC and context.tokens:
            raise HTTPException(401, headers={"WWW-Authenticate": 'Bearer realm="soawatch"'})
        raise HTTPException(403, caller.why_not or f"public viewers cannot act: who acts needs {NEEDED}")
    if not _is_from_here(request.headers, context.settings.url):
        raise HTTPException(403, "sent by a page of another site")
    return caller.name


def _is_from_here(headers: Headers, url: str | None) -> bool:
    """Whether no page of another origin sends it (Fetch Metadata, else RFC 6454). Programs send neither header; nor
    does "null" tell, which is what browsers send from our own forms, too, since we ask for no referrer.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin", "null")
    if origin == "null":
        return True
    here = urlsplit(url or "")
    return urlsplit(origin).netloc == headers.get("host", "") or origin == f"{here.scheme}://{here.netloc}"
