"""`tensorflow.python.client.device_lib`: the devices of this machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class DeviceAttributes:
    """One device."""

    name: str
    device_type: str
    memory_limit: int = 0
    incarnation: int = 0
    physical_device_desc: str = ""
    locality: dict[str, Any] = field(default_factory=dict)

    @property
    def memory_limit_bytes(self) -> int:
        return self.memory_limit


def list_local_devices(session_config: Any = None) -> list[DeviceAttributes]:
    """The CPU, which everything runs on."""
    return [DeviceAttributes("/device:CPU:0", "CPU")]
