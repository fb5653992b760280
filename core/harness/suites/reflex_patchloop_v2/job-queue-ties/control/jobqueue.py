"""A queue of jobs by urgency."""

import heapq


class JobQueue:
    """Gives out the most urgent job first (lowest priority number)."""

    def __init__(self):
        self._heap = []

    def __len__(self):
        return len(self._heap)

    def push(self, priority, job):
        """Put a job in; any object will do."""
        heapq.heappush(self._heap, (priority, len(self._heap), job))

    def pop(self):
        """Take the most urgent job out.

        Raises:
            IndexError: the queue is empty.
        """
        return heapq.heappop(self._heap)[2]

    def peek(self):
        """The most urgent job, left in the queue; None when the queue is empty."""
        return self._heap[0][2] if self._heap else None
