"""A program and a test in the form of QuixBugs, to be filled in."""

HALVE = """
def halve(number, error):
    return number / {divisor}
"""
JSON_TEST = """
import pytest
from load_testdata import load_json_testcases

if pytest.use_correct:
    from correct_python_programs.{name} import {name}
else:
    from python_programs.{name} import {name}

testdata = load_json_testcases({name}.__name__)


@pytest.mark.parametrize("input_data,expected", testdata)
def test_{name}(input_data, expected):
    if not pytest.run_slow and input_data == [7, -1000000, 7]:
        pytest.skip("takes minutes")
    assert {name}(*input_data) == expected
"""
