"""Command line of the backup tool."""

import argparse


def _yes_or_no(text):
    answers = {"yes": True, "no": False}
    if text not in answers:
        raise argparse.ArgumentTypeError(f"yes or no, not {text!r}")
    return answers[text]


def _at_least_one(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


def build_parser():
    """The parser of ``backup SOURCE [options]``."""
    parser = argparse.ArgumentParser(prog="backup")
    parser.add_argument("source")
    parser.add_argument("--compress", type=_yes_or_no, default=True)
    parser.add_argument("--exclude", action="append", default=[])
    parser.add_argument("--keep", type=_at_least_one, default=7)
    return parser


def parse(arguments):
    """The options as a namespace with source, compress (bool), exclude (list) and keep (int)."""
    return build_parser().parse_args(arguments)
