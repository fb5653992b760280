from buildorder import CircleError, order


def circle_of(needs):
    try:
        order(needs)
    except CircleError as error:
        return error.circle
    raise AssertionError("no CircleError")


def assert_circle(circle, members):
    assert circle[0] == circle[-1]
    assert len(circle) == len(members) + 1
    start = members.index(circle[0])
    assert circle[:-1] == members[start:] + members[:start]


def test_nothing_to_build():
    assert order({}) == []


def test_chain():
    assert order({"app": ["lib"], "lib": ["base"], "base": []}) == ["base", "lib", "app"]


def test_shared_dependency_once():
    needs = {"app": ["ui", "db"], "ui": ["log"], "db": ["log"], "log": []}
    assert order(needs) == ["log", "ui", "db", "app"]


def test_many_diamonds():
    needs = {f"t{level}": [f"t{level + 1}", f"u{level + 1}"] for level in range(10)}
    needs |= {f"u{level}": [f"t{level + 1}", f"u{level + 1}"] for level in range(10)}
    built = order(needs)
    assert len(built) == len(set(built)) == 22


def test_unlisted_dependency():
    assert order({"app": ["libc"]}) == ["libc", "app"]


def test_circles():
    assert_circle(circle_of({"a": ["b"], "b": ["a"]}), ["a", "b"])
    assert_circle(circle_of({"x": ["x"]}), ["x"])
    needs = {"start": ["a"], "a": ["ok", "b"], "b": ["c"], "c": ["a"], "ok": []}
    assert_circle(circle_of(needs), ["a", "b", "c"])


def test_diamond_is_no_circle():
    assert order({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []})[-1] == "a"


def test_long_chain():
    needs = {f"t{number}": [f"t{number + 1}"] for number in range(6000)}
    built = order(needs)
    assert built[0] == "t6000"
    assert built[-1] == "t0"
