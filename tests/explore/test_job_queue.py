"""Jobs wait their turn, can be cancelled, and end when nobody waits for them."""

import asyncio
import json
import threading

import pytest

from explore import server
from explore.job_queue import Job, JobQueue
from explore.messages import Refused
from tests.explore.conftest import HOST, TOKEN


def _wait(condition) -> None:
    done = threading.Event()
    for _ in range(500):
        if condition():
            return
        done.wait(0.01)
    raise AssertionError("it did not happen")


def test_jobs_wait_their_turn_know_their_place_and_can_be_cancelled():
    queue, gate, order = JobQueue(most_waiting=3), threading.Event(), []
    posted = {name: [] for name in "abcd"}

    def work(name):
        def steps():
            order.append(name)
            yield {"step": 1}
            gate.wait(10)
            yield {"step": 2}

        return steps

    jobs = {name: Job(work(name), posted[name].append) for name in "abcd"}
    queue.submit(jobs["a"])
    _wait(lambda: order == ["a"])
    for name in "bcd":
        queue.submit(jobs[name])
    assert [posted[name] for name in "bcd"] == [[{"place": n}] for n in (1, 2, 3)]
    with pytest.raises(Refused, match="3 requests are waiting"):
        queue.submit(Job(work("e"), lambda event: None))
    jobs["b"].cancel()
    queue.forget_cancelled()
    assert posted["c"][-1] == {"place": 1} and posted["d"][-1] == {"place": 2}
    gate.set()
    _wait(lambda: posted["d"][-1:] == [None])
    assert order == ["a", "c", "d"] and posted["b"] == [{"place": 1}]
    assert posted["c"][-3:] == [{"step": 1}, {"step": 2}, None]


def test_an_error_ends_its_own_job_only(caplog):
    queue, posted = JobQueue(), []

    def broken():
        yield {}
        raise ZeroDivisionError

    queue.submit(Job(broken, posted.append))
    _wait(lambda: posted[-1:] == [None])
    assert isinstance(posted[-2], ZeroDivisionError) and "ZeroDivisionError" in caplog.text
    queue.submit(Job(lambda: iter([{"fine": 1}]), posted.append))
    _wait(lambda: posted[-2:] == [{"fine": 1}, None])


def test_work_ends_when_its_client_goes(app, queue, monkeypatch):
    """As a killed tab goes: the connection ends, and nothing else is said."""
    steps, gone = [], threading.Event()

    def endless(session, body):
        def work():
            while True:
                steps.append(1)
                yield {"step": len(steps)}
                gone.wait(0.01)

        return work

    monkeypatch.setattr(server, "_draw", endless)
    body = json.dumps({"items": [{}]}).encode()
    scope = {
        "type": "http",
        "method": "POST",
        "path": f"/{TOKEN}/api/draw",
        "raw_path": b"",
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "http_version": "1.1",
        "headers": [(b"host", HOST.encode())],
    }

    async def go():
        first_line = asyncio.Event()
        incoming = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive():
            for message in incoming:
                return message
            await first_line.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            if b"step" in message.get("body", b""):
                first_line.set()

        await asyncio.wait_for(app(scope, receive, send), 20)

    asyncio.run(go())
    after = len(steps)
    gone.set()
    posted = []
    queue.submit(Job(lambda: iter([{"next": 1}]), posted.append))
    _wait(lambda: posted[-1:] == [None])
    assert len(steps) <= after + 1


def test_work_without_events_ends_where_it_ticks():
    queue, began, ended = JobQueue(), threading.Event(), threading.Event()

    def long():
        try:
            while True:
                began.set()
                queue.tick()
        finally:
            ended.set()
        yield {}

    job, posted = Job(long, lambda event: None), []
    queue.submit(job)
    assert began.wait(10) and not ended.is_set()
    job.cancel()
    assert ended.wait(10)
    queue.submit(Job(lambda: iter([{"step": 1}]), posted.append))
    _wait(lambda: posted[-1:] == [None])
    assert {"step": 1} in posted
