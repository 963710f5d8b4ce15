"""The course in a room: a copy for students, and a report of what they can do. Teachers run it, no notebook imports it.

    python -m utils.classroom release DIR     a copy without solutions, as a folder and as a zip
    python -m utils.classroom solutions DIR   puts the solutions back into the notebooks of such a copy

release.py   makes the copy, and adds the solutions to it

What the copy keeps from a student. Solutions are cut out of the notebooks, and outputs with them; tests stay at home.
A check holds a right answer too, in NumPy, to compare with: the checks of the notebooks lie in a zip archive, from
which Python imports them, so nobody comes upon one by opening or searching a file. That is a curtain, not a lock: a
check that runs on a student's machine can be read there by who sets out to.
"""
