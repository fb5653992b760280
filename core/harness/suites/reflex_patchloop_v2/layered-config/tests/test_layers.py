import copy

from layers import load, lookup, origin

DEFAULTS = {
    "server": {"port": 80, "tls": {"on": False, "ciphers": ["a", "b"]}, "name": "x"},
    "paths": ["/etc"],
    "debug": False,
}
USER = {"server": {"tls": {"on": True}}, "paths": ["/home"], "colour": "red"}
SITE = {"server": {"name": None, "port": 8080}, "colour": None}
LAYERS = [("defaults", DEFAULTS), ("user", USER), ("site", SITE)]


def test_single_layer():
    assert load([("only", {"a": 1, "b": {"c": 2}})]) == {"a": 1, "b": {"c": 2}}
    assert load([]) == {}


def test_plain_values_win():
    assert load([("a", {"x": 1, "y": 1}), ("b", {"x": 2})]) == {"x": 2, "y": 1}


def test_sections_merge_at_every_depth():
    assert load(LAYERS)["server"] == {"port": 8080, "tls": {"on": True, "ciphers": ["a", "b"]}}


def test_lists_are_replaced():
    assert load(LAYERS)["paths"] == ["/home"]


def test_none_removes():
    settings = load(LAYERS)
    assert "colour" not in settings
    assert "name" not in settings["server"]
    assert load([("a", {"x": None, "s": {"y": None, "z": 1}})]) == {"s": {"z": 1}}


def test_none_removes_a_section_which_can_come_back():
    layers = [("a", {"s": {"x": 1, "y": 2}}), ("b", {"s": None}), ("c", {"s": {"y": 3}})]
    assert load(layers) == {"s": {"y": 3}}
    assert load(layers[:2]) == {}


def test_section_and_value_replace_each_other():
    assert load([("a", {"x": 1}), ("b", {"x": {"y": 2, "z": None}})]) == {"x": {"y": 2}}
    assert load([("a", {"x": {"y": 2}}), ("b", {"x": 1})]) == {"x": 1}


def test_layers_are_not_changed():
    before = copy.deepcopy(LAYERS)
    settings = load(LAYERS)
    settings["server"]["tls"]["ciphers"].append("c")
    settings["server"]["tls"]["on"] = "?"
    settings["paths"].clear()
    assert before == LAYERS


def test_origin():
    assert origin(LAYERS, "debug") == "defaults"
    assert origin(LAYERS, "server.port") == "site"
    assert origin(LAYERS, "server.tls.on") == "user"
    assert origin(LAYERS, "server.tls.ciphers") == "defaults"
    assert origin(LAYERS, "server.tls") == "user"
    assert origin(LAYERS, "server") == "site"


def test_origin_of_what_is_not_there():
    assert origin(LAYERS, "colour") is None
    assert origin(LAYERS, "server.name") is None
    assert origin(LAYERS, "server.port.x") is None
    assert origin(LAYERS, "nothing") is None


def test_origin_after_a_section_was_replaced():
    layers = [("a", {"s": {"x": 1, "y": 2}}), ("b", {"s": None}), ("c", {"s": {"y": 3}})]
    assert origin(layers, "s.x") is None
    assert origin(layers, "s.y") == "c"
    assert origin([("a", {"s": {"x": 1}}), ("b", {"s": 5})], "s.x") is None


def test_lookup():
    assert lookup(load(LAYERS), "server.tls.on") is True
    assert lookup(load(LAYERS), "server.tls.on.x") is None
