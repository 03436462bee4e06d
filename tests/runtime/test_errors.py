from __future__ import annotations

import pickle

import pytest

from cloudedge.errors import CloudEdgeError, ImageError, ModelError, printable


def test_an_error_reads_as_path_and_problem():
    assert str(ImageError("is empty", "a/b.jpg")) == "a/b.jpg: is empty"
    assert str(ModelError("onnxruntime cannot be used")) == "onnxruntime cannot be used"


def test_both_kinds_have_one_base():
    assert issubclass(ImageError, CloudEdgeError)
    assert issubclass(ModelError, CloudEdgeError)


@pytest.mark.parametrize(
    "hostile", ["a\nb", "a\rb", "a\x1b[31mb", "a\u2028b", "a\u202eb", "a\udcffb", "a\x00b", "a\x85b"]
)
def test_whatever_a_path_or_problem_holds_the_text_is_one_printable_line(hostile):
    text = str(ImageError(hostile, hostile))
    assert len(text.splitlines()) == 1
    assert text.encode("utf-8")
    assert text.replace(": ", "").isprintable()


def test_names_in_any_script_and_with_any_space_stay_as_they_are():
    name = "Wölkchen 雲\u3000\u202f\xa0नभ.jpg"
    assert str(ImageError("is empty", name)) == f"{name}: is empty"


@pytest.mark.parametrize(
    "name",
    ["\U0001f468\u200d\U0001f469\u200d\U0001f467.jpg", "\u2601\ufe0f.jpg", "\u0645\u06cc\u200c\u0631\u0648\u062f.jpg"],
)
def test_emoji_and_words_that_are_joined_stay_whole(name):
    assert printable(name) == name


@pytest.mark.parametrize("code", [0x202E, 0x202A, 0x2066, 0x2069, 0x200E, 0x61C, 0x200B, 0xAD, 0xFEFF, 0xE0041])
def test_what_is_invisible_or_turns_the_text_around_is_escaped(code):
    assert printable(f"a{chr(code)}gpj") == "a" + chr(code).encode("unicode_escape").decode() + "gpj"


def test_an_error_survives_pickling():
    error = pickle.loads(pickle.dumps(ImageError("is empty", "a\n.jpg")))
    assert type(error) is ImageError
    assert (error.path, error.problem) == ("a\n.jpg", "is empty")
    assert str(error) == "a\\n.jpg: is empty"
