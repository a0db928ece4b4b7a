"""Lets only this machine's own page in: by address, token, origin, and number of requests."""

import secrets
import time
from collections.abc import Iterable

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from explore import messages

_PER_SECOND = 100.0  # requests that one after the other may take for long
_AT_ONCE = 300.0
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Guard:
    """Wraps an application whose addresses all begin with a token.

    Args:
      app: sees paths without the token.
      token: of this run.
      hosts: that the header Host may name, e.g. '127.0.0.1:8123'.
    """

    def __init__(self, app: ASGIApp, token: str, hosts: Iterable[str]) -> None:
        self._app, self._token, self._hosts = app, token, set(hosts)
        self._left, self._since = _AT_ONCE, time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request itself, or hands it on."""
        if scope["type"] != "http":
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        _, _, rest = scope["path"].partition("/")
        token, slash, path = rest.partition("/")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(k.encode(), v.encode()) for k, v in _HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *own]}
            await send(message)

        refused = self._refusal(headers, token if slash else "")
        if refused is None:
            inner = {**scope, "path": f"/{path}", "raw_path": f"/{path}".encode()}
            await self._app(inner, receive, send_with_headers)
            return
        code, status = refused
        both = "\n".join(messages.text(code, lang, {}) for lang in messages.LANGUAGES)
        await PlainTextResponse(both, status)(scope, receive, send_with_headers)

    def _refusal(self, headers: dict[bytes, str], token: str) -> tuple[str, int] | None:
        """Returns why a request is refused, and the status; None: it is not."""
        if headers.get(b"host", "") not in self._hosts:
            return "bad_host", 403
        origin = headers.get(b"origin")
        if origin is not None and origin not in {f"http://{host}" for host in self._hosts}:
            return "bad_origin", 403
        if headers.get(b"sec-fetch-site", "none") not in ("none", "same-origin"):
            return "bad_origin", 403
        if not secrets.compare_digest(token.encode(), self._token.encode()):
            return "bad_token", 403
        now = time.monotonic()
        self._left = min(_AT_ONCE, self._left + (now - self._since) * _PER_SECOND)
        self._since = now
        if self._left < 1:
            return "too_fast", 429
        self._left -= 1
        return None
