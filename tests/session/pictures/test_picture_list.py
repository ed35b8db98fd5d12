"""The film strip as plain data: closed pictures come back, within bounds."""

from __future__ import annotations

import numpy as np

from vitviz.core.pictures.picture_files import open_picture
from vitviz.session.pictures.picture_list import PictureList


def strip(count: int, side: int = 4) -> PictureList:
    pictures = PictureList()
    for number in range(count):
        pixels = np.full((side, side, 3), number, np.uint8)
        pictures = pictures.added(open_picture(pixels, name=str(number)))
    return pictures


def names(pictures: PictureList) -> str:
    return "".join(picture.name for picture in pictures.open)


def test_closing_and_reopening_keeps_the_order() -> None:
    pictures = strip(4)
    for name in "12":
        pictures = pictures.without(next(p.key for p in pictures.open if p.name == name))
    assert names(pictures) == "03"
    pictures, picture = pictures.reopened()
    assert (names(pictures), picture and picture.name) == ("023", "2")
    pictures, _ = pictures.reopened()
    assert names(pictures) == "0123"
    assert pictures.reopened() == (pictures, None)
    assert pictures.without("no such key") is pictures


def test_what_was_opened_again_meanwhile_is_not_there_twice() -> None:
    pictures = strip(2)
    first = pictures.open[0]
    pictures, picture = pictures.without(first.key).added(first).reopened()
    assert (names(pictures), picture) == ("10", first)


def test_only_so_many_closed_pictures_are_remembered() -> None:
    pictures = strip(14)
    for picture in pictures.open:
        pictures = pictures.without(picture.key)
    assert [picture.name for _, picture in pictures.closed] == [str(n) for n in range(4, 14)]
    large = strip(4, side=3000)  # 27 MB each
    assert large.bytes == 4 * 27_000_000
    for picture in large.open:
        large = large.without(picture.key)
    assert len(large.closed) == 2
    assert (large.bytes, len(large.keys)) == (0, 2)
