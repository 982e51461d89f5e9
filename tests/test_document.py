"""YAML as plain data: scalars by the YAML 1.2 core rules, lines of every part, and nothing executed."""

import math

import pytest

from harness.document import read
from harness.errors import SuiteError


@pytest.fixture
def document(tmp_path):
    def from_text(text):
        path = tmp_path / "s.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read(path)

    return from_text


@pytest.fixture
def fault(document, tmp_path):
    """Return what is wrong with a text, without the folder in front of the file's name."""

    def of(text):
        with pytest.raises(SuiteError) as caught:
            document(text)
        return str(caught.value).removeprefix(f"{tmp_path}/")

    return of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        ("-.5", -0.5),
        ("3.", 3.0),
        ("+1.5e+2", 150.0),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("0", 0),
        ("-7", -7),
        ("017", 17),
        ("0o17", 15),
        ("0x1F", 31),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("No", "No"),
        ("y", "y"),
        ("tRUE", "tRUE"),
        ("nan", "nan"),
        ("inf", "inf"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2026-10-17", "2026-10-17"),
        ("1e", "1e"),
        (".", "."),
        ("'1'", "1"),
        ('"true"', "true"),
    ],
)
def test_scalar(document, text, value):
    found = document(f"a: {text}\n").data["a"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("text", [".nan", ".NaN", ".NAN"])
def test_nan(document, text):
    assert math.isnan(document(f"a: {text}").data["a"])


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n"])
def test_empty_document_is_nothing(document, text):
    assert document(text).data is None


def test_keys_are_words_whatever_they_look_like(document):
    assert document("1: a\ntrue: b\n~: c\n").data == {"1": "a", "true": "b", "~": "c"}


def test_byte_order_mark_is_no_part_of_the_first_key(document):
    assert document(b"\xef\xbb\xbfa: 1\n").data == {"a": 1}


def test_lines_of_nested_parts(document):
    found = document("\n# comment\na:\n  b:\n    - 1\n    -\n      c: {d: 2,\n          e: 3}\n")
    assert found.data == {"a": {"b": [1, {"c": {"d": 2, "e": 3}}]}}
    assert found.lines == {
        (): 3,
        ("a",): 3,
        ("a", "b"): 4,
        ("a", "b", 0): 5,
        ("a", "b", 1): 7,
        ("a", "b", 1, "c"): 7,
        ("a", "b", 1, "c", "d"): 7,
        ("a", "b", 1, "c", "e"): 8,
    }


def test_error_points_at_the_nearest_part_around_a_place(document, tmp_path):
    found = document("a:\n  b: 1\n")
    assert str(found.error("odd", "a", "b")) == f"{tmp_path}/s.yaml:2: odd"
    assert str(found.error("odd", "a", "missing", 3)) == f"{tmp_path}/s.yaml:1: odd"
    assert str(found.error("odd")) == f"{tmp_path}/s.yaml:1: odd"


def test_mapping_refuses_what_is_none_and_unknown_keys(document):
    found = document("a: [1]\nb: {deep: 1}\n")
    with pytest.raises(SuiteError, match=r"s.yaml:1: 'a' has to be a mapping, not a list"):
        found.mapping(found.data["a"], (), "a")
    with pytest.raises(SuiteError, match=r"s.yaml:2: unknown key 'deep'; did you mean 'deeper'\?"):
        found.mapping(found.data["b"], ("deeper",), "b")
    assert found.mapping(found.data["b"], ("deep",), "b") == {"deep": 1}


@pytest.mark.parametrize("text", ["a: 1\nb: 2\na: 3\n", "{a: 1,\n b: 2,\n a: 3}", 'a: 1\nb: 2\n"a": 3\n'])
def test_key_given_twice(fault, text):
    assert fault(text) == "s.yaml:3: the key 'a' is given twice"


def test_nested_key_given_twice(fault):
    assert fault("a:\n  - {b: 1}\n  - b: 1\n    b: 2\n") == "s.yaml:4: the key 'b' is given twice"


def test_same_key_in_two_mappings_is_fine(document):
    assert document("- {a: 1}\n- {a: 2}\n").data == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ls",
        "!!python/name:os.system ''",
        "!!binary aGk=",
        "!!timestamp 2026-10-17",
        "!mine 1",
        "!!python/object:os.system {a: 1}",
        "!!set {a}",
        "!!python/tuple [1, 2]",
        "!!python/object/apply:os.system [ls]",
        "!mine [1]",
        "!!str [1]",
        "!!str 1",
        "! 1",
        "!!omap [{a: 1}]",
    ],
)
def test_tag_is_refused(fault, text):
    message = fault(f"a: 1\nb: {text}\n")
    assert message.startswith("s.yaml:2: the tag '")
    assert message.endswith("' is not allowed: a suite is plain data")


