"""One environment of a batch of one, for code that expects Gymnasium's `Env`."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode

from gaitway.tasks.task import TaskError


class SingleEnv(gymnasium.Env[np.ndarray, np.ndarray]):
    """A vector environment of one that resets in the same step, seen as a plain `gymnasium.Env`."""

    metadata = {"render_modes": []}  # noqa: RUF012 (Gymnasium's name)

    def __init__(self, env: gymnasium.vector.VectorEnv):
        """Show the only environment of `env`.

        Args:
            env: a vector environment of one, with SAME_STEP autoreset.

        Raises:
            TaskError: it has more, or resets at another time.
        """
        mode = env.metadata.get("autoreset_mode")
        if env.num_envs != 1 or mode is not AutoresetMode.SAME_STEP:
            raise TaskError(
                f"expected one environment that resets in the same step; got {env.num_envs}, {mode}"
            )
        self.vector_env = env
        self.observation_space = env.single_observation_space
        self.action_space = env.single_action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode; `seed` and `options` as for the vector environment."""
        super().reset(seed=seed)
        obs, infos = self.vector_env.reset(seed=seed, options=options)
        return obs[0], _only(infos)

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Advance by one control step; after the last one of an episode, `reset` begins the next."""
        obs, reward, terminated, truncated, infos = self.vector_env.step(np.asarray(action)[None])
        obs = infos.get("final_obs", obs)
        return obs[0], float(reward[0]), bool(terminated[0]), bool(truncated[0]), _only(infos)

    def close(self) -> None:
        """Close the vector environment."""
        self.vector_env.close()


def _only(infos: dict[str, Any]) -> dict[str, Any]:
    """The infos of the only environment, those of an episode's end in the place of the next one's beginning."""
    names = [name for name in infos if not name.startswith(("_", "final_"))]
    return {name: infos.get(f"final_{name}", infos[name])[0] for name in names}
