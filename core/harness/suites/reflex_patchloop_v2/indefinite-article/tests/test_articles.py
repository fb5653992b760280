from articles import with_article


def test_vowels():
    assert with_article("apple") == "an apple"
    assert with_article("umbrella") == "an umbrella"


def test_consonants():
    assert with_article("pear") == "a pear"


def test_capitals():
    assert with_article("Orange") == "an Orange"
    assert with_article("Banana") == "a Banana"


def test_the_noun_itself_stays():
    assert with_article("ice cream").endswith(" ice cream")
