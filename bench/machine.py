"""Describes the machine of the figures, and who used its CPU meanwhile."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import psutil

_GIB: Final = 1024**3
_IDLE: Final = ("idle", "iowait", "guest", "guest_nice")


def describe(*versions: str) -> str:
    """Return one line about this machine and its software."""
    memory = round(psutil.virtual_memory().total / _GIB)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    hardware = f"{_processor()}, {cores} cores, {memory} GiB"
    system = f"{platform.system()} {platform.release().split('-')[0]}"
    return "; ".join([hardware, system, f"Python {platform.python_version()}", *versions])


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1] for line in text.splitlines() if line.startswith("model name")]
    return names[0].strip() if names else platform.machine()


class CpuUse(NamedTuple):
    """CPU seconds by part, and the CPU share of other programs."""

    seconds: Mapping[str, float]
    others_percent: int


class CpuMeter:
    """Measures the CPU time of processes and their children since its creation."""

    def __init__(self, roots: Mapping[str, list[int]]) -> None:
        """Take the process ids of each named part."""
        self._roots = {name: [psutil.Process(pid) for pid in pids] for name, pids in roots.items()}
        self._before = self._count()
        self._machine_before = _machine_seconds()

    def read(self) -> CpuUse:
        """Return the CPU time since the meter was created."""
        after, before = self._count(), self._before
        used = {name: after[name] - before[name] for name in after}
        busy, whole = (
            now - then for now, then in zip(_machine_seconds(), self._machine_before, strict=True)
        )
        others = max(0.0, busy - sum(used.values()))
        return CpuUse(used, round(100 * others / max(whole, 1e-3)))

    def _count(self) -> dict[str, float]:
        counted = {
            name: sum(_family_seconds(root) for root in roots)
            for name, roots in self._roots.items()
        }
        return counted | {"bench": _cpu_seconds(psutil.Process())}


def _own_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU seconds of a process and its ended children."""
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def _family_seconds(root: psutil.Process) -> float:
    """Return the CPU seconds of a process, its living descendants and its ended children."""
    total = _cpu_seconds(root)
    for child in root.children(recursive=True):
        try:
            total += _own_seconds(child)
        except psutil.NoSuchProcess:
            continue
    return total


def _machine_seconds() -> tuple[float, float]:
    """Return busy and total CPU seconds of the machine."""
    times = psutil.cpu_times()._asdict()
    whole = sum(float(seconds) for name, seconds in times.items() if "guest" not in name)
    idle = sum(float(times[name]) for name in _IDLE if name in times and "guest" not in name)
    return whole - idle, whole
