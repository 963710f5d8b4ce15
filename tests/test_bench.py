"""What `make bench` measures is there, and its table says what was measured."""

from tests import bench


def test_the_loops_are_those_of_the_notebook():
    lesson = bench.parts_of_the_loops()
    assert all(hasattr(lesson, name) for name in bench.PARTS)
    assert lesson.make_model()(lesson.np.zeros((2, 28, 28), "uint8")).shape == (2, 10)


def test_the_table_has_medians_noise_and_earlier_figures(capsys):
    rounds = [{"loop": 1.0, "new": 5.0}, {"loop": 2.0, "new": 5.0}, {"loop": 4.0, "new": 5.0}]
    assert bench.report(rounds, {"loop": 3.0}) == {"loop": 2.0, "new": 5.0}
    loop, new = (line.split() for line in capsys.readouterr().out.splitlines()[-2:])
    assert loop == ["loop", "2", "75%", "3"] and new == ["new", "5", "0%"]
