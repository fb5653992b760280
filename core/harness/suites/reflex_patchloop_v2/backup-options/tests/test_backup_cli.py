import contextlib
import io

from backup_cli import parse


def exit_code(*arguments):
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            parse(arguments)
        except SystemExit as stop:
            return stop.code
    return None


def test_defaults():
    options = parse(["/home"])
    assert (options.source, options.compress, options.keep) == ("/home", True, 7)
    assert options.exclude == []


def test_compress():
    assert parse(["/", "--compress", "yes"]).compress is True
    assert parse(["/", "--compress", "no"]).compress is False


def test_compress_takes_only_yes_and_no():
    assert exit_code("/", "--compress", "maybe") == 2
    assert exit_code("/", "--compress", "") == 2


def test_exclude_several():
    options = parse(["/", "--exclude", "*.tmp", "--exclude", "cache"])
    assert options.exclude == ["*.tmp", "cache"]


def test_excludes_of_earlier_calls_are_gone():
    parse(["/", "--exclude", "*.tmp"])
    parse(["/", "--exclude", "*.log"]).exclude.append("more")
    assert parse(["/"]).exclude == []
    assert parse(["/", "--exclude", "a"]).exclude == ["a"]


def test_default_list_may_be_changed_by_the_caller():
    parse(["/"]).exclude.append("x")
    assert parse(["/"]).exclude == []


def test_keep():
    assert parse(["/", "--keep", "1"]).keep == 1
    assert exit_code("/", "--keep", "0") == 2
    assert exit_code("/", "--keep", "-1") == 2
    assert exit_code("/", "--keep", "many") == 2


def test_source_is_needed():
    assert exit_code() == 2
