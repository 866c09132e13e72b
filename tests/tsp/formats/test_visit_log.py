import numpy as np
import pytest

from tsp.formats.visit_log import Target, read_logs

HEADER = "day,name,status,duration,wait,prize,topic,figures\n"
VISITS = (
    "1,A,done,7.5,2,4,vision,3\n"
    "1,B,left,,12,,speech,1\n"
    "1,C,absent,,,,vision,2\n"
    "2,D,broken-off,3,0,,theory,4\n"
    "2,E,done,0:10,,,vision,4\n"
)


@pytest.fixture
def logged(tmp_path):
    def write(text, name="log.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_a_broken_off_visit_is_censored_and_others_than_made_ones_have_no_duration(logged):
    log = read_logs([logged(HEADER + VISITS)], Target.DURATION)
    assert log.values.tolist() == [7.5, 3.0, 10.0]
    assert log.censored.tolist() == [False, True, False]
    assert log.day.tolist() == [0, 1, 1]
    assert log.features == {"topic": ("vision", "theory", "vision"), "figures": ("3", "4", "4")}
    assert (log.visits, log.days) == (5, 2)


def test_an_absent_author_is_an_infinite_wait_and_a_wait_not_noted_is_none(logged):
    log = read_logs([logged(HEADER + VISITS)], Target.WAIT)
    assert log.values.tolist() == [2.0, 12.0, np.inf, 0.0]
    assert not log.censored.any()


def test_prizes_are_those_that_were_seen(logged):
    assert read_logs([logged(HEADER + VISITS)], Target.PRIZE).values.tolist() == [4.0]


def test_a_log_that_is_given_twice_is_refused(logged):
    path = logged(HEADER + VISITS)
    with pytest.raises(ValueError, match=r"log\.csv: given twice, expected different files"):
        read_logs([path, path.parent / "." / path.name], Target.DURATION)


def test_days_of_several_files_are_counted_together(logged):
    first, second = (
        logged(HEADER + "1,A,done,5,,,x,1\n"),
        logged(HEADER + "1,B,done,6,,,y,2\n2,A,done,7,,,x,2\n", "b.csv"),
    )
    assert read_logs([first, second], Target.DURATION).day.tolist() == [0, 0, 1]


def test_ignored_columns_are_no_features(logged):
    log = read_logs([logged(HEADER + VISITS)], Target.DURATION, ["Figures"])
    assert list(log.features) == ["topic"]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("1,A,done,,,,x,1\n", 2, "column duration: empty, expected a number where the status is done"),
        ("1,A,broken-off,,,,x,1\n", 2, "column duration: empty, expected a number where the status is broken-off"),
        ("1,A,done,5,,,x,1\n1,B,don,5,,,x,1\n", 3, "column status: unknown status 'don'; did you mean 'done'?"),
        ("1,A,left,5,3,,x,1\n", 2, "column duration: '5', expected it empty where the status is left"),
        ("1,A,absent,,3,,x,1\n", 2, "column wait: '3', expected it empty where the status is absent"),
        (",A,done,5,,,x,1\n", 2, "column day: empty, expected a value"),
        ("1,A,done,-5,,,x,1\n", 2, "column duration: '-5', expected a number of 0 or more"),
        ("1,A,done,five,,,x,1\n", 2, "column duration: 'five', expected a finite number"),
        ("1,A,done,5,,,x\n", 2, "7 cells, expected 8"),
        ("", 1, "no visit after the header, expected a line for each"),
    ],
)
def test_bad_lines_are_refused_by_file_line_and_column(logged, text, line, message):
    path = logged(HEADER + text)
    with pytest.raises(ValueError, match=r".") as error:
        read_logs([path], Target.DURATION)
    assert str(error.value).startswith(f"{path}:{line}: {message}")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("day,name,duration\n", "expected day, name, status and duration"),
        ("day,name,status,prize\n", "expected day, name, status and duration"),
        ("day,name,status,duration,service\n", "expected different names"),
        ("day,name,status,duration,x\n", "column x: no feature, expected it to be left out (--ignore x)"),
    ],
)
def test_bad_headers_are_refused(logged, header, message):
    path = logged(header + "1,A,done,5,3\n")
    with pytest.raises(ValueError, match=r".") as error:
        read_logs([path], Target.DURATION)
    assert str(error.value).startswith(f"{path}:1: ")
    assert message in str(error.value)


def test_files_must_have_the_same_features(logged):
    second = logged("day,name,status,duration,colour\n1,A,done,5,red\n", "b.csv")
    with pytest.raises(ValueError, match=r"b\.csv:1: features colour, expected those of .*: topic, figures"):
        read_logs([logged(HEADER + VISITS), second], Target.DURATION)


def test_a_log_with_nothing_observed_to_its_end_is_refused(logged):
    with pytest.raises(ValueError, match="no visit with a duration that was observed to its end"):
        read_logs([logged(HEADER + "1,A,broken-off,5,,,x,1\n")], Target.DURATION)


def test_an_unknown_column_to_ignore_is_refused_with_the_nearest(logged):
    with pytest.raises(ValueError, match=r"--ignore: unknown feature 'topics'; did you mean 'topic'\?"):
        read_logs([logged(HEADER + VISITS)], Target.DURATION, ["topics"])
