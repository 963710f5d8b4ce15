"""The command line: python -m utils.classroom release DIR, solutions DIR, or report DIR."""

import argparse
import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, do what it says, and say what was made."""
    parser = argparse.ArgumentParser(prog="python -m utils.classroom", description="The course in a room of students.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, told in (
        ("release", "make a copy for students in DIR, as a folder and as a zip: without solutions and outputs"),
        ("solutions", "put the solutions back into the notebooks in DIR"),
        ("report", "judge the notebooks in DIR, a folder for each student, and write DIR/_report"),
    ):
        command = commands.add_parser(name, help=told, description=told)
        command.add_argument("folder", metavar="DIR", type=Path)
        if name == "release":
            command.add_argument("--nbgrader", action="store_true", help="and the same as a course of nbgrader")
    options = parser.parse_args(arguments)
    # Imported here: the processes that judge answers import this file, and need nothing of it.
    from utils.classroom.for_nbgrader import for_nbgrader
    from utils.classroom.release import add_solutions, release
    from utils.classroom.report import report

    try:
        made = {"release": release, "solutions": add_solutions, "report": report}[options.command](options.folder)
        if getattr(options, "nbgrader", False):
            made = [*made, for_nbgrader(options.folder)]
    except ValueError as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        sys.exit("Interrupted. The same command goes on where it was.")
    print("\n".join(map(str, made)))


if __name__ == "__main__":
    main()
