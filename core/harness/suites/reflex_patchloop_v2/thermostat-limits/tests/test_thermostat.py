from thermostat import Thermostat


def refuses(action):
    try:
        action()
    except ValueError:
        return True
    return False


def test_defaults():
    thermostat = Thermostat()
    assert (thermostat.target, thermostat.limit) == (20, 30)


def test_target_is_checked_when_set():
    thermostat = Thermostat()
    assert refuses(lambda: setattr(thermostat, "target", 31))
    assert refuses(lambda: setattr(thermostat, "target", 4))
    assert thermostat.target == 20


def test_edges_are_allowed():
    assert Thermostat(5).target == 5
    assert Thermostat(30).target == 30
    assert Thermostat(25, limit=25).target == 25


def test_target_is_checked_at_creation():
    assert refuses(lambda: Thermostat(31))
    assert refuses(lambda: Thermostat(-3))
    assert refuses(lambda: Thermostat(28, limit=25))


def test_limit_is_checked_at_creation():
    assert refuses(lambda: Thermostat(20, limit=99))
    assert refuses(lambda: Thermostat(5, limit=4))


def test_lower_limit_lowers_the_target():
    thermostat = Thermostat(28)
    thermostat.limit = 24
    assert (thermostat.target, thermostat.limit) == (24, 24)


def test_limit_above_the_target_leaves_it():
    thermostat = Thermostat(18)
    thermostat.limit = 24
    assert thermostat.target == 18


def test_refused_limit_changes_nothing():
    thermostat = Thermostat(18, limit=25)
    assert refuses(lambda: setattr(thermostat, "limit", 31))
    assert refuses(lambda: setattr(thermostat, "limit", 2))
    assert (thermostat.target, thermostat.limit) == (18, 25)
