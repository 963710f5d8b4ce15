"""What an error of the reader's code says: the one line that helps, where it happened, and what usually causes it.

An error belongs to the reader when a frame of the reader's code is on its way, or when TensorFlow or Keras fail with
what came; otherwise it was born in the check itself, which then could not read what came.
"""

import linecache
import re
import sysconfig
import traceback
from pathlib import Path
from types import FrameType

CHECKS = Path(__file__).resolve().parent
INSTALLED = tuple(sysconfig.get_paths()[key] for key in ("stdlib", "platstdlib"))
NO_FILE = r"<(frozen|string|__array_function__|decorator-gen|attrs generated)"
NAMED_LINE = r'File "(?P<file>.+?)", line (?P<line>\d+), in '  # in the text of an error of tf.function

_SIGNATURE = "The signature was changed: the check gives other arguments. Keep those of the stub."
_NO_INITIALIZER = 'add_weight of a metric has no initializer of its own: give it one, as initializer="zeros".'
_CALL = "A function was called with arguments that it does not take: look at its signature."

# For each error that learners meet, what usually causes it. The first pattern found in "Type: message" decides.
CAUSES = {
    r"^NameError": "The name is not defined in this kernel: after a restart, run the setup cell and the cells above.",
    r"^SystemExit": "exit() and sys.exit() end a program. A function hands its result over with return.",
    r"RecursionError": "The function calls itself without an end.",
    r"^IndentationError|^SyntaxError": "Python cannot read the code: look at the line that it names.",
    r"^MemoryError|\bOOM\b|ResourceExhausted": "It does not fit into memory: print the shapes on the way.",
    r"non-persistent": "A tape answers once. Ask for all gradients in one call, or open it with persistent=True.",
    r"Cannot convert \W*[a-z_].* to a shape|add_weight\(\) got multiple values for argument 'shape'|add_weight\('":
        "A name came where the shape is expected, which is the first argument: write name=... in front of the name.",
    r"positional argument|keyword argument|takes (no|exactly|at (most|least)) .*argument|multiple values for arg"
    r"|missing required arg|expected (exactly |at (most|least) )?\d+ (positional )?arguments?": _SIGNATURE,
    r"is not in \[0, ": "An index lies outside its table: has the table as many rows as there are indices?",
    r"to restore variable|does not equal original dtype":
        "A checkpoint does not fit: make the model, and build the optimizer, as they were when it was saved.",
    r"^TypeError: input_signature must": "input_signature holds a tf.TensorSpec(shape, dtype) for each argument.",
    r"NoneType|None values|elements of \(None|partially known TensorShape":
        "Something is None: an argument such as sample_weight, a gradient that nothing connects to its source, or in a "
        "tf.function a size that is not known yet: tf.shape and tf.size know it.",
    r"LookupError|gradient registry": "An operation on the path has no registered gradient.",
    r"No gradients provided": "Every gradient is None: nothing leads from these variables to the loss.",
    r"incompatible shapes|be broadcast|broadcastable|size-incompatible|dimensions must be equal"
    r"|core dimension|not aligned|shape mismatch|cannot reshape|input to reshape|shapes of all inputs must match":
        "Two shapes do not fit: print both.",
    r"attr 'T\w*' of bool": "A bool tensor stands where numbers are needed: cast it with tf.cast.",
    r"compute SelectV2 as input #0": "The first argument of tf.where is the condition, a bool tensor: is it in order?",
    r"attr 'T\w*' of int32": "An integer tensor stands where a floating-point one is needed: say its dtype.",
    r"attr 'T\w*' of (float|double).*: u?int":
        "A floating-point tensor stands where integers are needed: cast it with tf.cast.",
    r"attr 'T\w*' of u?int": "The operation does not take integers of this dtype: cast them with tf.cast.",
    r"Passed in object":
        "The tape follows tensors and tf.Variables: make one with tf.constant; of a Keras variable take its .value.",
    r"attribute '_id'":
        "What was given to the tape is no tensor, and a NumPy or Python value has left its record: stay in TensorFlow "
        "between the source and the target.",
    r"convert a value \(<function":
        "A function came where a tensor is expected: was it to be called, or is @tf.custom_gradient missing?",
    r"iterate over a scalar|unsupported callable":
        "One tensor came where several things are asked for (under tf.custom_gradient the result, and the function for "
        "the way back).",
    r"int32.*float|float.*int32|float64.*float|expected.*(float|double)|tensor but is|same dtype":
        "Two dtypes meet: cast one with tf.cast.",
    r"no attribute '(inputs?|outputs?|(in|out)put_shape)'|no defined (in|out)put":
        "A model of your own class does not know its inputs: build it with tf.keras.Model(inputs, outputs).",
    r"IndexedSlices": "The gradient of a table comes as tf.IndexedSlices: tf.convert_to_tensor makes it dense.",
    r"A KerasTensor (is|cannot)":
        "A functional model has no numbers yet while it is made: use layers there, or write one.",
    r"only available when eager":
        "A variable has no value while tf.function is tracing: use tf operations. Or is it one of Keras, such as "
        "optimizer.iterations, and it was handed to a function under @tf.function? Leave the decorator out.",
    r"symbolic|graph|OperatorNotAllowed": "Python asks for a value while tf.function is tracing: use tf operations.",
}  # fmt: skip

