"""Serves the page and its requests."""

import asyncio
import base64
import json
import logging
import pathlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from emoji_gan.edit import unwanted_pairs
from emoji_gan.errors import UserError
from explore import export_formats, messages, recipe, uploads
from explore.guard import Guard
from explore.job_queue import Event, Job, JobQueue
from explore.messages import Refused
from explore.session import Session
from input_pipeline import DataError

_PAGE = pathlib.Path(__file__).parent / "page"
_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_MAX_JSON = 4 << 20
_SHARP_PX = 128  # of what is shown large: one pass of the restorer
_STATUS = {"too_large": 413, "too_many": 429}

# Reads a request's body -> work that a thread does for it.
Handler = Callable[[bytes], Callable[[], Iterator[Event]]]


def make_app(session: Session, token: str, hosts: list[str], queue: JobQueue) -> ASGIApp:
    """Returns the application.

    Args:
      session: that draws, on the queue's thread only.
      token: that every address begins with.
      hosts: that it answers to.
      queue: of the work.
    """
    session.tick = queue.tick
    files = {
        path.name: Response(path.read_bytes(), media_type=_TYPES[path.suffix])
        for path in sorted(_PAGE.iterdir())
        if path.suffix in _TYPES
    }
    model = session.description() | {
        "formats": export_formats.available(),
        "unwanted": [(r.en, r.fr) for r in unwanted_pairs.reasons()],
    }

    async def page(request: Request) -> Response:
        name = request.path_params.get("name") or "index.html"
        return files.get(name) or Response(status_code=404)

    async def describe(request: Request) -> Response:
        return JSONResponse(model)

    def posts(handler: Handler, max_bytes: int) -> Callable:
        async def answer(request: Request) -> Response:
            lang = request.query_params.get("lang")
            lang = lang if lang in messages.LANGUAGES else "en"
            try:
                work = handler(await _body(request, max_bytes))
                return _Stream(queue, work, lang)
            except (UserError, DataError) as e:
                status = _STATUS.get(getattr(e, "code", ""), 400)
                return JSONResponse({"error": messages.of_error(e, lang)}, status)

        return answer

    def post(name: str, handler: Handler, max_bytes: int = _MAX_JSON) -> Route:
        return Route(f"/api/{name}", posts(handler, max_bytes), methods=["POST"])

    routes = [
        Route("/", page),
        Route("/{name}", page),
        Route("/api/model", describe),
        post("draw", lambda body: _draw(session, body)),
        post("export", lambda body: _export(session, body)),
        post("emoji", lambda body: _emoji(session, body)),
        post("directions", lambda body: lambda: iter([{"directions": session.directions.names}])),
        post("picture", lambda body: _picture(session, body), uploads.MAX_BYTES),
    ]
    return Guard(Starlette(routes=routes), token, hosts)


async def _body(request: Request, max_bytes: int) -> bytes:
    """Reads a body, and no more of it than is allowed."""
    limit = Refused("too_large", limit=f"{max_bytes >> 20} MiB")
    stated = request.headers.get("content-length", "0")
    if not stated.isdecimal() or int(stated) > max_bytes:
        raise limit
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise limit
    return bytes(body)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as e:
        raise Refused("bad_json") from e


# ---- what requests do ----------------------------------------------------------------------------


def _draw(session: Session, body: bytes) -> Callable[[], Iterator[Event]]:
    data = _json(body)
    wish = recipe.read_wish(data)

    def work() -> Iterator[Event]:
        first = wish.items[0] if wish.items else None
        if isinstance(first, recipe.Point | recipe.Variation) and first.text:
            yield {"understood": session.understood(first.text, first.lang)}
        if wish.walk:
            yield from _frames(session, wish)
            return
        batches = []
        for drawn in session.draw(wish.items):
            batches.append(drawn)
            yield {"rows": drawn.rows, "pictures": _packed(drawn.pictures), "notes": drawn.notes}
        for drawn in batches if data.get("sharp") else ():
            for sharp in session.enlarged(drawn.pictures, _SHARP_PX):
                yield {"rows": drawn.rows, "sharp": _packed(sharp)}
        for drawn in batches if data.get("nearest") else ():
            yield {"rows": drawn.rows, "nearest": session.nearest(drawn.pictures)}

    return work


def _frames(session: Session, wish: recipe.Wish) -> Iterator[Event]:
    start = 0
    for frames in session.frames(wish.walk):
        for part in session.enlarged(frames, wish.size_px):
            rows = list(range(start, start + len(part)))
            yield {"rows": rows, "pictures": _packed(part)}
            start += len(part)


def _packed(pictures: np.ndarray) -> list[str]:
    return [uploads.packed(picture) for picture in pictures]


def _export(session: Session, body: bytes) -> Callable[[], Iterator[Event]]:
    data = _json(body)
    return lambda: export_formats.file_events(session, data)


def _emoji(session: Session, body: bytes) -> Callable[[], Iterator[Event]]:
    data = _json(body)
    text = data.get("text") if isinstance(data, dict) else None
    if not isinstance(text, str) or not 0 < len(text) <= 100:
        raise Refused("bad_request", where="text", expected="1 ... 100 characters")

    def work() -> Iterator[Event]:
        yield {"source": session.named(text)}

    return work


def _picture(session: Session, body: bytes) -> Callable[[], Iterator[Event]]:
    def work() -> Iterator[Event]:
        yield {"source": session.recognised(uploads.read(body))}

    return work


# ---- streams -------------------------------------------------------------------------------------


class _Stream(Response):
    """Answers with a line of JSON for each event of a job, which ends when nobody reads them."""

    def __init__(self, queue: JobQueue, work: Callable[[], Iterator[Event]], lang: str) -> None:
        super().__init__(media_type="application/x-ndjson")
        self._queue, self._lang = queue, lang
        self._events: asyncio.Queue[Event | Exception | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def post(event: Event | Exception | None) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._events.put_nowait, event)

        self._job = Job(work, post)
        queue.submit(self._job)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the events until the job ends or the client goes."""
        sending = asyncio.create_task(self._send(send))
        gone = asyncio.create_task(_until_gone(receive))
        try:
            await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._job.cancel()
            self._queue.forget_cancelled()
            for task in (sending, gone):
                task.cancel()
        if sending.done() and not sending.cancelled() and (error := sending.exception()):
            if isinstance(error, OSError | ClientDisconnect):
                return
            raise error

    async def _send(self, send: Send) -> None:
        headers = [(b"content-type", b"application/x-ndjson")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for line in self._lines():
            await send({"type": "http.response.body", "body": line, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _lines(self) -> AsyncIterator[bytes]:
        while (event := await self._events.get()) is not None:
            if isinstance(event, UserError | DataError):
                event = {"error": messages.of_error(event, self._lang)}
            elif isinstance(event, Exception):
                event = {"error": messages.text("bug", self._lang, {})}
            yield json.dumps(event, default=_as_text, allow_nan=False).encode() + b"\n"


def _as_text(value: object) -> str:
    """Encodes files within JSON."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(type(value))


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        logging.debug("explore: more of a body that was read")
