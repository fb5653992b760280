from memo import memo


def counted(result=None):
    calls = []

    @memo
    def function(*args, **kwargs):
        """Docs."""
        calls.append((args, kwargs))
        return result(*args, **kwargs) if result else None

    return function, calls


def test_same_call_is_computed_once():
    function, calls = counted(lambda a, b: a + b)
    assert [function(1, 2), function(1, 2)] == [3, 3]
    assert len(calls) == 1


def test_other_positional_arguments():
    function, calls = counted(lambda a: a * 2)
    assert [function(1), function(2)] == [2, 4]
    assert len(calls) == 2


def test_other_keywords():
    function, calls = counted(lambda text, upper=False: text.upper() if upper else text)
    assert function("a") == "a"
    assert function("a", upper=True) == "A"
    assert function("a", upper=False) == "a"
    assert function("a", upper=True) == "A"
    assert len(calls) == 3


def test_names_of_keywords_matter():
    function, _ = counted(lambda **kwargs: sorted(kwargs))
    assert function(a=1) == ["a"]
    assert function(b=1) == ["b"]


def test_order_of_keywords_does_not_matter():
    function, calls = counted(lambda a, b: a - b)
    assert function(a=5, b=3) == 2
    assert function(b=3, a=5) == 2
    assert len(calls) == 1


def test_positional_tuple_is_no_keyword():
    function, calls = counted(lambda *args, **kwargs: (args, kwargs))
    assert function(("a", 1)) == ((("a", 1),), {})
    assert function(a=1) == ((), {"a": 1})
    assert len(calls) == 2


def test_none_is_remembered():
    function, calls = counted()
    assert function(1) is None
    assert function(1) is None
    assert len(calls) == 1


def test_forget_and_docs():
    function, calls = counted(lambda: 1)
    function()
    function.forget()
    function()
    assert len(calls) == 2
    assert function.__doc__ == "Docs."
