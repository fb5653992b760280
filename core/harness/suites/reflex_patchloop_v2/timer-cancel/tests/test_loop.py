from loop import Loop


def recorder():
    loop, calls = Loop(), []
    return loop, calls, lambda name: lambda: calls.append(name)


def test_order_of_times():
    loop, calls, note = recorder()
    loop.call_at(5, note("late"))
    loop.call_at(1, note("early"))
    loop.call_at(9, note("never"))
    assert loop.run_until(5) == 2
    assert calls == ["early", "late"]
    assert loop.pending == 1


def test_equal_times_in_order_of_creation():
    loop, calls, note = recorder()
    for name in "gfedcba":
        loop.call_at(3, note(name))
    loop.run_until(3)
    assert calls == list("gfedcba")


def test_cancelled_timer_is_not_called():
    loop, calls, note = recorder()
    loop.call_at(1, note("a"))
    timer = loop.call_at(2, note("b"))
    timer.cancel()
    assert loop.pending == 1
    assert loop.run_until(9) == 1
    assert calls == ["a"]
    assert loop.pending == 0


def test_cancelled_by_an_earlier_callback():
    loop, calls, note = recorder()
    second = loop.call_at(2, note("second"))
    loop.call_at(1, second.cancel)
    assert loop.run_until(5) == 1
    assert calls == []


def test_repeating_timer():
    loop, calls, note = recorder()
    loop.call_every(10, note("tick"))
    assert loop.run_until(10) == 1
    assert loop.run_until(20) == 1
    assert loop.pending == 1


def test_repeating_timer_does_not_drift():
    loop = Loop()
    times = []
    loop.call_every(10, lambda: times.append(loop.now))
    assert loop.run_until(13) == 1
    assert loop.run_until(19) == 0
    assert loop.run_until(22) == 1
    assert loop.run_until(55) == 3


def test_repeating_timers_take_turns():
    loop, calls, note = recorder()
    loop.call_every(2, note("a"))
    loop.call_every(5, note("b"))
    loop.run_until(9)
    assert calls == ["a", "a", "b", "a", "a"]


def test_repeating_timer_cancels_itself():
    loop, calls, note = recorder()

    def tick():
        calls.append("tick")
        if len(calls) == 2:
            timer.cancel()

    timer = loop.call_every(1, tick)
    loop.run_until(10)
    assert calls == ["tick", "tick"]
    assert loop.pending == 0


def test_cancel_after_some_repetitions():
    loop, calls, note = recorder()
    timer = loop.call_every(1, note("tick"))
    loop.run_until(3)
    timer.cancel()
    loop.run_until(9)
    assert calls == ["tick"] * 3


def test_timer_made_by_a_callback():
    loop, calls, note = recorder()
    loop.call_at(1, lambda: loop.call_at(2, note("inner")))
    loop.call_at(3, note("outer"))
    assert loop.run_until(4) == 3
    assert calls == ["inner", "outer"]
