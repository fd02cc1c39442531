"""External forces on each body after every physics step, for models that are stepped in a batch.

`mj_step` computes `cfrc_ext` only where a sensor asks for it. Gymnasium's tasks therefore call
`mj_rnePostConstraint` on the MjData that a step leaves behind; a `mujoco.batch.Batch` steps many simulations on a
few MjData and leaves none. A sensor that asks for it (an accelerometer) does not give the same values: the
Runge-Kutta integrator evaluates the forces of a step four times and the sensors only the first, while what a step
leaves behind is the fourth.

What MuJoCo calls at the end of a step, with the last evaluation still in place, is the `advance` callback of engine
plugins. `mj_rnePostConstraint(model, data)` can be that callback itself: the one argument more that it is passed, the
plugin's instance, is ignored by every calling convention that MuJoCo is built for. So a plugin is registered whose
`advance` is MuJoCo's own function: no compiler is needed, and no Python runs while a batch is stepped. On Gymnasium's
humanoid it costs about 2 % of a step.
"""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

import mujoco

from gaitway.errors import GaitwayError

PLUGIN = "gaitway.rne_post_constraint"

_SDF = 1 << 3  # a capability whose callbacks are called only for geoms that name the plugin
_LIBRARIES = ("libmujoco*.so*", "libmujoco*.dylib", "mujoco.dll")
_Pointer = ctypes.c_void_p


class _MjpPlugin(ctypes.Structure):
    """`mjpPlugin` of mujoco/mjplugin.h."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("nattribute", ctypes.c_int),
        ("attributes", _Pointer),
        ("capabilityflags", ctypes.c_int),
        ("needstage", ctypes.c_int),
        ("nstate", _Pointer),
        ("nsensordata", _Pointer),
        ("init", _Pointer),
        ("destroy", _Pointer),
        ("copy", _Pointer),
        ("reset", _Pointer),
        ("compute", _Pointer),
        ("advance", _Pointer),
        ("visualize", _Pointer),
        ("actuator_act_dot", _Pointer),
        ("sdf_distance", _Pointer),
        ("sdf_gradient", _Pointer),
        ("sdf_staticdistance", _Pointer),
        ("sdf_attribute", _Pointer),
        ("sdf_aabb", _Pointer),
    )


@ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, ctypes.c_int)
def _nstate(model: int, instance: int) -> int:
    """No state; called when a model is compiled."""
    return 0


@ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, _Pointer, ctypes.c_int)
def _init(model: int, data: int, instance: int) -> int:
    """Nothing to prepare; called when an MjData is made."""
    return 0


class PluginError(GaitwayError):
    """MuJoCo did not take the plugin."""


def add_rne_plugin(spec: mujoco.MjSpec) -> None:
    """Make every physics step of the model compute `cfrc_ext`, and `cacc` and `cfrc_int` beside it.

    Args:
        spec: the model, changed in place.

    Raises:
        PluginError: this MuJoCo's library was not found, or does not call the plugin.
    """
    _register()
    _add(spec)


def _add(spec: mujoco.MjSpec) -> None:
    spec.activate_plugin(PLUGIN)
    spec.add_plugin(name=PLUGIN, plugin_name=PLUGIN, active=True)


@functools.cache
def _register() -> None:
    """Register the plugin with this process's MuJoCo, once, and see that it works."""
    library = ctypes.CDLL(str(_library()))
    pure = _address(library.mj_isSparse)  # reads the model and does nothing
    plugin = _MjpPlugin(
        name=PLUGIN.encode(),
        capabilityflags=_SDF,
        nstate=_address(_nstate),
        init=_address(_init),
        reset=pure,
        compute=pure,
        advance=_address(library.mj_rnePostConstraint),
    )
    library.mjp_registerPlugin(ctypes.byref(plugin))
    _check()


def _check() -> None:
    """Step a pushed ball: the push is an external force."""
    spec = mujoco.MjSpec()
    ball = spec.worldbody.add_body()
    ball.add_freejoint()
    ball.add_geom(size=[0.1, 0.0, 0.0])
    _add(spec)
    model = spec.compile()
    data = mujoco.MjData(model)
    data.xfrc_applied[1, 0] = 1.0
    mujoco.mj_step(model, data)
    if data.cfrc_ext[1, 3] != 1.0:
        raise PluginError(
            f"MuJoCo {mujoco.__version__} does not call the plugin {PLUGIN} at the end of a step; tested with 4.0"
        )


def _library() -> Path:
    folder = Path(mujoco.__file__).parent
    found = [path for pattern in _LIBRARIES for path in sorted(folder.glob(pattern))]
    if not found:
        raise PluginError(f"no MuJoCo library in {folder}; expected one of {', '.join(_LIBRARIES)}")
    return found[0]


def _address(function: ctypes._CFunctionType | ctypes._NamedFuncPointer) -> int | None:
    return ctypes.cast(function, _Pointer).value
