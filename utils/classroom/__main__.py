"""The command line: python -m utils.classroom release DIR, solutions DIR, or report DIR."""

import argparse
import signal
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
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a console may lack the letters of a folder's name
            stream.reconfigure(errors="replace")
    try:
        # Imported here: the processes that judge answers import this file, and need nothing of it.
        from utils.classroom.for_nbgrader import for_nbgrader
        from utils.classroom.release import add_solutions, release
        from utils.classroom.report import report

        made = {"release": release, "solutions": add_solutions, "report": report}[options.command](options.folder)
        if getattr(options, "nbgrader", False):
            made = [*made, for_nbgrader(options.folder)]
    except ModuleNotFoundError as problem:
        sys.exit(f"{problem}. Use the Python of the course: .venv/bin/python, on Windows .venv\\Scripts\\python.")
    except ValueError as problem:
        sys.exit(str(problem))
    except OSError as problem:
        sys.exit(f"The system said: {problem}. Put that right, and run the same command again: what was done is kept.")
    except KeyboardInterrupt:
        sys.exit("Interrupted. The same command goes on where it was.")
    print("\n".join(map(str, made)))


def end_in_order() -> None:
    """Let a terminal that is closed end this as Ctrl-C does, with all processes, unless it is to go on (nohup)."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has one of them
        if number and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


if __name__ == "__main__":
    end_in_order()
    main()
