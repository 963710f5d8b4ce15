"""Puts limits around this process before it runs a student's code. None of them can be taken off again.

Everywhere: a hook of Python refuses the network, other processes, other folders. It sees what Python does, not what
compiled code does by itself. On Linux, the kernel adds: no network (a network namespace), no files but those of Python,
of the system, of the helpers and of the scratch folder (Landlock), no other program. On Linux and a Mac: limits on
processor time and the size of files, on Linux also on memory.
"""

import contextlib
import ctypes
import os
import struct
import sys
from pathlib import Path

HELPERS = Path(__file__).parents[1]
MEMORY = 4 * 2**30  # bytes beyond what the process has when it starts
FILE = 50 * 2**20  # bytes
PROCESSES = 4096  # of this user, threads included; does not hold for root

NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000
CREATE_RULESET, ADD_RULE, RESTRICT_SELF, NO_NEW_PRIVILEGES = 444, 445, 446, 38
FILES = {1: (1 << 13) - 1, 2: (1 << 14) - 1}  # by the version of Landlock: everything that it can forbid
READ, WRITE_A_DEVICE = 1 << 2 | 1 << 3, 1 << 1 | 1 << 2

REFUSED = {
    *("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo"),
    *("os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.startfile"),
    *("subprocess.Popen", "pty.spawn", "os.kill", "os.killpg", "ctypes.dlopen", "ctypes.dlsym/handle"),
}
CHANGING = {
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod"),
    *("os.chown", "os.utime", "os.setxattr", "os.removexattr", "os.mkfifo", "os.mknod", "os.chflags", "os.lchown"),
}
NEEDED = "PyThreadState_SetAsyncExc"  # of ctypes: with it a check gives an endless answer up


def by_the_system(scratch: Path, seconds: float) -> None:
    """Set the limits that the system offers; where it offers none, none is set."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).unshare(NEW_USER | NEW_NETWORK)
        with contextlib.suppress(OSError, AttributeError):
            _landlock(scratch)
    with contextlib.suppress(ImportError):
        import resource

        limits = {"RLIMIT_CPU": int(4 * seconds), "RLIMIT_FSIZE": FILE, "RLIMIT_CORE": 0, "RLIMIT_NPROC": PROCESSES}
        if sys.platform == "linux":
            limits["RLIMIT_AS"] = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + MEMORY
        for name, value in limits.items():
            hard = resource.getrlimit(kind := getattr(resource, name))[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(kind, (value, value))


def landlock() -> int:
    """Return the version of Landlock that this kernel has, or a number below 1."""
    return ctypes.CDLL(None).syscall(CREATE_RULESET, None, 0, 1) if sys.platform == "linux" else 0


def _landlock(scratch: Path) -> None:
    """Forbid every file but those of Python, the system, the helpers and, to write, of `scratch`; and every program."""
    libc, version = ctypes.CDLL(None), landlock()
    if version < 1:
        return
    handled = FILES[min(version, 2)] | (1 << 14 if version >= 3 else 0)
    rules = libc.syscall(CREATE_RULESET, struct.pack("Q", handled), 8, 0)
    places = {*_of_python(), "/usr", "/lib", "/lib64", "/etc", "/proc", "/sys", HELPERS}
    readable = {place: READ for place in places if os.path.isdir(place)}
    for place, allowed in {**readable, "/dev/urandom": 1 << 2, os.devnull: WRITE_A_DEVICE, scratch: handled}.items():
        with contextlib.suppress(OSError):
            found = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
            libc.syscall(ADD_RULE, rules, 1, struct.pack("=Qi", allowed & handled, found), 0)
            os.close(found)
    libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    libc.syscall(RESTRICT_SELF, rules, 0)
    os.close(rules)


def _of_python() -> list[str]:
    """Return the folders that Python imports from, without those that hold the course with all that is in it."""
    folders = [os.path.realpath(place) for place in (sys.prefix, sys.base_prefix, *sys.path) if place]
    return [folder for folder in folders if not HELPERS.resolve().is_relative_to(folder)]


def _whole(place) -> str:
    """Return a path in one form, so that two can be compared: links followed, on Windows in small letters."""
    return os.path.normcase(os.path.realpath(os.fsdecode(place)))


def by_python(scratch: Path, hidden: list[Path]) -> None:
    """Let Python refuse the network, other processes, writing outside `scratch`, and reading in `hidden` folders."""
    home, nowhere = _whole(scratch), _whole(os.devnull)
    readable = [home, _whole(HELPERS), *map(_whole, _of_python())]
    closed = [_whole(folder) for folder in hidden]

    def within(path: str, folder: str) -> bool:
        return path == folder or path.startswith(folder + os.sep)

    def refuse_to_change(place) -> None:
        path = _whole(place)
        if path != nowhere and not within(path, home):
            raise PermissionError(f"An answer may not write here: {place}")

    def refuse_to_read(place) -> None:
        path = _whole(place)
        if any(within(path, folder) for folder in closed) and not any(within(path, folder) for folder in readable):
            raise PermissionError(f"An answer may not read this: {place}")

    def hook(event: str, details: tuple) -> None:
        if event in REFUSED or (event == "ctypes.dlsym" and details[1] != NEEDED):
            raise PermissionError(f"An answer may not do this: {event}")
        if event == "open" and not isinstance(details[0], int):
            writes = (details[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
            (refuse_to_change if writes else refuse_to_read)(details[0])
        elif event in CHANGING:
            for place in details:
                if isinstance(place, str | bytes | os.PathLike):
                    refuse_to_change(place)
        elif event in ("os.listdir", "os.scandir") and not isinstance(details[0], int):
            refuse_to_read(details[0] or ".")

    sys.addaudithook(hook)
