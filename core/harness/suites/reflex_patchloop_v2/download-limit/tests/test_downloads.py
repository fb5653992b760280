import asyncio

from downloads import download_all


class Server:
    """Counts the fetches under way; addresses that begin with ! fail."""

    def __init__(self):
        self.active = 0
        self.peak = 0
        self.fetched = []

    async def fetch(self, address):
        self.active += 1
        self.peak = max(self.peak, self.active)
        self.fetched.append(address)
        try:
            for _ in range(3):
                await asyncio.sleep(0)
            if address.startswith("!"):
                raise ConnectionError(address)
            return address.upper()
        finally:
            self.active -= 1


def run(addresses, **options):
    server = Server()
    return asyncio.run(download_all(server.fetch, addresses, **options)), server


def test_contents_in_order():
    contents, _ = run(["b", "a", "c"])
    assert list(contents.items()) == [("b", "B"), ("a", "A"), ("c", "C")]


def test_repetitions_are_fetched_once():
    contents, server = run(["a", "b", "a"])
    assert contents == {"a": "A", "b": "B"}
    assert sorted(server.fetched) == ["a", "b"]


def test_failure_is_an_entry():
    contents, server = run(["a", "!b", "c"])
    assert contents["a"] == "A"
    assert contents["c"] == "C"
    assert isinstance(contents["!b"], ConnectionError)
    assert list(contents) == ["a", "!b", "c"]
    assert server.active == 0


def test_limit_holds():
    contents, server = run("abcdefgh", limit=3)
    assert len(contents) == 8
    assert server.peak == 3


def test_limit_of_one_and_failures():
    contents, server = run(["!a", "!b", "c"], limit=1)
    assert server.peak == 1
    assert [type(content).__name__ for content in contents.values()] == [
        "ConnectionError",
        "ConnectionError",
        "str",
    ]


def test_nothing_to_fetch():
    assert run([])[0] == {}


def test_cancelling_cancels():
    async def scenario():
        started = asyncio.Event()

        async def hang(address):
            started.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(download_all(hang, ["a", "b"], limit=1))
        await started.wait()
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return True
        return False

    assert asyncio.run(scenario())
