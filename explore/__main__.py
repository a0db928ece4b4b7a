"""Opens a local page that explores what a model draws.

    python -m explore
    python -m explore --lang=fr --port=8123 --no-browser
    python -m explore --replay=loop.json --out=made_again

The page is served to this machine only, at an address with a token. `--replay` makes the file of an
exported recipe again, without a page.
"""

import argparse
import itertools
import secrets
import socket
import webbrowser

import uvicorn

from emoji_gan import errors
from emoji_gan.errors import UserError
from emoji_gan.runtime import host, paths
from explore import export_formats
from explore.job_queue import Job, JobQueue
from explore.server import make_app
from explore.session import Session

_LOOPBACK = "127.0.0.1"


def _parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="python -m explore", description=__doc__.partition("\n")[0], allow_abbrev=False
    )
    p.add_argument("--port", type=int, default=0, help="default: any free one")
    p.add_argument("--no-browser", action="store_true", help="print the address only")
    p.add_argument(
        "--model", type=paths.local, help="workdir or model file; default: the shipped of one step"
    )
    p.add_argument("--lang", choices=("fr", "en"), help="of the page; default: the browser's")
    p.add_argument("--replay", type=paths.local, help="JSON that the page exported")
    p.add_argument("--out", type=paths.local, default="explored", help="folder of --replay")
    return p


def main() -> int:
    """Runs the command line."""
    a = _parser().parse_args()
    if not 0 <= a.port <= 65535:
        raise UserError(f"--port={a.port}: expected 0 to 65535")
    host.setup_host_memory()
    host.setup_compilation_cache()
    if a.replay:
        print(export_formats.replay(Session(a.model), a.replay, a.out))
        return errors.EXIT_OK
    with _bound(a.port) as bound:
        _serve(Session(a.model), bound, a)
    return errors.EXIT_OK


def _bound(port: int) -> socket.socket:
    """Returns a socket that is bound to this machine's loopback.

    Raises:
      UserError: the port is taken or not allowed.
    """
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((_LOOPBACK, port))
        bound.listen()  # so that the address answers from when it is printed
    except OSError as e:
        bound.close()
        raise UserError(f"--port={port}: {e.strerror}; choose another, or leave it out") from e
    return bound


def _serve(session: Session, bound: socket.socket, a: argparse.Namespace) -> None:
    port, token, queue = bound.getsockname()[1], secrets.token_urlsafe(16), JobQueue()
    # Loads and compiles what the first request needs, while the browser opens, until it is there.
    warm_up = itertools.takewhile(lambda _: not len(queue), session.warm_up())
    queue.submit(Job(lambda: warm_up, lambda event: None))
    hosts = [f"{name}:{port}" for name in (_LOOPBACK, "localhost")]
    app = make_app(session, token, hosts, queue)
    address = f"http://{_LOOPBACK}:{port}/{token}/" + (f"?lang={a.lang}" if a.lang else "")
    print(f"{address}\nCtrl-C ends it.", flush=True)
    if not a.no_browser:
        webbrowser.open(address)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        http="h11",
        limit_concurrency=256,
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run(sockets=[bound])


if __name__ == "__main__":
    errors.run(main)
