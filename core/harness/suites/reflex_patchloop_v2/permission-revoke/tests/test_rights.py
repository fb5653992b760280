from rights import ADMIN, READ, SHARE, WRITE, grant, names, revoke


def test_grant_adds():
    assert names(grant(READ, WRITE)) == ["read", "write"]
    assert grant(READ, READ) == READ


def test_revoke_a_held_right():
    assert revoke(READ | WRITE, WRITE) == READ


def test_revoke_a_right_that_is_not_held():
    assert revoke(READ, WRITE) == READ


def test_revoke_several_partly_held():
    assert revoke(READ | ADMIN, ADMIN | SHARE) == READ


def test_revoke_twice():
    assert revoke(revoke(READ | SHARE, SHARE), SHARE) == READ


def test_revoke_from_nobody():
    assert names(revoke(0, ADMIN)) == []
