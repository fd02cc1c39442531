from __future__ import annotations

from gaitway.ros.node_main import LateTicks


def test_ages_are_judged_as_of_the_newest_tick_on_time_or_the_second_late_one() -> None:
    ticks = LateTicks(0.05)
    heard = []
    for now_s in (1.0, 1.05, 1.35, 1.40, 2.0, 2.6):
        may_judge = ticks.may_judge(now_s)
        heard.append((may_judge, ticks.judged_s))
    assert heard == [(True, 1.0), (True, 1.05), (False, 1.05), (True, 1.40), (False, 1.40), (True, 2.6)]
