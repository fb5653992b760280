from plurals import form
from texts import fallbacks, translate

CATALOGS = {
    "en": {
        "hello": "Hello {name}",
        "bye": "Goodbye",
        "files": {"one": "{count} file", "other": "{count} files"},
        "brace": "Use {curly} and {name}",
    },
    "de": {"hello": "Hallo {name}", "files": {"one": "{count} Datei", "other": "{count} Dateien"}},
    "de-AT": {"hello": "Servus {name}"},
    "pl": {
        "files": {"one": "{count} plik", "few": "{count} pliki", "many": "{count} plików"},
        "days": {"one": "{count} dzień", "other": "{count} dni"},
    },
}


def test_text_of_the_locale():
    assert translate(CATALOGS, "de-AT", "hello", name="Ida") == "Servus Ida"
    assert translate(CATALOGS, "en", "bye") == "Goodbye"


def test_falls_back_to_the_language():
    assert translate(CATALOGS, "de-CH", "hello", name="Ida") == "Hallo Ida"
    assert translate(CATALOGS, "de-AT", "files", count=2) == "2 Dateien"


def test_falls_back_to_english():
    assert translate(CATALOGS, "de-AT", "bye") == "Goodbye"
    assert translate(CATALOGS, "pl", "hello", name="Ola") == "Hello Ola"
    assert translate(CATALOGS, "fr", "bye") == "Goodbye"


def test_unknown_key():
    assert translate(CATALOGS, "de", "nothing") == "nothing"
    assert translate({}, "en", "what {is} this") == "what {is} this"
    assert fallbacks("en") == ["en"]


def test_english_and_german_plurals():
    assert [form("en", count) for count in (0, 1, 2)] == ["other", "one", "other"]
    assert translate(CATALOGS, "de", "files", count=1) == "1 Datei"


def test_polish_plurals():
    forms = {count: form("pl", count) for count in (1, 2, 4, 5, 12, 14, 22, 101, 104, 112, 1000, 0)}
    assert forms == {
        1: "one",
        2: "few",
        4: "few",
        5: "many",
        12: "many",
        14: "many",
        22: "few",
        101: "many",
        104: "few",
        112: "many",
        1000: "many",
        0: "many",
    }
    assert translate(CATALOGS, "pl", "files", count=24) == "24 pliki"


def test_rule_belongs_to_the_language():
    assert form("pl-PL", 3) == "few"
    assert translate(CATALOGS, "pl-PL", "files", count=5) == "5 plików"


def test_missing_form_uses_other():
    assert translate(CATALOGS, "pl", "days", count=3) == "3 dni"


def test_fallback_text_takes_the_rule_of_its_own_language():
    catalogs = {"en": {"days": {"one": "{count} day", "few": "FEW", "other": "{count} days"}}}
    assert translate(catalogs, "pl", "days", count=3) == "3 days"


def test_placeholder_without_value_stays():
    assert translate(CATALOGS, "en", "brace", name="x") == "Use {curly} and x"
    assert translate(CATALOGS, "en", "hello") == "Hello {name}"
