"""The command line: python -m utils.classroom release DIR, or solutions DIR."""

import argparse
import sys
from pathlib import Path

from utils.classroom.release import add_solutions, release


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, do what it says, and say what was made."""
    parser = argparse.ArgumentParser(prog="python -m utils.classroom", description="The course in a room of students.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, told in (
        ("release", "make a copy for students in DIR, as a folder and as a zip: without solutions and outputs"),
        ("solutions", "put the solutions back into the notebooks in DIR"),
    ):
        commands.add_parser(name, help=told, description=told).add_argument("folder", metavar="DIR", type=Path)
    options = parser.parse_args(arguments)
    try:
        made = {"release": release, "solutions": add_solutions}[options.command](options.folder)
    except ValueError as problem:
        sys.exit(str(problem))
    print("\n".join(map(str, made)))


if __name__ == "__main__":
    main()
