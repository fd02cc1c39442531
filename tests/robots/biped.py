"""A small biped, written out so that a test can break it in one place."""

from __future__ import annotations

from pathlib import Path

MJCF = """<mujoco model="biped">
  <worldbody>
    <body name="trunk" pos="0 0 0.6">
      <freejoint name="root"/>
      <geom type="box" size="0.1 0.12 0.1" mass="6"/>
      <site name="imu" pos="0.05 0 0.1" quat="0 0 0 1"/>
      <body name="left_leg" pos="0 0.1 -0.1">
        <joint name="left_hip" axis="0 1 0" range="-60 60" armature="0.01"/>
        <geom type="capsule" size="0.03" fromto="0 0 0 0 0 -0.4" mass="1" contype="0" conaffinity="0"/>
        <geom type="box" size="0.08 0.04 0.02" pos="0.02 0 -0.42" mass="0.3"/>
      </body>
      <body name="right_leg" pos="0 -0.1 -0.1">
        <joint name="right_hip" axis="0 1 0" range="-60 60" armature="0.01"/>
        <geom type="capsule" size="0.03" fromto="0 0 0 0 0 -0.4" mass="1" contype="0" conaffinity="0"/>
        <geom type="box" size="0.08 0.04 0.02" pos="0.02 0 -0.42" mass="0.3"/>
      </body>
      <body name="head" pos="0 0 0.2">
        <joint name="neck" axis="0 0 1" range="-90 90" armature="0.001"/>
        <geom type="sphere" size="0.08" mass="0.5"/>
      </body>
    </body>
  </worldbody>
  <actuator>
    <motor joint="left_hip" gear="20" ctrlrange="-2 1.5"/>
    <motor joint="right_hip" gear="20" ctrlrange="-2 1.5"/>
    <position joint="neck" kp="8" kv="0.5" forcerange="-4 4"/>
  </actuator>
</mujoco>
"""
GAINS = """[joints]
".*_hip" = { stiffness = 60.0, damping = 2.0 }
"""


def write_biped(folder: Path, description: str = GAINS, mjcf: str = MJCF) -> Path:
    """Write the model and a TOML that describes it; returns the TOML's path."""
    (folder / "biped.xml").write_text(mjcf)
    path = folder / "biped.toml"
    path.write_text(f'model = "biped.xml"\n{description}')
    return path
