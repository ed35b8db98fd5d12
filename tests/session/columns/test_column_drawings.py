"""What is drawn next is made ahead when all is drawn, and gives way to what is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reference import make_trace

from vitviz.core.data.selection import Place, Selection
from vitviz.core.data.target import Target
from vitviz.session.columns.column_drawings import ColumnDrawings, DrawingScene
from vitviz.session.work.jobs import InlineJobs, Job
from vitviz.views.options import Look


class Asked(InlineJobs):
    """Jobs done at once, with a list of what was asked for and what was stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def submit(self, key, work, **how):
        self.seen.append(key)
        return super().submit(key, work, **how)

    def cancel(self, key):
        self.seen.append(("stop", key))
        super().cancel(key)


def drawings(jobs, *views):
    failed = []
    found = ColumnDrawings(jobs, 3, lambda view: None, lambda *why: failed.append(why))
    found.wanted = views
    return found, failed


def test_neighbours_are_made_once_all_is_drawn():
    jobs = Asked()
    made, failed = drawings(jobs, "rollout", "patches")
    scene = DrawingScene(make_trace(), Selection(), Look(), {})
    made.draw(("patches", "rollout"), scene)
    assert jobs.seen[0] == ("stop", ("ahead", 3)), "what was asked for goes first"
    assert jobs.seen[-1] == ("ahead", 3)
    assert jobs.seen.index(("ahead", 3)) > jobs.seen.index(("draw", 3, "patches"))
    assert not failed
    made.close()
    assert jobs.seen[-1] == ("stop", ("ahead", 3))


def test_a_view_that_cannot_be_drawn_fails_once_and_nothing_is_made_ahead_of_it():
    jobs = Asked()
    made, failed = drawings(jobs, "rollout", "patches")
    refused = replace(make_trace(), refused=("blocks.0 was refused",))
    made.draw(("patches", "rollout"), DrawingScene(refused, Selection(), Look(), {}))
    assert [view for view, _ in failed] == ["rollout"]


def test_other_views_have_nothing_to_make_ahead():
    jobs = Asked()
    made, _ = drawings(jobs, "patches")
    made.draw(("patches",), DrawingScene(make_trace(), Selection(), Look(), {}))
    assert ("ahead", 3) not in jobs.seen


def test_a_view_grows_sharper_while_nobody_asks_for_more(tiny_trace):
    jobs, seen = Asked(), []
    made = ColumnDrawings(
        jobs, 3, lambda view: seen.append(made.latest[view]), lambda *why: seen.append(why)
    )
    made.wanted = ("why",)
    made.draw(
        ("why",), DrawingScene(tiny_trace, Selection(target=Target("class", index=9)), Look(), {})
    )
    maps = [dict(drawing.options).get("maps") for drawing in seen]
    assert maps == [*range(11), None]
    assert jobs.seen.count(("sharper", 3)) == 11
    assert made.latest["why"] is seen[-1]
    seen.clear()
    chosen = Selection(target=Target("class", index=9), hover=Place(prefix="class"))
    made.draw(("why",), DrawingScene(tiny_trace, chosen, Look(), {}))
    assert [dict(drawing.options)["test"] for drawing in seen] == ["in short, with random weights"]


def test_what_grows_sharper_can_be_stopped_and_stays_as_it_is(tiny_trace):
    class Stopping(Asked):
        def submit(self, key, work, **how):
            if key == ("sharper", 3):
                job = Job(key, "ahead", "testing")
                made.stopped(job)
                return job
            return super().submit(key, work, **how)

    jobs, seen = Stopping(), []
    made = ColumnDrawings(jobs, 3, lambda view: seen.append(made.latest[view]), seen.append)
    made.wanted = ("why",)
    scene = DrawingScene(tiny_trace, Selection(target=Target("class", index=8)), Look(), {})
    made.draw(("why",), scene)
    made._sharpen()
    assert [dict(drawing.options)["maps"] for drawing in seen] == [0]
