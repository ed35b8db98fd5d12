"""What is kept stays under its budget; the newest always stays."""

from __future__ import annotations

from vitviz.session.work.byte_cache import ByteCache


def test_the_oldest_goes_first() -> None:
    shelf: ByteCache[str, int] = ByteCache(10)
    for key, size in (("a", 4), ("b", 4)):
        shelf.put(key, size, size)
    assert shelf.get("a") == 4  # now "b" is the oldest
    shelf.put("c", 4, 4)
    assert [key in shelf for key in "abc"] == [True, False, True]
    assert (shelf.held, len(shelf), shelf.get("b")) == (8, 2, None)


def test_the_newest_stays_even_when_too_large() -> None:
    shelf: ByteCache[str, int] = ByteCache(10)
    shelf.put("a", 1, 1)
    shelf.put("huge", 2, 99)
    assert ("a" in shelf, "huge" in shelf) == (False, True)


def test_a_smaller_budget_makes_room_at_once() -> None:
    shelf: ByteCache[str, int] = ByteCache(10)
    for key in "abc":
        shelf.put(key, 0, 3)
    shelf.budget = 6
    assert "a" not in shelf
    shelf.put("c", 0, 1)
    assert shelf.held == 4


def test_dropping_by_key() -> None:
    shelf: ByteCache[str, int] = ByteCache(10)
    for key in ("a1", "b1", "a2"):
        shelf.put(key, 0, 1)
    shelf.drop(lambda key: key.startswith("a"))
    assert len(shelf) == 1
