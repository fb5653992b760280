"""Processes jobs with a fixed number of workers."""

import asyncio

from outcomes import Outcomes


class Pool:
    """Runs jobs, which are async functions without arguments."""

    def __init__(self, workers):
        self.workers = workers
        self._queue = asyncio.Queue()
        self._added = 0

    def add(self, job):
        """Queue a job; it is given the next number."""
        self._queue.put_nowait((self._added, job))
        self._added += 1

    async def run(self, jobs):
        """Process ``jobs`` and all that they add; returns the outcomes."""
        outcomes = Outcomes()
        for job in jobs:
            self.add(job)
        workers = [asyncio.create_task(self._work(outcomes)) for _ in range(self.workers)]
        await asyncio.wait(workers)
        return outcomes.all()

    async def _work(self, outcomes):
        while not self._queue.empty():
            number, job = self._queue.get_nowait()
            try:
                outcomes.ok(number, await job())
            except Exception as error:
                outcomes.error(number, error)
