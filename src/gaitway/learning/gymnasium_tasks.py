"""Any environment that is registered with Gymnasium, as a task: `gymnasium:Hopper-v5`.

Most environments are stepped one after the other in this process. Measured with 8 environments on two cores, a step of
one took 167 us in such a loop, 192 us in Gymnasium's SyncVectorEnv and 483 us in its AsyncVectorEnv on Hopper-v5, 71,
80 and 308 us on HalfCheetah-v5, and 15, 15 and 142 us on CartPole-v1: passing a step between processes costs more than
the step.

Those in `BATCHED` are stepped in one batch instead, on threads, with the same results. Measured with 16 environments, a
step of one took 60 us of processor time in a batch and 90 us in the loop on Hopper-v5, 25 and 35 us on HalfCheetah-v5,
and 88 and 120 us on Walker2d-v5; the batch shares its time among the threads.
"""

from __future__ import annotations

import json
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from gaitway.errors import GaitwayError, UnknownNameError
from gaitway.learning.env_snapshot import UnsaveableError, restore_snapshot, take_snapshot
from gaitway.tasks.registration import BATCHED, NAMESPACE

PREFIX = "gymnasium:"
"""What the names of these tasks begin with; the environment's id follows, after `module:` where one must be imported."""


def make_gymnasium(task: str, num_envs: int, num_threads: int = 0, *, one_hot: bool = True) -> VectorEnv:
    """The environments that `gymnasium:ID` names; the batched ones where there are some.

    Args:
        task: `gymnasium:ID` or `gymnasium:MODULE:ID`.
        num_envs: how many.
        num_threads: threads that step them, where they are batched; 0 takes every CPU. Results do not depend on it.
        one_hot: as `GymnasiumEnv` takes it.

    Raises:
        UnknownNameError: Gymnasium knows no environment of that id.
        GaitwayError: it cannot be made, or has spaces that no algorithm here learns on.
    """
    env_id = task.removeprefix(PREFIX)
    if batched := BATCHED.get(env_id.removeprefix(f"{NAMESPACE}/")):
        return batched(num_envs, num_threads=num_threads, clip_actions=True)
    return GymnasiumEnv(env_id, num_envs, one_hot=one_hot)


