"""Names of devices, such as /job:worker/task:0/device:GPU:1.  They are recorded; a session looks for CPU or GPU in them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from graphflow.errors import GraphError


@dataclass
class DeviceSpec:
    """The parts of the name of a device; None for what it leaves open."""

    job: str | None = None
    replica: int | None = None
    task: int | None = None
    device_type: str | None = None
    device_index: int | None = None

    @classmethod
    def from_string(cls, spec: str) -> DeviceSpec:
        """The parts of `/job:j/replica:r/task:t/device:TYPE:i` or `/cpu:0`.   Raises: ValueError for other text."""
        return cls().parse_from_string(spec)

    def parse_from_string(self, spec: str) -> DeviceSpec:
        """Take all parts from a name; gives back the DeviceSpec itself."""
        self.__init__()  # type: ignore[misc]
        for part in filter(None, spec.split("/")):
            key, *values = part.split(":")
            if key == "device" and len(values) == 2:
                key, *values = values
            try:
                if key == "job" and len(values) == 1:
                    self.job = values[0]
                elif key in ("replica", "task") and len(values) == 1:
                    setattr(self, key, int(values[0]))
                elif key.upper() in ("CPU", "GPU") or part.startswith("device:") and len(values) == 1:
                    self.device_type = key.upper()
                    self.device_index = None if values == ["*"] or not values else int(values[0])
                else:
                    raise ValueError(part)
            except ValueError:
                raise GraphError(
                    f"{part!r} in {spec!r} names no device; an example of one is '/device:CPU:0'"
                ) from None
        return self

    def to_string(self) -> str:
        """The name with these parts."""
        parts = [
            f"/{name}:{value}" for name in ("job", "replica", "task") if (value := getattr(self, name)) is not None
        ]
        if self.device_type is not None:
            parts.append(f"/device:{self.device_type}:{'*' if self.device_index is None else self.device_index}")
        return "".join(parts)

    def merge_from(self, dev: DeviceSpec) -> None:
        """Take the parts that another one has."""
        for field in fields(self):
            value = getattr(dev, field.name)
            if value is not None:
                setattr(self, field.name, value)


def merged(outer: str, inner: str) -> str:
    """The parts of both names, the inner one's where both have them."""
    spec = DeviceSpec.from_string(outer)
    spec.merge_from(DeviceSpec.from_string(inner))
    return spec.to_string()


def name_of(device: Any) -> str:
    """The canonical name for a string, a DeviceSpec or None.   Raises: TypeError for anything else."""
    if device is None:
        return ""
    if isinstance(device, DeviceSpec):
        return device.to_string()
    if not isinstance(device, str):
        raise TypeError(f"a device is a string, a DeviceSpec, None or a function of an operation, not {device!r}")
    return DeviceSpec.from_string(device).to_string()
