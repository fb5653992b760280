"""Command line of the backup tool."""

import argparse

DEFAULT_EXCLUDES = []


def build_parser():
    """The parser of ``backup SOURCE [options]``."""
    parser = argparse.ArgumentParser(prog="backup")
    parser.add_argument("source")
    parser.add_argument("--compress", choices=["yes", "no"], default="yes")
    parser.add_argument("--exclude", action="append", default=DEFAULT_EXCLUDES)
    parser.add_argument("--keep", type=int, choices=range(1, 1000), default=7)
    return parser


def parse(arguments):
    """The options as a namespace with source, compress (bool), exclude (list) and keep (int)."""
    options = build_parser().parse_args(arguments)
    options.compress = options.compress == "yes"
    return options
