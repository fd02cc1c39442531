from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("rclpy")

from rclpy.parameter import parameter_dict_from_yaml_file, parameter_value_to_python

from gaitway.ros import RosError
from gaitway.ros.parameter_file import read_parameters, write_parameters

NAMES = st.lists(st.sampled_from("abc"), min_size=2, max_size=2).map(".".join)
VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**31), 2**31),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text("xyz "),
)


@given(st.dictionaries(NAMES, VALUES, min_size=1))
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, values: dict) -> None:
    path = tmp_path_factory.mktemp("parameters") / "file.yaml"
    write_parameters(path, "agent", values)
    assert read_parameters(path, "agent") == values


def test_ros_reads_the_file_too_and_wildcards_stand_behind_the_node(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    write_parameters(path, "agent", {"steps.height": 0.05, "steps.active": True})
    given = parameter_dict_from_yaml_file(str(path), target_nodes=["agent"])
    assert {name: parameter_value_to_python(p.value) for name, p in given.items()} == {
        "steps.height": 0.05,
        "steps.active": True,
    }
    path.write_text("/**: {ros__parameters: {a: 1, b: 2}}\nagent: {ros__parameters: {b: 3}}\n")
    assert read_parameters(path, "agent") == {"a": 1, "b": 3}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        ("", "has no parameters under agent"),
        ("agent: [1, 2]", "has no parameters under agent"),
        ("other: {ros__parameters: {a: 1}}", "has no parameters under agent"),
        ("agent: {ros__parameters: {a: 1", "cannot read parameters from"),
        ("\x00\x01", "cannot read parameters from"),
        ("agent: !!python/object/apply:os.getcwd []", "cannot read parameters from"),
    ],
)
def test_a_missing_or_broken_file_is_refused_and_named(
    tmp_path: Path, content: str | None, reason: str
) -> None:
    path = tmp_path / "file.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(RosError, match=reason) as error:
        read_parameters(path, "agent")
    assert str(path) in str(error.value)
