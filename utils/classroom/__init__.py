"""The course in a room: a copy for students, and a report of what they can do. Teachers run it, notebooks do not.

    python -m utils.classroom release DIR     a copy without solutions: a folder, a zip, and with --nbgrader its form
    python -m utils.classroom solutions DIR   puts the solutions back into the notebooks of such a copy
    python -m utils.classroom report DIR      judges what came back: DIR/_report has a table and a page to project

release.py        makes the copy, and adds the solutions to it
for_nbgrader.py   writes the copy as a course of nbgrader
handed_in.py      finds the files of each student
answers.py        finds answers in whatever a student hands in
report.py         the table and the page, from all verdicts; it remembers them
runner.py         has answers judged, each in a process of its own, on all cores
warm.py           the process that the others are forked from
judge.py          one answer, in its process
fence.py          the limits around that process

What the copy keeps from a student. Solutions are cut out of the notebooks, and outputs with them; tests stay at home.
A check holds a right answer too, in NumPy, to compare with: the checks of the notebooks lie in a zip archive, from
which Python imports them, so nobody comes upon one by opening or searching a file. That is a curtain, not a lock: a
check that runs on a student's machine can be read there by who sets out to.

What the report trusts: your copy of the course, Python and its packages, and the names of the folders. It trusts
nothing in a student's file. Of a notebook it takes the text of the cells that call a check, and of other cells the
statements that make a name which such a cell uses; saved outputs do not count. An answer runs in a process that knows
neither other answers nor a student's name, with the setup cell's names and your check. It runs as a script and not as a
notebook in a kernel: a kernel talks through sockets, which the fence closes, and costs seconds more for each of a
thousand answers, while an answer needs no more of its notebook than the setup cell. Its verdict comes back as text,
through the one pipe that is open there, and counts only with a word that was drawn for it.

What an answer cannot do: run longer than its time, write outside a scratch folder that is removed, read the course's
solutions or what others handed in, reach the network, start a process, end yours, fill the disk. What a check is made
of is put back before it judges, and an answer that changes it meanwhile is not correct.

- Linux holds all of that by the kernel (resource limits; Landlock, from Linux 5.13; a network namespace, where users
  may have one) and by a hook of Python.
- A Mac has the resource limits but the one on memory, and the hook.
- Windows has the hook and the limit on time. It finds no path that is longer than 260 letters, unless it was told to:
  leave a learning platform's zip as it is, or unpack it near the root of a disk.

The hook refuses what Python does, and not what compiled code does by itself: `tf.io.write_file` writes where it
likes on a Mac and on Windows. And Python code can look through its whole process: who sets out to forge a verdict
there, and knows how, may do so. The limits are made for accidents, pranks and shortcuts; look at an answer
that surprises you.
"""
