from jobqueue import JobQueue


def job(name):
    return {"name": name}


def drain(queue):
    return [queue.pop()["name"] for _ in range(len(queue))]


def test_most_urgent_first():
    queue = JobQueue()
    for priority, name in ((5, "e"), (1, "a"), (3, "c")):
        queue.push(priority, job(name))
    assert drain(queue) == ["a", "c", "e"]


def test_empty():
    queue = JobQueue()
    assert len(queue) == 0
    assert queue.peek() is None
    try:
        queue.pop()
    except IndexError:
        return
    raise AssertionError("popped from an empty queue")


def test_equal_priorities_come_in_order():
    queue = JobQueue()
    for name in "zyxw":
        queue.push(2, job(name))
    assert drain(queue) == ["z", "y", "x", "w"]


def test_order_of_comparable_jobs_is_kept():
    queue = JobQueue()
    for text in ("pear", "apple", "fig"):
        queue.push(1, text)
    assert [queue.pop() for _ in range(3)] == ["pear", "apple", "fig"]


def test_order_survives_pops_in_between():
    queue = JobQueue()
    queue.push(1, job("a"))
    queue.push(2, job("b"))
    queue.push(2, job("c"))
    assert queue.pop() == job("a")
    queue.push(2, job("d"))
    assert queue.pop() == job("b")
    queue.push(2, job("e"))
    assert drain(queue) == ["c", "d", "e"]


def test_peek_agrees_with_pop():
    queue = JobQueue()
    queue.push(4, job("late"))
    queue.push(4, job("later"))
    assert queue.peek() == job("late")
    assert queue.pop() == job("late")
    assert len(queue) == 1
