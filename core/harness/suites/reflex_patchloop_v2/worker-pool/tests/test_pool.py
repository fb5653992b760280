import asyncio

from pool import Pool


def job(result, steps=0):
    async def run():
        for _ in range(steps):
            await asyncio.sleep(0)
        if isinstance(result, Exception):
            raise result
        return result

    return run


def run(workers, *jobs):
    async def main():
        return await asyncio.wait_for(Pool(workers).run(jobs), 5)

    return asyncio.run(main())


def test_results():
    assert run(2, job("a"), job("b"), job("c")) == [("ok", "a"), ("ok", "b"), ("ok", "c")]
    assert run(3) == []


def test_order_of_the_jobs():
    outcomes = run(3, job("slow", 9), job("mid", 4), job("fast"))
    assert [result for _, result in outcomes] == ["slow", "mid", "fast"]


def test_error_is_an_outcome():
    error = ValueError("bad")
    assert run(1, job(error), job("next")) == [("error", error), ("ok", "next")]


def test_more_errors_than_workers():
    errors = [ValueError(number) for number in range(5)]
    outcomes = run(2, *map(job, errors), job("last"))
    assert outcomes == [("error", error) for error in errors] + [("ok", "last")]


def test_at_most_so_many_at_a_time():
    active, peaks = [0], [0]

    async def counted():
        active[0] += 1
        peaks[0] = max(peaks[0], active[0])
        for _ in range(3):
            await asyncio.sleep(0)
        active[0] -= 1

    run(3, *[counted] * 10)
    assert peaks[0] == 3


def test_job_adds_jobs():
    async def main():
        pool = Pool(2)

        async def parent():
            pool.add(job("child 1", 5))
            pool.add(job("child 2"))
            return "parent"

        return await asyncio.wait_for(pool.run([parent, job("other")]), 5)

    results = [result for _, result in asyncio.run(main())]
    assert results == ["parent", "other", "child 1", "child 2"]


def test_late_addition_uses_idle_workers():
    async def main():
        pool = Pool(2)
        met = asyncio.Event()

        async def waits():
            for _ in range(200):
                await asyncio.sleep(0)
            return "met" if met.is_set() else "alone"

        async def meets():
            met.set()
            return "meets"

        async def parent():
            for _ in range(5):
                await asyncio.sleep(0)
            pool.add(waits)
            pool.add(meets)
            return "parent"

        return await asyncio.wait_for(pool.run([parent, job("short")]), 5)

    results = [result for _, result in asyncio.run(main())]
    assert results == ["parent", "short", "met", "meets"]


def test_second_run():
    async def main():
        pool = Pool(2)
        first = await asyncio.wait_for(pool.run([job(1), job(KeyError("x"))]), 5)
        second = await asyncio.wait_for(pool.run([job(2, 3), job(3)]), 5)
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        return first, second, left

    first, second, left = asyncio.run(main())
    assert [kind for kind, _ in first] == ["ok", "error"]
    assert second == [("ok", 2), ("ok", 3)]
    assert left == []