class GymnasiumEnv(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """`num_envs` of a registered environment, in this process.

    Observations are float32, shape (num_envs, obs_size): arrays are flattened, discrete values become one-hot vectors,
    dictionaries and tuples their parts one after the other. Without `one_hot`, observations that are one discrete value
    stay that, int64, shape (num_envs,). Continuous actions are flat too, shape
    (num_envs, action_size), and are clipped to their bounds; discrete ones are counted from 0, shape (num_envs,).
    Episodes that end are reset in the same step: their last observation is `infos["final_obs"]` where
    `infos["_final_obs"]` is true. There are no other infos.
    """

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": []}  # noqa: RUF012 (Gymnasium's name)

    def __init__(self, env_id: str, num_envs: int, *, one_hot: bool = True):
        """Make the environments; `reset` begins the first episodes.

        Args:
            env_id: what Gymnasium calls one.
            num_envs: how many.
            one_hot: whether an observation that is one discrete value becomes a one-hot vector.

        Raises:
            UnknownNameError: Gymnasium knows no environment of that id.
            GaitwayError: it cannot be made, or has spaces that no algorithm here learns on.
        """
        self.num_envs = num_envs
        self.envs = [_make(env_id) for _ in range(num_envs)]
        self._seen = self.envs[0].observation_space
        self.single_observation_space = _flat_observations(env_id, self._seen, one_hot)
        self._acts = self.envs[0].action_space
        self.single_action_space = _flat_actions(env_id, self._acts)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode in every environment.

        Args:
            seed: environment i is seeded with `seed + i`; None goes on with the present generators.
            options: ignored.

        Returns:
            Observations and no infos.
        """
        seeds = [None if seed is None else seed + i for i in range(self.num_envs)]
        obs = [env.reset(seed=each)[0] for env, each in zip(self.envs, seeds, strict=True)]
        return np.stack([self._flat(each) for each in obs]), {}

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Advance every environment by one step.

        Args:
            actions: shape (num_envs, action_size), or (num_envs,) where they are discrete.

        Returns:
            Observations, rewards (num_envs,), terminated (num_envs,), truncated (num_envs,)
            and infos.

        Raises:
            GaitwayError: actions are not finite.
        """
        obs = np.empty(self.observation_space.shape or (), self.observation_space.dtype)
        reward = np.empty(self.num_envs, dtype=np.float32)
        terminated, truncated = np.zeros((2, self.num_envs), dtype=bool)
        infos: dict[str, Any] = {}
        for i, (env, action) in enumerate(zip(self.envs, self._to_env(actions), strict=True)):
            seen, reward[i], terminated[i], truncated[i], _ = env.step(action)
            if terminated[i] or truncated[i]:
                infos.setdefault("final_obs", np.zeros_like(obs))[i] = self._flat(seen)
                seen, _ = env.reset()
            obs[i] = self._flat(seen)
        if infos:
            infos["_final_obs"] = terminated | truncated
        return obs, reward, terminated, truncated, infos

    def state_dict(self) -> dict[str, np.ndarray]:
        """Everything that the next steps depend on; nothing where an environment cannot say it (`unsaveable`)."""
        try:
            snapshots = [take_snapshot(env).decode() for env in self.envs]
        except UnsaveableError:
            return {}
        return {"snapshots": np.frombuffer(json.dumps(snapshots).encode(), dtype=np.uint8).copy()}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Continue from what `state_dict` returned."""
        snapshots = json.loads(state["snapshots"].tobytes())
        for env, snapshot in zip(self.envs, snapshots, strict=True):
            restore_snapshot(env, snapshot.encode())

    @property
    def unsaveable(self) -> str | None:
        """Why a checkpoint cannot hold the environments, so that a resumed run begins new episodes; None if it can."""
        try:
            take_snapshot(self.envs[0])
        except UnsaveableError as error:
            return str(error)
        return None

    def close_extras(self, **kwargs: Any) -> None:
        """Close the environments."""
        for env in self.envs:
            env.close()

    def _flat(self, obs: Any) -> np.ndarray:
        if isinstance(self.single_observation_space, spaces.Discrete):
            return np.asarray(obs, dtype=np.int64)
        if isinstance(self._seen, spaces.Box):
            return np.asarray(obs, dtype=np.float32).reshape(-1)
        return np.asarray(spaces.flatten(self._seen, obs), dtype=np.float32)

    def _to_env(self, actions: np.ndarray) -> Any:
        """The actions as the environments want them, one after the other."""
        if isinstance(self._acts, spaces.Discrete):
            return [int(action) + int(self._acts.start) for action in np.asarray(actions).reshape(-1)]
        assert isinstance(self._acts, spaces.Box)
        actions = np.asarray(actions, dtype=self._acts.dtype).reshape(-1, *self._acts.shape)
        if not np.isfinite(actions).all():
            raise GaitwayError(f"{np.count_nonzero(~np.isfinite(actions))} of the actions are not finite")
        return np.clip(actions, self._acts.low, self._acts.high)


def _make(env_id: str) -> gymnasium.Env:
    try:
        return gymnasium.make(env_id, disable_env_checker=True)
    except gymnasium.error.UnregisteredEnv as error:
        if env_id in gymnasium.registry:
            raise GaitwayError(f"Gymnasium cannot make {env_id!r}: {error}") from error
        raise UnknownNameError("Gymnasium environment", env_id, gymnasium.registry) from None
    except (gymnasium.error.Error, ModuleNotFoundError) as error:
        raise GaitwayError(f"Gymnasium cannot make {env_id!r}: {error}") from error


def _flat_observations(env_id: str, space: spaces.Space, one_hot: bool) -> spaces.Space:
    if isinstance(space, spaces.Discrete) and not one_hot:
        return space
    try:
        flat = spaces.flatten_space(space)
    except (NotImplementedError, ValueError):
        flat = None
    if not isinstance(flat, spaces.Box):
        raise GaitwayError(f"{env_id} has observations of no fixed size: {space}")
    return spaces.Box(flat.low.astype(np.float32), flat.high.astype(np.float32), dtype=np.float32)


def _flat_actions(env_id: str, space: spaces.Space) -> spaces.Space:
    if isinstance(space, spaces.Discrete):
        return spaces.Discrete(int(space.n))
    if isinstance(space, spaces.Box) and np.issubdtype(space.dtype, np.floating):
        return spaces.Box(space.low.reshape(-1), space.high.reshape(-1), dtype=np.float32)
    raise GaitwayError(
        f"{env_id} has actions that no algorithm here learns: {space}; they do Box and Discrete"
    )
