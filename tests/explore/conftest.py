"""One session and one application for all tests of the explorer."""

import json

import pytest
from starlette.testclient import TestClient

from explore import server
from explore.job_queue import JobQueue
from explore.session import Session

TOKEN = "a-token-of-a-test"
HOST = "127.0.0.1:8123"


@pytest.fixture(scope="session")
def session():
    return Session()


@pytest.fixture(scope="session")
def queue():
    return JobQueue(most_waiting=4)


@pytest.fixture(scope="session")
def app(session, queue):
    return server.make_app(session, TOKEN, [HOST], queue)


class Page:
    """Asks the application as a page does."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def get(self, path: str, **options):
        return self.client.get(f"/{TOKEN}/{path}", **options)

    def post(self, name: str, body, lang: str = "en", **options):
        sent = {"content": body} if isinstance(body, bytes) else {"json": body}
        return self.client.post(f"/{TOKEN}/api/{name}?lang={lang}", **sent, **options)

    def events(self, name: str, body, lang: str = "en") -> list[dict]:
        answer = self.post(name, body, lang)
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]

    def last(self, name: str, body, lang: str = "en") -> dict:
        return self.events(name, body, lang)[-1]


@pytest.fixture
def page(app):
    # A browser that is on this page; without lifespan, as it is served.
    return Page(TestClient(app, base_url=f"http://{HOST}", raise_server_exceptions=False))
