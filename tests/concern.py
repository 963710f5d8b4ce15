"""Which tests concern a file of the course: found in what they use, so that no list goes stale."""

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

from tests.notebooks import NOTEBOOKS, ROOT

AT_MOST = 12  # test files on one mutant, those first that use its file most, and little else
COPIES = "tests/test_trust.py::test_notebook_and_file_are_the_same_to_the_letter"
CHECKS = "tests/test_checks.py"
NBVAL = ("--nbval", "--nbval-sanitize-with=tests/sanitize.cfg", "--nbval-cell-timeout=60")


def name(path: Path) -> str:
    """Return a file's name from the course's folder on."""
    return path.relative_to(ROOT).as_posix()


@cache
def uses(path: Path) -> Counter[str]:
    """Return how often a file uses each module of `utils` and `tests`; an import alone is no use."""
    tree, known = ast.parse(path.read_text(encoding="utf-8")), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            known |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    found = Counter()
    for node in ast.walk(tree):
        first, _, rest = (ast.unparse(node) if isinstance(node, ast.Attribute | ast.Name) else "").partition(".")
        if isinstance(node, ast.Constant) and str(node.value).startswith("utils."):
            found[_module(node.value)] += 1  # a module that is started by its name
        elif known.get(first, "").startswith(("utils", "tests")):
            found[_module(f"{known[first]}.{rest}".strip("."))] += 1
    return found


def _module(dotted: str) -> str:
    """Return the file that defines a dotted name; packages re-export what their modules define."""
    parts = dotted.split(".")
    for n in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:n])
        if path.with_suffix(".py").exists():
            return name(path.with_suffix(".py"))
        face = path / "__init__.py"
        if face.exists() and n < len(parts):
            for node in ast.parse(face.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ImportFrom) and any(alias.name == parts[n] for alias in node.names):
                    return _module(f"{node.module}.{parts[n]}")
    return ""


def tests_of(file: str, function: str = "") -> list[tuple[str, ...]]:
    """Return the arguments of pytest for the tests that concern a file, or one function of it: a run each."""
    path, tests = ROOT / file, ROOT / "tests"
    if path.suffix == ".ipynb":
        texts = {name(test): test.read_text(encoding="utf-8") for test in sorted(tests.glob("test_*.py"))}
        named = re.compile(rf'NOTEBOOKS\[{NOTEBOOKS.index(path)}\]|{path.stem}|"{path.stem[:2]}"')
        theirs = [test for test, text in texts.items() if "definitions(" in text and named.search(text)]
        takers = re.compile(rf"from tests\.({'|'.join(Path(test).stem for test in theirs)}) import")
        theirs += [test for test, text in texts.items() if takers.search(text)]
        return [(*NBVAL, file), (COPIES, *theirs)]
    if path == ROOT / "utils" / "__init__.py":
        return [("tests/test_setup.py",)]  # every import of a helper runs it
    defined = ast.parse(path.read_text(encoding="utf-8")).body
    checks = [f.name for f in defined if any("exercise(" in ast.unparse(d) for d in getattr(f, "decorator_list", []))]
    if checks:
        return [("tests/test_exercises.py", "-k", function if function in checks else " or ".join(checks)), (CHECKS,)]
    users = [*tests.rglob("*.py"), *(module for module in (ROOT / "utils").rglob("*.py") if module.stem != "__init__")]
    reached, found = [file], Counter()
    for at, module in enumerate(reached):  # which grows
        for user in users:
            if user.name.startswith("test_"):
                used, all_used = uses(user)[module], uses(user).total() or 1
                found[name(user)] = max(found[name(user)], used**2 / all_used / 9**at)
            elif uses(user)[module] and name(user) not in reached and user.parent in (path.parent, *tests.rglob("")):
                reached.append(name(user))
    ranked = [test for test, n in found.most_common() if n]
    together = sorted(name(test) for test in (tests / path.parent.name).glob("test_*.py"))
    return [tuple(dict.fromkeys([*ranked, *together]))[:AT_MOST]]
