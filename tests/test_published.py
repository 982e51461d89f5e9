"""Published numbers in a suite file: what is read, and what is refused with its place."""

import json

import pytest

from harness.catalog import load_catalog
from harness.errors import SuiteError
from harness.plan import plan
from harness.published import Published
from harness.suite import read_suite

SUITE = """\
tasks: [digits]
methods:
  - method: s4d
    grid: {init: [legs, lin]}
published:
"""
GOOD = {
    "method": "method=s4d,init=legs,d_state=64.0",
    "task": "digits",
    "metric": "accuracy",
    "value": 0.25,
    "source": "Someone 2020",
}


def entry(**changed):
    facts = {key: value for key, value in (GOOD | changed).items() if value is not None}
    return SUITE + "  - " + json.dumps(facts) + "\n"


def test_published_number_becomes_plain_data_and_back():
    number = Published("s4d,init=legs", "digits", "accuracy", 0.5, None, "Someone 2020")
    assert Published(**json.loads(json.dumps(number.plain()))) == number


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"metod": "x"}, "s.yaml:6: unknown key 'metod'; did you mean 'method'?"),
        ({"source": None}, "s.yaml:6: a published number needs 'source' as text"),
        ({"value": None}, "s.yaml:6: a published number needs 'value'"),
        ({"value": "high"}, "s.yaml:6: 'value' has to be a finite number, not the text 'high'"),
        ({"value": True}, "s.yaml:6: 'value' has to be a finite number, not the truth value true"),
        ({"std": -1}, "s.yaml:6: 'std' is a standard deviation, and -1.0 is negative"),
        ({"method": "s4d,init"}, "s.yaml:6: 'method': 's4d' is not of the form key=pattern"),
        ({"method": "s5d"}, "s.yaml:6: the suite has no run of 's5d' on 'digits'"),
        ({"method": "method=s4d,init=inv"}, "s.yaml:6: the suite has no run of 'method=s4d,init=inv' on 'digits'"),
        ({"metric": "acuracy"}, "s.yaml:6: 'digits' is not scored by 'acuracy'; did you mean 'accuracy'?"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, changed, said):
    path = tmp_path / "s.yaml"
    path.write_text(entry(**changed))
    with pytest.raises(SuiteError) as raised:
        plan(read_suite(path), load_catalog(), hardware="h")
    assert said in str(raised.value)


def test_what_is_right_is_read(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text(entry(std=0.01))
    suite = read_suite(path)
    assert suite.published == (Published(**GOOD, std=0.01),)
    assert plan(suite, load_catalog(), hardware="h")


def test_published_has_to_be_a_list(toy):
    toy.write("s.yaml", SUITE.rstrip() + " 3\n")
    done = toy("run", "s.yaml", "--dry-run")
    assert (done.returncode, done.stderr) == (2, "bench: s.yaml:5: 'published' has to be a list, not the number 3\n")
