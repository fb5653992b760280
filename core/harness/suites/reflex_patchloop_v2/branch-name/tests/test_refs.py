from refs import branch_name, branches


def test_simple_name():
    assert branch_name("refs/heads/main") == "main"


def test_name_with_one_slash():
    assert branch_name("refs/heads/feature/login") == "feature/login"


def test_name_with_several_slashes():
    assert branch_name("refs/heads/team/a/b") == "team/a/b"


def test_name_of_letters_that_the_prefix_has():
    assert branch_name("refs/heads/search") == "search"
    assert branch_name("refs/heads/refs/heads/x") == "refs/heads/x"


def test_tags_are_no_branches():
    assert branch_name("refs/tags/v1") is None


def test_all_branches_sorted():
    refs = ["refs/heads/z", "refs/tags/v1", "refs/heads/fix/a"]
    assert branches(refs) == ["fix/a", "z"]
