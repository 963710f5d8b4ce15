"""Judges one answer in the process that this runs in, behind a fence, and sends the verdict through a pipe.

The verdict carries a word that only this process and the teacher's know. The check is the course's own, taken before
the answer is read; what the answer replaces in the checks is put back, and told.
"""

import ast
import json
import os
import sys
import tempfile
from pathlib import Path
from unittest import mock

from utils.classroom import fence

RAISED = "your code raised"


def judge(source: str, check: str, word: str, scratch: str, hidden: list[Path], seconds: float, pipe) -> None:
    """Send the outcome and the message of the answer in `source` as JSON, and end this process.

    Args:
        source: the cell, with the call of its check.
        check: the name of the check.
        word: what the verdict must carry.
        scratch: an empty folder, the only one that the answer may write to.
        hidden: folders that the answer must not read.
        seconds: that the answer may take.
        pipe: the connection that the verdict goes to.
    """
    _move_into(scratch, pipe)
    fence.by_the_system(Path(scratch), seconds)
    from utils import session

    session.start()
    from IPython.display import display

    from utils import checks, data, plotting, trust

    names = {"np": session.np, "tf": session.tf, "checks": checks, "data": data, "plotting": plotting, "trust": trust}
    names |= {"display": display, "get_ipython": mock.MagicMock()}  # Jupyter has both; magic does nothing here
    judged, errors, put_back = getattr(checks, check), sys.modules["utils.checks.errors"], _guarded()
    told, say, leave = json.dumps, pipe.send_bytes, os._exit
    fence.by_python(Path(scratch), hidden)
    try:
        handed = _answer(source, check, names | {"__name__": "__main__"})
        put_back()
    except BaseException as problem:
        outcome, message = RAISED, f"{errors.told(problem)}\n{errors.cause(problem)}".strip()
    else:
        verdict = judged(*handed)
        outcome, message = verdict.outcome, verdict.message
        if put_back() and outcome == "correct":
            outcome, message = "not yet", "Your code replaced a part of the check while it ran."
    say(told({"word": word, "outcome": outcome, "message": message[:5000]}).encode())
    leave(0)


def _move_into(scratch: str, pipe) -> None:
    """Make `scratch` the home of this process, let what it prints vanish, and leave it no way out but `pipe`."""
    if hasattr(os, "setsid"):
        os.setsid()  # so that all that it starts can be ended with it
        os.closerange(3, pipe.fileno())
        os.closerange(pipe.fileno() + 1, 4096)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    homes = dict.fromkeys(("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP", "KERAS_HOME", "MPLCONFIGDIR"), scratch)
    os.environ.update(homes, COURSE_PROGRESS=str(Path(scratch, "progress.json")), COURSE_DATA="offline")
    tempfile.tempdir = None
    sys.dont_write_bytecode = True
    os.chdir(scratch)


def _answer(source: str, check: str, names: dict) -> list:
    """Run the cell up to the call of its check; return what it hands over.

    It stands in a file, as a notebook's cells do: tf.function reads the source of what it compiles.
    """
    file = Path("answer.py").resolve()
    file.write_text(source, encoding="utf-8")
    body = ast.parse(source, str(file)).body
    called = [(at, call) for at, node in enumerate(body) for call in _calls(node, check)]
    if not called:
        raise ValueError(f"The cell does not hand anything over to checks.{check}.")
    at, call = called[-1]
    run = [node for node in body[:at] if not any(_calls(node))]
    exec(compile(ast.Module(run, []), str(file), "exec"), names)
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return [eval(compile(ast.Expression(argument), str(file), "eval"), names) for argument in given]


def _calls(node: ast.AST, check: str | None = None) -> list[ast.Call]:
    """Return the calls of a check, or of any check, in a statement that is neither a function nor a class."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return []
    called = [part for part in ast.walk(node) if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute)]
    of_checks = [part for part in called if isinstance(part.func.value, ast.Name) and part.func.value.id == "checks"]
    return [part for part in of_checks if check in (None, part.func.attr)]


def _guarded():
    """Remember the modules of the checks as they are; return what puts them back and tells whether that was needed."""
    modules = [module for name, module in sys.modules.items() if f"{name}.".startswith("utils.checks.")]
    kept = [(vars(module), dict(vars(module))) for module in modules]
    codes = [(value, value.__code__) for _, names in kept for value in names.values() if hasattr(value, "__code__")]
    counted = {"CAME", "REGISTRY"}  # what the checks themselves write to keeps its identity

    def put_back() -> bool:
        changed = False
        for names, before in kept:
            wrong = [name for name in before if names.get(name) is not before[name] and name not in counted]
            changed |= bool(wrong)
            names.update({name: before[name] for name in wrong})
        for function, code in codes:
            if function.__code__ is not code:
                function.__code__, changed = code, True
        return changed

    return put_back
