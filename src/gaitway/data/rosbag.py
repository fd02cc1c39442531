"""Writing recorded messages as a rosbag2 folder in MCAP, which `ros2 bag`, Foxglove and Python libraries open."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from rosbags.rosbag2 import StoragePlugin, Writer

from gaitway.data.message_definitions import typestore_of
from gaitway.errors import GaitwayError

_FORMAT_VERSION = 8
"""The newest that rosbag2 of Iron and Jazzy reads too."""


def write_rosbag(
    path: Path,
    topics: Mapping[str, str],
    messages: Iterable[tuple[int, str, bytes]],
    notes: Mapping[str, str] | None = None,
) -> None:
    """Write a folder of `metadata.yaml` and one MCAP file, all or nothing.

    Args:
        path: the folder to make.
        topics: message types ("sensor_msgs/msg/JointState") by topic.
        messages: time [ns], topic, and content as it was received (CDR), in the order of time.
        notes: what `ros2 bag info` is to show as custom data.

    Raises:
        GaitwayError: the folder exists, cannot be written, or a type has no definition in this ROS 2 installation.
    """
    if path.exists():
        raise GaitwayError(f"{path} exists already")
    store = typestore_of(set(topics.values()))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as temporary:
            partial = Path(temporary, path.name)
            with Writer(partial, version=_FORMAT_VERSION, storage_plugin=StoragePlugin.MCAP) as writer:
                for key, value in (notes or {}).items():
                    writer.set_custom_data(key, value)
                connections = {
                    topic: writer.add_connection(topic, kind, typestore=store)
                    for topic, kind in sorted(topics.items())
                }
                for time_ns, topic, content in messages:
                    writer.write(connections[topic], time_ns, content)
            for file in partial.iterdir():
                with file.open("rb") as written:
                    os.fsync(written.fileno())
            partial.rename(path)
    except OSError as error:
        raise GaitwayError(f"cannot write {path}: {error.strerror or error}") from error
