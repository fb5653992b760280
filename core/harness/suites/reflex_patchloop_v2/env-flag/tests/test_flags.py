from flags import enabled, env_flag


def test_unset_takes_the_default():
    assert env_flag({}, "X") is False
    assert env_flag({}, "X", default=True) is True


def test_true_words():
    for word in ("1", "true", "YES", "On", " true "):
        assert env_flag({"X": word}, "X") is True, word


def test_false_words():
    for word in ("0", "false", "no", "OFF", "False"):
        assert env_flag({"X": word}, "X") is False, word


def test_other_text_is_off():
    assert env_flag({"X": "2"}, "X") is False
    assert env_flag({"X": "maybe"}, "X", default=True) is False


def test_empty_is_off_even_with_default_on():
    assert env_flag({"X": ""}, "X", default=True) is False


def test_list_of_enabled_switches():
    environ = {"FEATURE_B": "on", "FEATURE_A": "1", "FEATURE_C": "off", "OTHER": "1"}
    assert enabled(environ) == ["a", "b"]
