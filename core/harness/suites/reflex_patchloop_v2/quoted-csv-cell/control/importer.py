"""Reads rows that the accounting system exports."""

import csv
import io


def parse_row(line):
    """The cells of one line of comma-separated values, without blanks around them."""
    return [cell.strip() for cell in next(csv.reader([line]))]


def write_row(cells):
    """One line, quoted where needed, without a line end."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(cells)
    return buffer.getvalue()
