from retrying import delays, retry


class Flaky:
    """Fails as often as told, then gives 42."""

    def __init__(self, failures, error=OSError):
        self.failures = failures
        self.error = error
        self.calls = 0

    def __call__(self):
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error(f"failure {self.calls}")
        return 42


def error_of(*args, **options):
    try:
        retry(*args, **options)
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def test_first_attempt_succeeds():
    action = Flaky(0)
    assert retry(action) == 42
    assert action.calls == 1


def test_last_attempt_succeeds():
    action = Flaky(2)
    assert retry(action, attempts=3) == 42
    assert action.calls == 3


def test_all_attempts_fail():
    action = Flaky(99)
    error = error_of(action, attempts=3)
    assert action.calls == 3
    assert isinstance(error, OSError)
    assert str(error) == "failure 3"


def test_single_attempt():
    action = Flaky(1)
    assert str(error_of(action, attempts=1)) == "failure 1"
    assert action.calls == 1


def test_other_errors_come_out_at_once():
    action = Flaky(99, KeyError)
    assert isinstance(error_of(action, attempts=5), KeyError)
    assert action.calls == 1


def test_pauses_lie_between_attempts():
    waited = []
    error_of(Flaky(99), attempts=5, first_delay=1, cap=3, pause=waited.append)
    assert waited == [1, 2, 3, 3]


def test_no_pause_after_success():
    waited = []
    retry(Flaky(1), attempts=4, first_delay=0.25, pause=waited.append)
    assert waited == [0.25]


def test_delays():
    assert delays(1, 1, 9) == []
    assert delays(2, 4, 5) == [2, 4, 5]
