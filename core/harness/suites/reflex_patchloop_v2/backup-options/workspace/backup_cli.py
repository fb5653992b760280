"""Command line of the backup tool."""

import argparse

DEFAULT_EXCLUDES = []


def build_parser():
    """The parser of ``backup SOURCE [options]``."""
    parser = argparse.ArgumentParser(prog="backup")
    parser.add_argument("source")
    parser.add_argument("--compress", type=bool, default=True)
    parser.add_argument("--exclude", type=DEFAULT_EXCLUDES.append, default=DEFAULT_EXCLUDES)
    parser.add_argument("--keep", type=int, default=7)
    return parser


def parse(arguments):
    """The options as a namespace with source, compress (bool), exclude (list) and keep (int)."""
    return build_parser().parse_args(arguments)
