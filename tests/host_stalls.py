"""A live test's failure counts only if the host kept time while it ran.

A live test starts processes that watch each other by the clock. On a busy or shared host all of them stand still
now and then; a watchdog of 100 ms then stops the robot, as it should, and the test fails though nothing is wrong
with the code. No assertion can be made to bear that without ceasing to say what it says. So a bare timer runs
beside the live tests (`stall_timer.py`), and where one of them fails while the host stalled for longer than
`LIMIT_S`, its error becomes `HostStalledError` and the test is run again from its fixtures on, at most `RERUNS` times.
On a host that kept time a failure is final at once, and a test that passes is never looked at.

Live is what bears the marker `live`, and every test of a module that is named `test_*_live.py`. What live tests
share beyond one test they keep in `Shared`, so that no stall outlives the test it hit.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import pytest

LIMIT_S = 0.05
"""Half of the shortest watchdog, that of the robot's commands."""
RERUNS = 2
_TIMER = Path(__file__).with_name("stall_timer.py")
_SINCE_S = pytest.StashKey[float]()
_FAILED = pytest.StashKey[bool]()

Value = TypeVar("Value")


class HostStalledError(Exception):
    """A test failed while the host did not keep time."""

    def __init__(self, stall_s: float, error: BaseException):
        said = f"{type(error).__name__}: {error}".partition("\n")[0]
        super().__init__(
            f"the host stalled for {1e3 * stall_s:.0f} ms while this ran, which failed with {said}"
        )


class StallWatch(Protocol):
    """Who knows how long the host stalled."""

    def longest_s(self, since_s: float) -> float:
        """The longest stall since a time of `time.monotonic` [s]."""
        ...

    def close(self) -> None:
        """End the watch."""
        ...


class HostTimer:
    """The watch by the bare timers of a process of their own, which no test's work in this process delays."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_TIMER)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        self.longest_s(time.monotonic())  # so that it runs before the test does

    def longest_s(self, since_s: float) -> float:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(since_s, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())

    def close(self) -> None:
        self.process.communicate()  # the end of its input ends it


class LiveReruns:
    """The plugin that runs live tests again which failed while the host stalled."""

    def __init__(self, watch: Callable[[], StallWatch] = HostTimer):
        """Prepare to watch: a watch is made for the first live test."""
        self._make_watch = watch
        self._watch: StallWatch | None = None

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", "live: starts processes that watch each other by the clock")

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        again = pytest.mark.flaky(reruns=RERUNS, only_rerun=[HostStalledError])
        for item in items:
            if item.path.stem.endswith("_live"):
                item.add_marker("live")
            if item.get_closest_marker("live") and not config.getoption("usepdb"):
                item.add_marker(again)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, None, None]:
        if item.get_closest_marker("live") and self._watch is None:
            self._watch = self._make_watch()
        item.stash[_SINCE_S], item.stash[_FAILED] = time.monotonic(), False
        return (yield from self._judged(item))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        return (yield from self._judged(item))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, None, None]:
        return (yield from self._judged(item))

    def _judged(self, item: pytest.Item) -> Generator[None, None, None]:
        try:
            return (yield)
        except (pytest.exit.Exception, pytest.xfail.Exception):
            raise
        except (Exception, pytest.fail.Exception) as error:
            item.stash[_FAILED] = True
            if self._watch is None or not item.get_closest_marker("live"):
                raise
            stall_s = self._watch.longest_s(item.stash[_SINCE_S])
            if stall_s <= LIMIT_S:
                raise
            raise HostStalledError(stall_s, error) from error

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        again = [
            r for r in terminalreporter.stats.get("rerun", []) if HostStalledError.__name__ in r.longreprtext
        ]
        if again:
            terminalreporter.write_sep("=", "run again")
        for report in again:
            terminalreporter.write_line(f"{report.nodeid}: {report.longrepr.reprcrash.message}")

    def pytest_unconfigure(self) -> None:
        if self._watch is not None:
            self._watch.close()


class Shared(Generic[Value]):
    """What several live tests use, one after the other, until one of them fails: the next finds a new one."""

    def __init__(self, make: Callable[[], AbstractContextManager[Value]]):
        """Prepare to share what a context manager yields; it is made where it is first needed."""
        self._make = make
        self._stack = ExitStack()
        self._lent: tuple[Value, float] | None = None

    @contextmanager
    def lent(self, item: pytest.Item) -> Iterator[Value]:
        """The shared value for one test.

        A stall during the test before counts, too: what it broke may show only now.
        """
        began_s = item.stash[_SINCE_S]
        if self._lent is None:
            value = self._stack.enter_context(self._make())
        else:
            value, item.stash[_SINCE_S] = self._lent
        self._lent = value, began_s
        yield value
        if item.stash[_FAILED]:
            self.close()

    def close(self) -> None:
        """End what is shared."""
        self._lent = None
        self._stack.close()
