"""Judges one answer in the process that this runs in, behind a fence, and sends the verdict through a pipe.

It says first that it is ready. The verdict carries a word that only this process and the teacher's know. The check is
the course's own, taken before the answer is read; what the answer replaces in the checks is put back, and told.
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
BEGUN = b"begun"  # what this process says when it is ready for the answer
HAND_OVER = "__hand_over__"  # stands in an answer in place of each check


def judge(source: str, check: str, word: str, scratch: str, hidden: list[Path], seconds: float, pipe) -> None:
    """Send the outcome and the message of the answer in `source` as JSON, and end this process.

    Args:
        source: the cell, with the call of its check.
        check: the name of the check.
        word: what the verdict must carry.
        scratch: an empty folder, the only one that the answer may write to.
        hidden: folders that the answer must not read.
        seconds: that the answer may take.
        pipe: the connection that `BEGUN` and the verdict go to.
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
    say(BEGUN)
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
    """Run the cell up to the statement with the last call of its check; return what that hands over.

    Checks are not asked there: each call only says what it hands over. The cell stands in a file, as a notebook's cells
    do: tf.function reads the source of what it compiles.
    """
    from utils.checks.verdict import Verdict

    file, handed = Path("answer.py").resolve(), []
    file.write_text(source, encoding="utf-8")
    tree = ast.parse(source, str(file))
    calling = [at for at, node in enumerate(tree.body) if any(call.func.attr == check for call in calls(node))]
    if calling and not isinstance(tree.body[calling[-1]], ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        del tree.body[calling[-1] + 1 :]
    for call in calls(tree):
        call.args.insert(0, ast.copy_location(ast.Constant(call.func.attr), call))
        call.func = ast.copy_location(ast.Name(HAND_OVER, ast.Load()), call)

    def hand_over(name: str, /, *answers, **named) -> Verdict:
        if name == check:
            handed.append([*answers, *named.values()])
        return Verdict("", "correct", "")

    try:
        exec(compile(tree, str(file), "exec"), names | {HAND_OVER: hand_over})
    except BaseException:
        if not handed:  # else what follows the call in its statement has failed, and is not judged
            raise
    if not handed:
        raise ValueError(f"The cell does not hand anything over to checks.{check}.")
    return handed[-1]


def calls(tree: ast.AST) -> list[ast.Call]:
    """Return the calls of a check in a piece of code, in its order."""
    called = [part for part in ast.walk(tree) if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute)]
    found = [part for part in called if isinstance(part.func.value, ast.Name) and part.func.value.id == "checks"]
    return sorted(found, key=lambda call: (call.lineno, call.col_offset))


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
