"""When processors are said to be short, and when no longer."""

from transcode.jobs import Figures, JobFigures, Overloaded, Relieved
from transcode.strain import Strain


def figures(load: float, late_ms: float = 1.0, **cpu: float) -> Figures:
    """A report of a worker whose jobs, named j1 and so on, took so much in all."""
    jobs = tuple(JobFigures(job=int(name[1:]), cpu_s=seconds) for name, seconds in cpu.items())
    return Figures(load=load, late_ms_max=late_ms, jobs=jobs)


def test_three_hard_seconds_are_said_with_the_job_that_took_most_in_the_last() -> None:
    """Not the one that took most in all."""
    strain = Strain()
    assert not list(strain.note(7, figures(0.95, j1=9.0, j2=0.1), {1, 2}))
    assert not list(strain.note(7, figures(0.95, j1=9.1, j2=0.9), {1, 2}))
    said = list(strain.note(7, figures(0.97, 130.0, j1=9.2, j2=1.7), {1, 2}))
    assert said == [Overloaded(job=2, load=0.97, late_ms_max=130.0)]


def test_a_hard_moment_is_not_said() -> None:
    """Two seconds of it, then one without."""
    strain = Strain()
    for load in (0.95, 0.95, 0.5, 0.95, 0.95):
        assert not list(strain.note(7, figures(load, j1=1.0), {1}))


def test_being_late_is_strain_too_and_sound_points_at_pictures_elsewhere() -> None:
    """Others take the processors; the worker of sound has nothing that could be cheaper."""
    strain = Strain()
    list(strain.note(8, figures(0.4, j1=5.0), {1}))
    said = [told for _ in range(3) for told in strain.note(7, figures(0.1, 150.0, j9=0.1), {1})]
    assert [told.job for told in said if isinstance(told, Overloaded)] == [1]


def test_relief_is_said_once_when_all_have_had_it_easy_for_five_seconds() -> None:
    """And not before anything was said."""
    strain = Strain()
    hard, easy = figures(1.0, j1=1.0), figures(0.3, j1=1.0)
    said = [told for one in [easy] * 6 + [hard] * 3 + [easy] * 8 for told in strain.note(7, one, {1})]
    assert [type(told) for told in said] == [Overloaded, Relieved]
    strain.forget(7)
    assert not list(strain.note(8, easy, set()))
