"""The text definitions of ROS 2 messages, as the installation holds them, so that a recording explains itself."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from gaitway.errors import GaitwayError


def typestore_of(message_types: set[str]) -> Typestore:
    """The definitions of message types and of all that they are made of.

    Args:
        message_types: names such as "sensor_msgs/msg/JointState".

    Raises:
        GaitwayError: the ROS 2 installation holds no definition of a type.
    """
    store = get_typestore(Stores.EMPTY)
    wanted = set(message_types)
    while wanted:
        name = wanted.pop()
        if name not in store.fielddefs:
            types = get_types_from_msg(_definition(name), name)
            store.register(types)
            wanted |= {used for _, fields in types.values() for field in fields for used in _named(field[1])}
    return store


def _definition(name: str) -> str:
    package, kind, message = name.split("/")
    prefixes = [*filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)), sys.prefix]
    for prefix in prefixes:
        path = Path(prefix, "share", package, kind, f"{message}.msg")
        if path.is_file():
            return path.read_text()
    raise GaitwayError(f"no definition of {name} under share/ of {', '.join(prefixes)}")


def _named(descriptor: tuple) -> set[str]:
    """The message type that a field, or each element of it, is of."""
    node, content = descriptor
    if node == Nodetype.NAME:
        return {content}
    return set() if node == Nodetype.BASE else _named(content[0])
