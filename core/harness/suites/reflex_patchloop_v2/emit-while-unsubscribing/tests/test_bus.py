from bus import Bus


def test_delivery_in_order():
    bus, seen = Bus(), []
    bus.subscribe("save", lambda payload: seen.append(("a", payload)))
    bus.subscribe("save", lambda payload: seen.append(("b", payload)))
    assert bus.emit("save", 1) == 2
    assert seen == [("a", 1), ("b", 1)]


def test_no_listener():
    assert Bus().emit("save") == 0


def test_once_is_called_once():
    bus, seen = Bus(), []
    bus.once("save", seen.append)
    bus.emit("save", 1)
    bus.emit("save", 2)
    assert seen == [1]


def test_listener_after_a_once_gets_the_event():
    bus, seen = Bus(), []
    bus.once("save", lambda payload: seen.append("once"))
    bus.once("save", lambda payload: seen.append("twin"))
    bus.subscribe("save", lambda payload: seen.append("always"))
    assert bus.emit("save") == 3
    assert seen == ["once", "twin", "always"]
    assert bus.emit("save") == 1


def test_unsubscribed_before_its_turn():
    bus, seen = Bus(), []

    def second(payload):
        seen.append("second")

    bus.subscribe("save", lambda payload: bus.unsubscribe("save", second))
    bus.subscribe("save", second)
    bus.subscribe("save", lambda payload: seen.append("third"))
    assert bus.emit("save") == 2
    assert seen == ["third"]


def test_added_during_delivery_waits():
    bus, seen = Bus(), []

    def late(payload):
        seen.append(payload)

    bus.once("save", lambda payload: bus.subscribe("save", late))
    assert bus.emit("save", 1) == 1
    assert seen == []
    bus.emit("save", 2)
    assert seen == [2]
