"""What is kept lives as long as its trace, and no longer."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from weakref import ref

from reference import make_trace

from vitviz.views.shared.cache_per_trace import kept


def test_the_same_object_comes_again_until_it_is_pushed_out():
    @kept(most=2)
    def made(trace, number, *, word=""):
        return [number, word]

    trace, other = make_trace(), make_trace()
    first = made(trace, 1, word="a")
    assert made(trace, 1, word="a") is first
    assert made(other, 1, word="a") is not first
    made(trace, 2)
    assert made(trace, 1, word="a") is first
    made(trace, 3)
    made(trace, 4)
    assert made(trace, 1, word="a") is not first


def test_what_is_known_is_told_without_making_it():
    calls = []

    @kept()
    def made(trace, number):
        calls.append(number)
        return number or None

    trace = make_trace()
    assert made.known(trace, 1) is None
    assert not calls
    assert (made(trace, 1), made(trace, 0), made(trace, 0)) == (1, None, None)
    assert (made.known(trace, 1), calls) == (1, [1, 0])


def test_a_trace_that_is_closed_takes_everything_with_it():
    class Heavy:
        """Stands for an array, which cannot be asked whether it is alive."""

    @kept()
    def made(trace):
        return Heavy()

    trace = make_trace()
    alive = ref(made(trace))
    assert alive() is not None
    del trace
    gc.collect()
    assert alive() is None


def test_threads_get_the_same_object():
    together = Barrier(2)

    @kept()
    def made(trace, number):
        together.wait(10)  # both threads are inside before either has a result
        return object()

    trace = make_trace()
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: made(trace, 1), range(2)))
    assert len({id(one) for one in found}) == 1
