from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from feedservice.posts.sketch import sketch


def shared(one: str, other: str) -> int:
    first, second = ({text[at : at + 4] for at in range(0, len(text), 4)} for text in (sketch(one), sketch(other)))
    return len(first & second)


def test_a_body_without_a_letter_has_none() -> None:
    assert sketch("") == sketch(" \n\n") == sketch("---\n> \n") == ""


def test_it_is_small_however_long_the_body_is() -> None:
    assert len(sketch("\n".join(f"This is sentence number {number}." for number in range(10_000)))) == 64


def test_an_edit_changes_a_part_of_it() -> None:
    body = "お茶は山の植物です。雨と日陰を好みます。葉は手で摘みます。むしろの上で乾かします。"
    edited = body.replace("手で摘みます", "機械で刈り取ります")
    assert len(sketch(body)) == 4 * 4
    assert shared(body, edited) == 3


def test_marks_and_line_ends_are_no_edit() -> None:
    assert sketch("One sentence here. Another sentence there.") == sketch("> One sentence here.\r\n* Another sentence there\n")


def test_short_bodies_have_one_too() -> None:
    assert sketch("Hi") not in {"", sketch("Ho")}


@given(st.text())
def test_any_text_has_one(body: str) -> None:
    made = sketch(body)
    assert made == sketch(body)
    assert len(made) % 4 == 0
    assert len(made) <= 64
