from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitway.behaviors import Reactive, ReactiveConfig, Scan, Steering, clearer_side, usable_ranges
from gaitway.errors import GaitwayError
from gaitway.sim import Lidar, get_world

BEAMS = 72
CONFIG = ReactiveConfig()
RANGES = st.lists(
    st.one_of(
        st.floats(0.05, 12.0),
        st.sampled_from([math.inf, -math.inf, math.nan, 0.0, -0.0, -1.0, 1e-9, 1e30]),
    ),
    min_size=BEAMS,
    max_size=BEAMS,
)


def scan(ranges) -> Scan:
    increment = 2.0 * math.pi / BEAMS
    return Scan(
        ranges=np.array(ranges),
        angle_min=-math.pi + 0.5 * increment,
        angle_increment=increment,
        range_max=10.0,
    )


AHEAD = np.abs(scan([1.0] * BEAMS).angles) <= CONFIG.half_angle


@given(RANGES)
def test_never_walks_on_with_something_near_ahead_or_without_knowing(ranges: list[float]) -> None:
    decision = Reactive(CONFIG).decide(scan(ranges))
    ahead = np.array(ranges)[AHEAD]
    near = np.isneginf(ahead) | ((ahead > 0.0) & (ahead < CONFIG.stop_distance))
    tells = np.isneginf(ahead) | (ahead > 0.0)  # neither NaN nor zero
    if near.any() or tells.mean() < 0.5:
        assert decision.velocity[0] == 0.0
        assert decision.steering is not Steering.FORWARD
    else:
        assert decision.steering is Steering.FORWARD
        assert decision.velocity.tolist() == [CONFIG.speed, 0.0, 0.0]


@given(st.lists(RANGES, min_size=1, max_size=5), st.floats(-1.0, 1.0))
def test_asks_for_finite_velocities_within_its_settings_whatever_it_sees(
    scans: list[list[float]], clearer: float
) -> None:
    reactive = Reactive(CONFIG)
    for ranges in scans:
        vx, vy, yaw_rate = reactive.decide(scan(ranges), clearer).velocity
        assert vx in (0.0, CONFIG.speed)
        assert vy == 0.0
        assert abs(yaw_rate) in (0.0, CONFIG.turn_rate)


@given(RANGES, st.floats(0.1, 1.0))
def test_a_mirrored_scene_is_answered_by_the_mirrored_turn(ranges: list[float], clearer: float) -> None:
    decision = Reactive(CONFIG).decide(scan(ranges), clearer)
    mirrored = Reactive(CONFIG).decide(scan(ranges[::-1]), -clearer)
    assert mirrored.steering is decision.steering
    np.testing.assert_array_equal(mirrored.velocity, -decision.velocity * [-1.0, 1.0, 1.0])


@given(RANGES, st.integers(0, BEAMS - 1), st.sampled_from([math.nan, 0.0]))
def test_a_beam_that_tells_nothing_never_makes_it_walk_on(
    ranges: list[float], beam: int, nothing: float
) -> None:
    ranges = [1.5 if not math.isfinite(value) or value <= 0.0 else value for value in ranges]
    before = Reactive(CONFIG).decide(scan(ranges))
    nearest_ahead = np.min(np.array(ranges)[AHEAD])
    if ranges[beam] > nearest_ahead or not AHEAD[beam]:
        ranges[beam] = nothing
        assert Reactive(CONFIG).decide(scan(ranges)).steering is before.steering


def test_turns_to_the_side_with_more_room_and_keeps_turning_until_the_way_is_clear() -> None:
    reactive = Reactive(CONFIG)
    angles = scan([1.0] * BEAMS).angles
    ranges = np.where(AHEAD, 0.8, np.where(angles > 0.0, 1.0, 5.0))
    assert reactive.decide(scan(ranges)).velocity[2] == -CONFIG.turn_rate
    other_side = np.where(AHEAD, 0.8, np.where(angles > 0.0, 5.0, 1.0))
    assert reactive.decide(scan(other_side)).velocity[2] == -CONFIG.turn_rate  # it does not dither
    barely = np.where(AHEAD, CONFIG.stop_distance + 0.5 * CONFIG.margin, 5.0)
    assert reactive.decide(scan(barely)).steering is Steering.TURN
    assert reactive.decide(scan(np.full(BEAMS, 5.0))).steering is Steering.FORWARD
    assert reactive.decide(scan(barely)).steering is Steering.FORWARD


def test_where_the_scan_finds_both_sides_alike_the_picture_decides() -> None:
    ranges = np.where(AHEAD, 0.8, 5.0)
    for clearer, sign in ((0.5, 1.0), (-0.5, -1.0)):
        assert Reactive(CONFIG).decide(scan(ranges), clearer).velocity[2] == sign * CONFIG.turn_rate


@pytest.mark.parametrize("ranges", [[], [math.nan] * BEAMS, [0.0] * BEAMS])
def test_stands_where_the_scan_tells_nothing(ranges: list[float]) -> None:
    decision = Reactive(CONFIG).decide(scan(ranges))
    assert decision.steering is Steering.BLIND
    assert not decision.velocity.any()


def test_ranges_mean_what_rep_117_says() -> None:
    ranges = usable_ranges(scan([math.inf, -math.inf, math.nan, 0.0, 3.0, 50.0]))
    np.testing.assert_array_equal(ranges[[0, 4, 5]], [10.0, 3.0, 10.0])
    assert 0.0 < ranges[1] < 0.1
    assert np.isnan(ranges[[2, 3]]).all()


@given(st.integers(0, 2**32 - 1))
def test_a_mirrored_picture_speaks_for_the_other_side(seed: int) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (12, 17, 3), dtype=np.uint8)
    assert clearer_side(picture[:, ::-1]) == pytest.approx(-clearer_side(picture), abs=1e-5)


def test_the_side_without_edges_is_the_clearer_one() -> None:
    picture = np.full((20, 20), 200, dtype=np.uint8)
    assert clearer_side(picture) == 0.0
    picture[:, 13:17] = 30
    assert clearer_side(picture) == 1.0


@pytest.mark.parametrize("seed", range(3))
def test_a_body_that_moves_as_told_wanders_without_touching_anything(seed: int) -> None:
    world = get_world("obstacles")
    lidar, reactive = Lidar(world), Reactive(CONFIG)
    rng = np.random.default_rng(seed)
    position, yaw, dt, walked = np.zeros(2), float(rng.uniform(-math.pi, math.pi)), 0.1, 0.0
    for _ in range(900):
        quat = np.array([np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)])
        ranges = lidar.scan(np.array([*position, 0.8]), quat)
        vx, _, yaw_rate = reactive.decide(
            Scan(
                ranges=ranges,
                angle_min=lidar.angle_min,
                angle_increment=lidar.angle_increment,
                range_max=10.0,
            )
        ).velocity
        yaw += dt * yaw_rate + float(rng.normal(0.0, 0.01))
        position += dt * vx * np.array([np.cos(yaw), np.sin(yaw)])
        walked += dt * vx
        assert float(world.distance(position)) > 0.3
    assert walked > 3.0


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(GaitwayError, match="stop_distance"):
        ReactiveConfig(stop_distance=0.0)
