"""Train a humanoid to stand, and pack the policy in one file.

python examples/01_train_and_pack.py [ENVIRONMENT_STEPS] [FOLDER]
"""

import sys
from pathlib import Path

from gaitway.learning import TrainConfig, export_run, train

env_steps = int(sys.argv[1]) if len(sys.argv) > 1 else TrainConfig.env_steps
folder = Path(sys.argv[2] if len(sys.argv) > 2 else "runs/example")

result = train(TrainConfig(task="stand", env_steps=env_steps), folder / "run")
print(f"{result.env_steps:,} environment steps at {result.env_steps_per_second:,.0f} per second")

exported = export_run(result.run_dir, folder / "policy.onnx", num_robots=64)
print(f"{100 * exported.evaluation.survival:.0f} % of 64 pushed robots stay upright for 20 s")
print(f"ONNX and torch differ by at most {exported.max_abs_difference:.1e}; written to {exported.path}")
