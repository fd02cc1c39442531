from __future__ import annotations

import numpy as np
import pytest

from gaitway.ros import messages

JOINTS = ("hip", "knee", "ankle")


def test_joint_states_are_read_by_name_in_any_order() -> None:
    stamp = messages.stamp_from(0)
    message = messages.joint_state(stamp, ("knee", "ankle", "hip"), (2.0, 3.0, 1.0), (0.2, 0.3, 0.1))
    measured = messages.by_name(message, JOINTS)
    assert measured is not None
    np.testing.assert_array_equal(measured, [[1.0, 2.0, 3.0], [0.1, 0.2, 0.3]])


@pytest.mark.parametrize(
    ("names", "values"),
    [
        (("hip", "knee"), 2),
        (("hip", "knee", "tail"), 3),
        ((*JOINTS, "tail"), 4),
        ((*JOINTS, "hip"), 4),
        (("hip", "knee", "knee"), 3),
        (JOINTS, 2),
    ],
)
def test_joint_states_of_other_joints_or_without_a_value_for_each_are_refused(
    names: tuple[str, ...], values: int
) -> None:
    zeros = np.zeros(values)
    message = messages.joint_state(messages.stamp_from(0), names, zeros, zeros)
    assert messages.by_name(message, JOINTS) is None
