"""Runs one piece of work at a time, in the order of arrival, on a thread of its own.

All drawing shares one processor, so more threads would only make everyone wait longer. Work is an
iterator: between two of its events it can be cancelled, and wherever it calls `JobQueue.tick`.
"""

import collections
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

from emoji_gan.errors import UserError
from explore.messages import Refused
from input_pipeline import DataError

Event = dict[str, Any]
Work = Callable[[], Iterator[Event]]
MOST_WAITING = 64


class Cancelled(Exception):
    """Ends work that nobody waits for any more."""


class Job:
    """Holds one piece of work.

    Attributes:
      work: called on the thread, yields events.
      post: takes an event, or an exception, and last None; called from any thread.
    """

    def __init__(self, work: Work, post: Callable[[Event | Exception | None], None]) -> None:
        self.work, self.post = work, post
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Stops the work at its next event, or before it begins; nothing is posted after that."""
        self._cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        """Returns whether nobody waits for the work any more."""
        return self._cancelled.is_set()


class JobQueue:
    """Runs jobs, one after the other.

    Args:
      most_waiting: jobs that may wait; more are refused.
    """

    def __init__(self, most_waiting: int = MOST_WAITING) -> None:
        self._most_waiting = most_waiting
        self._waiting: collections.deque[Job] = collections.deque()
        self._changed = threading.Condition()
        self._current: Job | None = None
        threading.Thread(target=self._run, name="drawing", daemon=True).start()

    def submit(self, job: Job) -> None:
        """Queues a job, and posts {'place': how many are before it}.

        Raises:
          Refused: too many wait.
        """
        with self._changed:
            self._forget_cancelled()
            if len(self._waiting) >= self._most_waiting:
                raise Refused("too_many", count=len(self._waiting))
            self._waiting.append(job)
            job.post({"place": len(self._waiting)})
            self._changed.notify()

    def forget_cancelled(self) -> None:
        """Removes cancelled jobs and tells those behind them that they moved up."""
        with self._changed:
            self._forget_cancelled()

    def tick(self) -> None:
        """Ends the work that calls it, on the thread of the queue, if that was cancelled.

        Raises:
          Cancelled: nobody waits for it any more.
        """
        if self._current and self._current.is_cancelled:
            raise Cancelled

    def __len__(self) -> int:
        """Returns the number of jobs that wait."""
        return len(self._waiting)

    def _forget_cancelled(self) -> None:
        kept = [job for job in self._waiting if not job.is_cancelled]
        if len(kept) != len(self._waiting):
            self._waiting = collections.deque(kept)
            self._post_places()

    def _post_places(self) -> None:
        for number, job in enumerate(self._waiting, 1):
            job.post({"place": number})

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    self._changed.wait()
                job = self._waiting.popleft()
                self._post_places()
            if not job.is_cancelled:
                job.post({"place": 0})
                self._current = job
                _work(job)
                self._current = None
                job.post(None)


def _work(job: Job) -> None:
    """Posts the events of a job until it ends, fails or is cancelled."""
    try:
        for event in job.work():
            if job.is_cancelled:
                return
            job.post(event)
    except Cancelled:
        return
    except (UserError, DataError) as e:
        job.post(e)
    except Exception as e:  # a bug of one request must not end the others
        logging.exception("explore")
        job.post(e)
