"""Addresses that carry their authority."""

from __future__ import annotations

import pytest

from holdfast.errors import RefusedError
from holdfast.ids import RunPath
from holdfast.server.gateway.signing import READ_SECONDS, Signer

RUN = RunPath("team", "digits", "r1")


def test_a_signature_is_good_for_one_method_run_and_path() -> None:
    now = [1700000000.0]
    signer = Signer(b"secret", lambda: now[0])
    query = signer.read_url("http://host", RUN, "a b/ü?.png").partition("?until=")[2]
    until, _, signature = query.partition("&signature=")
    signer.check("GET", RUN, "a b/ü?.png", until, signature)
    for method, run, path, when, sign in [
        ("PUT", RUN, "a b/ü?.png", until, signature),
        ("GET", RUN._replace(entity="other"), "a b/ü?.png", until, signature),
        ("GET", RUN, "a b", until, signature),
        ("GET", RUN, "a b/ü?.png", str(int(until) + 1), signature),
        ("GET", RUN, "a b/ü?.png", until, ""),
        ("GET", RUN, "a b/ü?.png", until, "é"),
        ("GET", RUN, "a b/ü?.png", "", signature),
        ("GET", RUN, "a b/ü?.png", "²", signature),
    ]:
        with pytest.raises(RefusedError) as refused:
            signer.check(method, run, path, when, sign)
        assert refused.value.status == 403
    with pytest.raises(RefusedError):
        Signer(b"another").check("GET", RUN, "a b/ü?.png", until, signature)
    now[0] += READ_SECONDS + 1
    with pytest.raises(RefusedError, match="no longer good"):
        signer.check("GET", RUN, "a b/ü?.png", until, signature)
