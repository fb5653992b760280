from menu import build_menu


def collect(labels):
    calls = []
    return build_menu(labels, lambda position, label: calls.append((position, label))), calls


def test_single_entry():
    menu, calls = collect(["Quit"])
    menu["Quit"]()
    assert calls == [(1, "Quit")]


def test_first_of_three():
    menu, calls = collect(["Open", "Save", "Quit"])
    menu["Open"]()
    assert calls == [(1, "Open")]


def test_each_reports_itself():
    menu, calls = collect(["Open", "Save", "Quit"])
    for label in ("Save", "Quit", "Open"):
        menu[label]()
    assert calls == [(2, "Save"), (3, "Quit"), (1, "Open")]


def test_result_of_the_handler_is_returned():
    menu = build_menu(["a", "b"], lambda position, label: f"{position}:{label}")
    assert [menu["a"](), menu["b"]()] == ["1:a", "2:b"]


def test_two_menus_do_not_mix():
    first, first_calls = collect(["x", "y"])
    second, second_calls = collect(["x", "z"])
    first["x"]()
    second["z"]()
    assert (first_calls, second_calls) == ([(1, "x")], [(2, "z")])
