"""Live tests are run again where, and only where, the host stalled while they failed."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.host_stalls import HostTimer

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent
CONFTEST = """
import pytest
from tests.host_stalls import LiveReruns

STALL_S = 0.0

class Told:
    def longest_s(self, since_s):
        return STALL_S
    def close(self):
        pass

def pytest_configure(config):
    config.pluginmanager.register(LiveReruns(Told))

@pytest.fixture
def host():
    def stalls_for(seconds):
        global STALL_S
        STALL_S = seconds
    stalls_for(0.0)
    return stalls_for
"""


def outcomes(pytester: pytest.Pytester, **files: str) -> tuple[dict[str, int], pytest.RunResult]:
    """How tests in files of those names ended, in a session of their own."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(**files)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
        result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--strict-markers")
    return result.parseoutcomes(), result


def test_a_failure_during_a_stall_is_run_again_from_its_fixtures_on(pytester: pytest.Pytester) -> None:
    counts, result = outcomes(
        pytester,
        test_robot_live="""
            import pytest
            runs = {"once": 0, "always": 0, "fixture": 0, "fixtures": 0}

            @pytest.fixture
            def fresh():
                runs["fixtures"] += 1
                yield []

            def test_fails_once(host, fresh):
                assert not fresh
                fresh.append(1)
                runs["once"] += 1
                host(0.335)
                assert runs["once"] == 2, "damping"

            def test_fails_always(host):
                runs["always"] += 1
                host(0.1)
                raise AssertionError("a defect")

            @pytest.fixture
            def slow_to_come(host):
                runs["fixture"] += 1
                host(0.2)
                if runs["fixture"] == 1:
                    pytest.fail("it never came")

            def test_whose_fixture_fails_once(slow_to_come):
                pass

            def test_how_often(host):
                assert runs == {"once": 2, "always": 3, "fixture": 2, "fixtures": 2}
            """,
    )
    assert counts == {"passed": 3, "failed": 1, "rerun": 4}
    result.stdout.fnmatch_lines(
        [
            "E*AssertionError: a defect*",
            "E*HostStalledError: the host stalled for 100 ms while this ran, which failed with AssertionError: a defect",
            "=* run again =*",
            "*::test_fails_once: *the host stalled for 335 ms while this ran, which failed with *damping*",
            "*::test_fails_always: *the host stalled for 100 ms*",
            "*::test_fails_always: *the host stalled for 100 ms*",
            "*::test_whose_fixture_fails_once: *the host stalled for 200 ms*it never came",
        ]
    )


def test_a_failure_is_final_where_the_host_kept_time_or_no_test_is_live(pytester: pytest.Pytester) -> None:
    text = """
        import pytest
        runs = [0]

        def test_fails_once(host):
            runs[0] += 1
            host({stall_s})
            assert runs[0] == 2

        def test_it_was_not_run_again(host):
            assert runs[0] == 1

        def test_skips(host):
            host({stall_s})
            pytest.skip("no robot")

        @pytest.mark.xfail
        def test_is_known_to_fail(host):
            host({stall_s})
            pytest.xfail("known")
        """
    counts, result = outcomes(
        pytester, test_robot_live=text.format(stall_s=0.04), test_algebra=text.format(stall_s=1.0)
    )
    assert counts == {"failed": 2, "passed": 2, "skipped": 2, "xfailed": 2}
    assert "HostStalled" not in result.stdout.str()


def test_what_live_tests_share_is_made_anew_after_a_failure_and_the_stall_before_counts(
    pytester: pytest.Pytester,
) -> None:
    counts, _ = outcomes(
        pytester,
        test_robot_live="""
            import pytest, time
            from contextlib import contextmanager
            import conftest
            from tests.host_stalls import Shared
            made, ended, stalls = [], [], []

            def longest_s(self, since_s):
                return 0.2 if since_s <= stalls[0] else 0.0

            conftest.Told.longest_s = longest_s

            @contextmanager
            def launched():
                made.append({"stopped": False})
                yield made[-1]
                ended.append(made[-1])

            @pytest.fixture(scope="module")
            def shared():
                shared = Shared(launched)
                yield shared
                shared.close()

            @pytest.fixture
            def robot(shared, request):
                with shared.lent(request.node) as robot:
                    yield robot

            def test_passes_though_a_stall_stops_the_robot_at_its_end(robot):
                stalls.append(time.monotonic())
                robot["stopped"] = True

            def test_hears_of_the_stop(robot):
                assert not robot["stopped"]

            def test_goes_on_with_the_new_one(robot):
                assert (len(made), len(ended)) == (2, 1)
                assert robot is made[-1]

            def test_fails_of_itself(robot):
                raise AssertionError

            def test_has_a_new_one(robot):
                assert (len(made), len(ended)) == (3, 2)
            """,
    )
    assert counts == {"passed": 4, "failed": 1, "rerun": 1}


@pytest.mark.live
def test_a_halted_timer_tells_how_long_it_was_halted_and_only_since_when_it_is_asked() -> None:
    timer = HostTimer()
    try:
        began_s = time.monotonic()
        timer.process.send_signal(signal.SIGSTOP)
        time.sleep(0.2)
        timer.process.send_signal(signal.SIGCONT)
        assert timer.longest_s(began_s) >= 0.15
        time.sleep(0.1)  # until each has woken and noted it
        assert timer.longest_s(time.monotonic()) < timer.longest_s(began_s)
    finally:
        timer.close()
    assert timer.process.returncode == 0
