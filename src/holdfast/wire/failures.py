"""Failures of the way to a server, in one line each: which address, what happened, what to do.

Owns the translation of urllib3's and the TLS library's exceptions, and of answers that no
Holdfast server gives. Must not know which request failed or what happens next.
"""

from __future__ import annotations

import errno
import ssl
from http.client import HTTPException
from urllib.parse import urlsplit

from urllib3 import exceptions as u3

from holdfast.errors import AuthError, HoldfastError, RefusedError, UnreachableError

__all__ = ["UntrustedError", "foreign_answer", "other_service", "unreachable"]

_OTHER_FORMAT = "the folder is W&B's format: to send it to a W&B server use `wandb sync`"
_EXPIRED, _NOT_YET, _HOSTNAME, _ADDRESS = 10, 9, 62, 64
_LATER = {408, 425, 429}
_UNKNOWN_CA = {2, 18, 19, 20, 21}


class UntrustedError(UnreachableError):
    """No trust, or a proxy that lets nobody through: trying again changes nothing."""


def unreachable(url: str, error: Exception, *, limit: float) -> UnreachableError:
    """The error for a request to ``url`` that got no whole answer.

    Args:
        url: the server's base address.
        error: what urllib3 raised.
        limit: the read limit in seconds, named when it was passed.
    """
    if isinstance(error, u3.ProxyError):
        return _proxy(url, error)
    if isinstance(error, u3.SSLError):
        return _tls(url, error)
    if isinstance(error, u3.NameResolutionError):
        return UnreachableError(
            f"cannot find the address of {urlsplit(url).hostname} (DNS)",
            "check the name in the server's address, and the network",
        )
    if isinstance(error, u3.NewConnectionError):
        return _no_connection(url, error)
    if isinstance(error, u3.ConnectTimeoutError):
        return UnreachableError(
            f"no connection to {url} within the time limit",
            "check the address, the network and the firewall",
        )
    if isinstance(error, u3.TimeoutError):
        return UnreachableError(
            f"{url} gave no answer within {limit:g} s",
            "try again; raise HOLDFAST_HTTP_TIMEOUT if the link is slow",
        )
    reason = _innermost(error)
    if "407" in str(reason):
        return UntrustedError(
            f"the proxy on the way to {url} wants a user name and password",
            "write them into HTTPS_PROXY, or name the server in NO_PROXY",
        )
    return UnreachableError(
        f"{url} broke off the connection ({reason})",
        "try again; if it stays, check the address and look into the server's log",
    )


def foreign_answer(url: str, status: int, content_type: str, location: str) -> HoldfastError:
    """The error for an answer that is not a Holdfast server's."""
    if 300 <= status < 400:
        return RefusedError(
            f"{url} sends requests on to {_origin(location) or 'another address'}",
            "give that address as the server's (the key is not sent to another address by itself)",
            status=status,
        )
    if status == 407:
        return UntrustedError(
            f"the proxy on the way to {url} wants a user name and password",
            "write them into HTTP_PROXY, or name the server in NO_PROXY",
        )
    kind = "an HTML page" if "html" in content_type else "something else"
    if status == 401:
        return AuthError(
            f"{url} answered 401 with {kind}, not as a Holdfast server does",
            "check the address; a proxy before the server may want a login of its own",
        )
    if status == 413:
        return RefusedError(
            f"a proxy before {url} refuses bodies of this size (413)",
            "raise the proxy's limit for bodies to at least 64 MB",
            status=status,
        )
    if status in _LATER or status >= 500:
        return RefusedError(
            f"{url} answered {status} with {kind}: a proxy whose server does not answer?",
            "try again; look into the server's log",
            status=status,
        )
    return RefusedError(
        f"{url} answered {status} with {kind}: it is not a Holdfast server",
        f"check the address; {_OTHER_FORMAT}",
        status=status,
    )


def other_service(url: str) -> RefusedError | None:
    """The error for an address of W&B's own service, or None; asked before anything is sent."""
    host = urlsplit(url).hostname or ""
    if host in {"wandb.ai", "wandb.com"} or host.endswith((".wandb.ai", ".wandb.com")):
        return RefusedError(f"{url} is W&B's own service, not a Holdfast server", _OTHER_FORMAT)
    return None


def _no_connection(url: str, error: u3.NewConnectionError) -> UnreachableError:
    reason = error.__cause__
    if isinstance(reason, OSError) and reason.errno == errno.ECONNREFUSED:
        return UnreachableError(
            f"nothing listens at {url} (connection refused)",
            "start the server (holdfast serve) or check the address and port",
        )
    said = (reason.strerror if isinstance(reason, OSError) else None) or "no route"
    return UnreachableError(
        f"no connection to {url} ({said})", "check the address, the network and the firewall"
    )


def _proxy(url: str, error: u3.ProxyError) -> UnreachableError:
    inner = error.original_error
    if isinstance(inner, u3.NameResolutionError):
        said = "its name has no address"
    elif isinstance(inner, u3.TimeoutError) and not isinstance(inner, u3.NewConnectionError):
        said = "it does not answer"
    else:
        said = _innermost(inner)
    if "407" in said:
        said = "it wants a user name and password"
    return UnreachableError(
        f"the proxy on the way to {url} fails ({said})",
        "check HTTP_PROXY and HTTPS_PROXY, or name the server in NO_PROXY",
    )


def _tls(url: str, error: Exception) -> UnreachableError:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = next((a for a in cause.args if isinstance(a, BaseException)), cause.__cause__)
    code = cause.verify_code if isinstance(cause, ssl.SSLCertVerificationError) else 0
    if code in _UNKNOWN_CA:
        return UntrustedError(
            f"the certificate of {url} is signed by an authority that is not known here",
            "set SSL_CERT_FILE to a file with the authority's certificate",
        )
    if code in {_EXPIRED, _NOT_YET}:
        word = "has expired" if code == _EXPIRED else "is not valid yet"
        return UntrustedError(
            f"the certificate of {url} {word}", "renew it, or check the clock of this machine"
        )
    if code in {_HOSTNAME, _ADDRESS}:
        return UntrustedError(
            f"the certificate of {url} is for another name",
            "use the name that the certificate is for",
        )
    if isinstance(cause, ssl.SSLCertVerificationError):
        return UntrustedError(
            f"the certificate of {url} cannot be trusted ({cause.verify_message})",
            "ask who runs the server",
        )
    said = getattr(cause, "reason", None) or str(error)
    if said in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"}:
        return UntrustedError(f"{url} does not speak TLS", "write http:// in the address")
    return UnreachableError(f"no TLS connection to {url} ({said})", "ask who runs the server")


def _innermost(error: BaseException) -> str:
    """One phrase of what lies at the bottom of nested exceptions."""
    while True:
        inner = next((a for a in error.args if isinstance(a, BaseException)), None)
        if inner is None:
            break
        error = inner
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, HTTPException) and not str(error):
        return type(error).__name__
    return str(error) or type(error).__name__


def _origin(location: str) -> str:
    parts = urlsplit(location)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else location[:200]