# Lines of an error that say where it went through, not what happened.
NOISE = r"""^(\w+:\ )?(in\ user\ code:|Graph\ execution\ error:|Exception\ encountered\ when\ calling|File\ "
            |Detected\ at\ node|<stack\ traces|Original\ stack\ trace|\[\[\{\{node|Node:)"""
WRAPPED = (
    r"(?:Error|Exception) encountered(?: during deserialization)?:\s*"  # before it Keras says what it was about to do
)
# What TensorFlow weaves into a message: codes for color, names of nodes, names of operations.
WOVEN_IN = r"\x1b\[\d+m|\[\[\{\{.*?\}\}\]\]|\{\{function_node .*?\}\}\s*|\s*\[Op:\w+\]( name:\s*\S*)?"


def told(problem: BaseException) -> str:
    """Return the type of an error, the line of it that says what happened, and the line of code that it comes from."""
    name = type(problem).__name__
    said = f"{name}: {essence(problem)}"[:300].removesuffix(": ")
    place = line_of(problem)
    return f"{said} ({place})" if place else said


def cause(problem: BaseException) -> str:
    """Return a sentence on what usually causes such an error, or nothing."""
    said = f"{type(problem).__name__}: {essence(problem)}"
    if "NoneType" in said and _passed_add_weight_of_a_metric(problem):
        return _NO_INITIALIZER
    found = next((cause for pattern, cause in CAUSES.items() if re.search(pattern, said, re.IGNORECASE)), "")
    return _CALL if found == _SIGNATURE and line_of(problem) else found


def essence(problem: BaseException) -> str:
    """Return the one line of an error that says what happened, without what TensorFlow and Keras wrap around it."""
    text = _text(problem).split("Arguments received by")[0]
    text = re.split(WRAPPED, text)[-1] or text
    text = re.sub(r"for '\{\{node [^}]*\}\} = (\w+).*?' with", r"in \1 with", text)
    lines, below = [], None
    for line in re.sub(WOVEN_IN, "", text).splitlines():
        indent, line = len(line) - len(line.lstrip()), line.strip()
        code_of_a_file = below is not None and indent > below
        below = indent if line.startswith('File "') else below if code_of_a_file else None
        if line and not code_of_a_file and not re.match(NOISE, line, re.VERBOSE):
            lines.append(line)
    first = lines[0] if lines else next(iter(text.split("\n")), "")
    return re.sub(rf"^{type(problem).__name__}:(\s+|$)", "", first.strip())


def line_of(problem: BaseException) -> str:
    """Return the reader's own line of code nearest to the error, or nothing: "line 3: `return x`"."""
    passed = [(frame.filename, frame.lineno) for frame in _frames(problem)]
    named = [(m["file"], int(m["line"])) for m in re.finditer(NAMED_LINE, _text(problem))]
    readers = [place for place in (*passed, *named) if whose(place[0]) == "reader"]
    return _place(*readers[-1]) if readers else ""


def line_in(frame: FrameType | None) -> str:
    """Return the reader's own line of code that is running in `frame` or in one that called it, or nothing."""
    while frame is not None:
        if whose(frame.f_code.co_filename) == "reader":
            return _place(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return ""


def born_in_check(problem: BaseException) -> bool:
    """Tell whether an error arose in the check itself, from what came in another form than the check can read."""
    files = [frame.filename for frame in _frames(problem)]
    changed_signature = isinstance(problem, TypeError) and cause(problem) == _SIGNATURE
    in_library = re.search(r"[/\\](tensorflow|keras)[/\\]", _after_last_check(files))
    return not (line_of(problem) or changed_signature or in_library)


def whose(file: str) -> str:
    """Tell to whom a file of code belongs: "reader", "check" or "library"."""
    if re.match(NO_FILE, file) or file.startswith(INSTALLED) or "__autograph_generated_file" in file:
        return "library"
    if re.search(r"[/\\](site|dist)-packages[/\\]", file):
        return "library"
    parents = Path(file).parents
    if CHECKS in parents:
        return "check"
    return "library" if CHECKS.parent in parents else "reader"


def _passed_add_weight_of_a_metric(problem: BaseException) -> bool:
    places = [(frame.name, Path(frame.filename).parts[-2:]) for frame in _frames(problem)]
    return ("add_weight", ("metrics", "metric.py")) in places


def _after_last_check(files: list[str]) -> str:
    """Return the files that the error passed behind the last one of the checks, one a line."""
    at = max((i for i, file in enumerate(files) if whose(file) == "check"), default=-1)
    return "\n".join(files[at + 1 :])


def _frames(problem: BaseException) -> list[traceback.FrameSummary]:
    """Return the frames that an error passed, from the call to where it arose; the last 200 are enough."""
    return list(traceback.StackSummary.extract(traceback.walk_tb(problem.__traceback__), lookup_lines=False))[-200:]


def _place(file: str, line: int) -> str:
    code = linecache.getline(file, line).strip()
    return f"line {line}: `{code[:100]}`" if code else f"line {line}"


def _text(problem: BaseException) -> str:
    try:
        return str(problem)
    except KeyboardInterrupt:
        raise
    except BaseException:  # the error may be a class of the reader's
        return ""
