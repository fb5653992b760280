from mailing import fill


def test_no_placeholder():
    assert fill("Hello, {you}", {"you": "x"}) == "Hello, {you}"


def test_one_placeholder():
    assert fill("Dear {{ name }},", {"name": "Ida"}) == "Dear Ida,"


def test_two_on_one_line():
    values = {"first": "Ida", "last": "Berg"}
    assert fill("{{first}} {{ last }}!", values) == "Ida Berg!"


def test_names_with_dots():
    values = {"user.name": "ida", "order.id": 17}
    assert fill("{{ user.name }}: #{{order.id}}", values) == "ida: #17"


def test_unknown_name_stays():
    assert fill("{{ a }} and {{ b }}", {"a": 1}) == "1 and {{ b }}"


def test_several_lines():
    assert fill("{{a}}\n{{b}} {{a}}", {"a": "x", "b": "y"}) == "x\ny x"
