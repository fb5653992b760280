from importer import parse_row, write_row


def test_plain_cells():
    assert parse_row("4711,Tea,2.50") == ["4711", "Tea", "2.50"]


def test_blanks_around_cells():
    assert parse_row("4711 , Tea ,  2.50") == ["4711", "Tea", "2.50"]


def test_comma_inside_quotes():
    assert parse_row('4711,"Tea, green",2.50') == ["4711", "Tea, green", "2.50"]


def test_quoted_cell_after_a_blank():
    assert parse_row('4711, "Tea, green", 2.50') == ["4711", "Tea, green", "2.50"]


def test_doubled_quote():
    assert parse_row('1,"12"" record"') == ["1", '12" record']


def test_empty_cells_are_kept():
    assert parse_row("a,,c,") == ["a", "", "c", ""]


def test_round_trip():
    cells = ["x", 'say "hi", then go', "", "y,z"]
    assert parse_row(write_row(cells)) == cells