@pytest.mark.parametrize("text", ["!!int far", "!!float far", "!!int 1.5", "!!bool 3", "!!null 3"])
def test_scalar_that_is_not_what_its_tag_says(fault, text):
    assert fault(f"a: 1\nb: {text}\n").startswith("s.yaml:2: the tag '")


def test_tag_on_a_key_is_refused(fault):
    assert fault("a: 1\n!mine b: 2\n").startswith("s.yaml:2: the tag '!mine' is not allowed")


@pytest.mark.parametrize(
    ("text", "line", "mark"),
    [
        ("a: 1\nb: &x {c: 1}\n", 2, "&x"),
        ("a: 1\n&x b: 2\n", 2, "&x"),
        ("a: 1\nb: *x\n", 2, "*x"),
        ("a: 1\nb: 1\n*x : 2\n", 3, "*x"),
        ("a: &x [1, *x]\n", 1, "&x"),
        ("a: 1\n<<: *x\n", 2, "*x"),
        ("a0: &a [1, 1]\na1: &b [*a, *a]\na2: [*b, *b]\n", 1, "&a"),
    ],
)
def test_nothing_stands_for_what_is_written_elsewhere(fault, text, line, mark):
    assert fault(text) == f"s.yaml:{line}: '{mark}' is not allowed: write out what it stands for"


def test_words_that_hold_the_marks_of_tags_and_anchors_are_words(document):
    text = "a: 'x*'\nb: method=s4*\nc: '&x'\nd: R&D\ne: wow!\nf: \"!!int\"\n"
    assert list(document(text).data.values()) == ["x*", "method=s4*", "&x", "R&D", "wow!", "!!int"]


def test_merge_key_is_a_key_like_any_other(document):
    """No inheritance: where keys are checked, `<<` is an unknown one."""
    found = document("a:\n  <<: {b: 1}\n")
    assert found.data == {"a": {"<<": {"b": 1}}}
    with pytest.raises(SuiteError, match=r"s.yaml:2: unknown key '<<'"):
        found.mapping(found.data["a"], ("b",), "a")


@pytest.mark.parametrize("text", ["[" * 5000 + "]" * 5000, "a: " + "9" * 5000])
def test_absurd_document_is_an_error_like_any_other(fault, text):
    assert fault(text).startswith("s.yaml:")


@pytest.mark.parametrize("text", ['"\\ud800"', '"\\ud83d\\ude00"', '["a", "\\udc80"]', '{"\\udc80": 1}'])
def test_half_a_character(fault, text):
    message = fault(f"a: 1\nb: {text}\n")
    assert message.startswith("s.yaml:2: '\\ud")
    assert message.endswith("' holds half a character")


def test_whole_characters(document):
    assert document('a: "\\U0001F600 \\u00e9 😀"\n').data == {"a": "😀 é 😀"}


def test_key_that_is_no_word(fault):
    assert fault("a: 1\n? [b, c]\n: 2\n") == "s.yaml:2: a key has to be a word"


@pytest.mark.parametrize(("text", "line"), [("a: [1\nb: 2\n", 2), ("a: 'open\n", 2), ("a: 1\n\tb: 2\n", 2)])
def test_syntax_error(fault, text, line):
    assert fault(text).startswith(f"s.yaml:{line}: not valid YAML: ")


def test_second_document_in_a_file(fault):
    message = fault("a: 1\n---\nb: 2\n")
    assert message.startswith("s.yaml:2: not valid YAML: ")
    assert "single document" in message


def test_file_that_is_not_utf8(fault):
    assert fault("a: caf\xe9\n".encode("latin-1")).startswith("s.yaml: cannot be read: 'utf-8' codec")


def test_control_characters(fault):
    assert fault("a: \x00\n").startswith("s.yaml: not valid YAML: ")


def test_file_and_folder_that_cannot_be_read(tmp_path):
    with pytest.raises(SuiteError, match=r"nowhere.yaml: no such file"):
        read(tmp_path / "nowhere.yaml")
    with pytest.raises(SuiteError, match="cannot be read: "):
        read(tmp_path)
