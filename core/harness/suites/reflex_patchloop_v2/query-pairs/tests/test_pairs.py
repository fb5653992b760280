from pairs import read


def test_nothing():
    assert read("") == {}


def test_one_setting():
    assert read("mode=dark") == {"mode": "dark"}


def test_two_settings():
    assert read("mode=dark;size=12") == {"mode": "dark", "size": "12"}


def test_values_with_signs():
    assert read("sum=1+1=2;list=a,b") == {"sum": "1+1=2", "list": "a,b"}


def test_a_semicolon_at_the_end():
    assert read("a=1;") == {"a": "1"}
