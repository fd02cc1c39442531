"""Node `async_agent`: asks the web and the machine it runs on, and never misses a tick while it waits for an answer.

Coroutines on an asyncio loop, in a thread of its own, fetch the environment over HTTP, check the machine's health and
update a model of how cautious to be. What they find is stored; the tick, on the node's executor, decides. It sends the
environment's goal to the action `walk_to_goal`, cancels it when the model says wait, and sends it again when the model
says go. In `battery_state`; out `async_status`, JSON. An exception in a coroutine is logged and counted. A lifecycle node,
which activates itself unless `autostart` is false.

The environment is JSON such as `{"hazard": 0.2, "goal": {"x": 1.0, "y": 0.5}}`, both of which may be missing.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import msgspec
import psutil
from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from sensor_msgs.msg import BatteryState
from std_msgs.msg import String

from gaitway.ros import names
from gaitway.ros.behavior_model import BehaviorModel, Environment, Health
from gaitway.ros.node_main import run_node, steady_s, steady_timer
from gaitway.ros.walk_client import WalkClient

_RANGES = {
    "tick_rate": (10.0, 0.1, 200.0, "How often the agent decides and says how it is [Hz]."),
    "fetch_period": (1.0, 0.1, 3600.0, "Pause between two requests of the environment [s]."),
    "fetch_timeout": (5.0, 0.1, 3600.0, "How long a request may take [s]."),
    "health_period": (1.0, 0.1, 3600.0, "Pause between two looks at the machine [s]."),
    "caution_limit": (0.6, 0.0, 1.0, "Caution above which the robot waits; it goes again below half of it."),
    "max_cpu": (0.95, 0.0, 1.0, "CPU in use above which the robot waits, as a fraction of all cores."),
    "max_memory": (0.9, 0.0, 1.0, "Memory in use above which the robot waits, as a fraction."),
    "min_battery": (0.2, 0.0, 1.0, "Battery below which the robot waits, as a fraction."),
}


class AsyncAgent(LifecycleNode):
    """Ticks on the executor; everything slow is a coroutine."""

    def __init__(self) -> None:
        super().__init__("async_agent")
        url = ParameterDescriptor(
            description="Where the environment is fetched; empty for nowhere.", read_only=True
        )
        self._url = str(self.declare_parameter("environment_url", "", url).value)
        start = ParameterDescriptor(description="Whether to configure and activate at start.", read_only=True)
        autostart = self.declare_parameter("autostart", True, start).value
        given = {name: self._declare(name, *values) for name, values in _RANGES.items()}
        self._period_s, self._timeout_s = 1.0 / given["tick_rate"], given["fetch_timeout"]
        self._model = BehaviorModel(
            limit=given["caution_limit"],
            max_cpu=given["max_cpu"],
            max_memory=given["max_memory"],
            min_battery=given["min_battery"],
        )
        self._environment, self._health, self._battery = Environment(), Health(), 1.0
        self._fetched_s: float | None = None
        self._failures = {"environment": 0, "health": 0, "model": 0}
        self._ticks = self._missed = 0
        self._ticked_s: float | None = None
        self._active = False
        self._status = self.create_publisher(String, "async_status", names.EVENT)
        self._walks = WalkClient(self)
        self.create_subscription(BatteryState, "battery_state", self._on_battery, names.SENSOR_IN)
        steady_timer(self, self._period_s, self._tick)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(given,), name="asyncio", daemon=True)
        self._thread.start()
        if autostart:
            self.trigger_configure()
            self.trigger_activate()

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to walk by what is known."""
        self._active = True
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Give the walk up; what is known is kept up to date."""
        self._active = False
        return super().on_deactivate(state)

    def _declare(self, name: str, default: float, lower: float, upper: float, description: str) -> float:
        descriptor = ParameterDescriptor(
            description=description,
            floating_point_range=[FloatingPointRange(from_value=lower, to_value=upper)],
            read_only=True,
        )
        value = self.declare_parameter(name, default, descriptor).value
        assert isinstance(value, float)
        return value

    def destroy_node(self) -> None:
        """Cancel the coroutines, too."""
        self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(self._loop)])
        self._thread.join()
        super().destroy_node()

    # Coroutines, in the thread of the asyncio loop

    def _run(self, given: dict[str, float]) -> None:
        try:
            self._loop.run_until_complete(self._work(given))
        except asyncio.CancelledError:
            pass
        finally:
            self._loop.close()

    async def _work(self, given: dict[str, float]) -> None:
        timeout = aiohttp.ClientTimeout(total=self._timeout_s)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            tasks = [self._every(given["health_period"], "health", self._check_health)]
            tasks.append(self._every(self._period_s, "model", self._update_model))
            if self._url:
                tasks.append(self._every(given["fetch_period"], "environment", lambda: self._fetch(session)))
            await asyncio.gather(*tasks)

    async def _every(self, period_s: float, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do something again and again; what it raises is logged, counted, and does not end it."""
        while True:
            try:
                await work()
            except Exception as error:
                self._failures[name] += 1
                self.get_logger().error(f"{name}: {type(error).__name__}: {error}", throttle_duration_sec=5.0)
            await asyncio.sleep(period_s)

    async def _fetch(self, session: aiohttp.ClientSession) -> None:
        async with session.get(self._url, raise_for_status=True) as response:
            self._environment = msgspec.json.decode(await response.read(), type=Environment)
            self._fetched_s = steady_s()

    async def _check_health(self) -> None:
        self._health = await asyncio.to_thread(_look_at_machine, self._battery)

    async def _update_model(self) -> None:
        self._model = self._model.updated(self._environment, self._health, self._period_s)

    # Callbacks, in the thread of the executor

    def _on_battery(self, message: BatteryState) -> None:
        self._battery = message.percentage

    def _tick(self) -> None:
        now_s = steady_s()
        if self._ticked_s is not None:
            self._missed += max(0, round((now_s - self._ticked_s) / self._period_s) - 1)
        self._ticked_s = now_s
        self._ticks += 1
        goes = self._active and self._model.behavior == "go"
        self._walks.pursue(self._environment.goal if goes else None)
        self._status.publish(String(data=msgspec.json.encode(self._report(now_s)).decode()))

    def _report(self, now_s: float) -> dict[str, Any]:
        return {
            "ticks": self._ticks,
            "missed_ticks": self._missed,
            "behavior": self._model.behavior,
            "caution": round(self._model.caution, 3),
            "walk": self._walks.state,
            "active": self._active,
            "environment": self._environment,
            "environment_age_s": None if self._fetched_s is None else round(now_s - self._fetched_s, 3),
            "health": self._health,
            "failures": self._failures,
        }


def _look_at_machine(robot_battery: float) -> Health:
    """CPU and memory in use, and the robot's or the machine's battery, whichever is emptier."""
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    return Health(
        cpu=psutil.cpu_percent() / 100.0,
        memory=psutil.virtual_memory().percent / 100.0,
        battery=min(robot_battery, battery.percent / 100.0 if battery else 1.0),
    )


if __name__ == "__main__":
    run_node(AsyncAgent)
