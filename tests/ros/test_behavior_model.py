"""What the async agent decides by."""

from __future__ import annotations

from gaitway.ros.behavior_model import BehaviorModel, Environment, Health

SAFE, UNSAFE = Environment(hazard=0.0), Environment(hazard=1.0)


def after(model: BehaviorModel, environment: Environment, seconds: float, health: Health | None = None):
    for _ in range(round(seconds / 0.1)):
        model = model.updated(environment, health or Health(), 0.1)
    return model


def test_it_waits_within_a_second_of_a_hazard_and_goes_again_later_than_it_waited() -> None:
    model = after(BehaviorModel(), UNSAFE, 0.5)
    assert model.behavior == "go"
    model = after(model, UNSAFE, 0.5)
    assert model.behavior == "wait"
    model = after(model, SAFE, 0.5)
    assert model.caution < model.limit
    assert model.behavior == "wait"
    assert after(model, SAFE, 0.5).behavior == "go"


def test_it_waits_on_a_machine_at_its_end() -> None:
    for health in (Health(cpu=0.99), Health(memory=0.95), Health(battery=0.1)):
        assert after(BehaviorModel(), SAFE, 2.0, health).behavior == "wait"
    assert after(BehaviorModel(), SAFE, 2.0, Health(battery=float("nan"))).behavior == "go"


def test_caution_does_not_depend_on_how_often_it_is_updated() -> None:
    often, seldom = after(BehaviorModel(), UNSAFE, 1.0), BehaviorModel().updated(UNSAFE, Health(), 1.0)
    assert abs(often.caution - seldom.caution) < 1e-9
