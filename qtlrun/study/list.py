"""List of all options with a line each, and of the devices that are installed."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from qtlrun.device.installed import list_devices
from qtlrun.error import BadValue, nearest
from qtlrun.experiment import Experiment
from qtlrun.plan import Plan, option
from qtlrun.report import terminal
from qtlrun.report.report import Report

DEVICES = "devices"  # that are installed, beside the groups


@dataclass(frozen=True)
class Listing:
    """Print every option with what it is, and PennyLane's devices with their gradient methods.

    groups: names of groups, or `devices`; None for all
    """

    groups: list[str] | None

    trains = False
    loads = False

    def __post_init__(self):
        for name in self.groups or ():
            if name not in (*option.GROUPS, DEVICES):
                raise BadValue("groups", name, nearest(name, [*option.GROUPS, DEVICES]))

    def run(
        self, plans: list[Plan], experiment: Experiment, report: Report
    ) -> tuple[pd.DataFrame, bool]:
        """A line per option and device, as a data frame; and True."""
        folders = option.added_folders(plans[0].command)
        lines = [
            line
            for group in self.groups or option.GROUPS
            if group != DEVICES
            for line in _list_options(group, folders)
        ]
        if self.groups is None or DEVICES in self.groups:
            lines += _list_devices()
        frame = pd.DataFrame(lines, columns=["group", "option", "default", "about"])
        report.progress.end()
        for group, part in frame.groupby("group", sort=False):
            about = option.GROUPS.get(group, "Installed devices of PennyLane, and diff_method.")
            terminal.show_options(report.console, f"{group}: {about}", part)
        return frame, True


def _list_options(group: str, folders: list[Path]) -> list[dict[str, object]]:
    """Options of a group; `default` tells those of a command line without words."""
    default = option.defaults().get(group, [])
    return [
        {
            "group": group,
            "option": name,
            "default": name in default,
            "about": option.describe(option.find(group, name, folders)),
        }
        for name in option.options(group, folders)
    ]


def _list_devices() -> list[dict[str, object]]:
    """Devices that are installed; their packages, and methods or why they cannot be used."""
    return [
        {
            "group": DEVICES,
            "option": device.name,
            "default": False,
            "about": f"{device.package}: {', '.join(device.methods) or device.reason}",
        }
        for device in list_devices()
    ]
