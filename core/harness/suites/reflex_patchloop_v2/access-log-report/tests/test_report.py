import accesslog
from report import report

LINES = [
    "/home 200 120",
    "/cart 500 -",
    "broken line",
    "/home 200 80",
    "/about 404 15",
    "/cart 200 0",
]


def test_log_reader_is_as_delivered():
    assert list(accesslog.read(["/a 200 -", "?"])) == [accesslog.Access("/a", 200, None)]


def test_requests():
    assert report(LINES)["requests"] == 5


def test_errors():
    assert report(LINES)["errors"] == 2
    assert report(["/a 399 1", "/a 400 1"])["errors"] == 1


def test_bytes():
    assert report(LINES)["bytes"] == 215
    assert report(["/a 200 -"])["bytes"] == 0


def test_busiest_paths():
    assert report(LINES)["busiest"] == ["/cart", "/home", "/about"]
    assert report(LINES, top=1)["busiest"] == ["/cart"]


def test_busiest_by_number_first():
    lines = ["/z 200 1", "/z 200 1", "/a 200 1", "/b 200 1"]
    assert report(lines)["busiest"] == ["/z", "/a", "/b"]


def test_empty_log():
    assert report([]) == {"requests": 0, "errors": 0, "bytes": 0, "busiest": []}


def test_lines_from_an_iterator():
    assert report(iter(LINES)) == report(LINES)
