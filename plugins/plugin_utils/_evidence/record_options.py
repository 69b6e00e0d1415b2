# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""The shape of a record in the words of an argument spec: what the documentation of C(report) is held against. C(record.parse) does the checking."""

from __future__ import annotations

import typing as t

Options = dict[str, t.Any]

_CHANGES: Options = {"type": "list", "elements": "dict", "default": []}

_HOST_CHANGES: Options = {
    "door": {"type": "str", "required": True},
    "changes": _CHANGES,
    "reboot_required": {"type": "bool", "default": False},
    "restart_required": {"type": "bool", "default": False},
}

_HOST_VERIFY: Options = {
    "name": {"type": "str", "required": True},
    "changes": _CHANGES,
    "failures": {"type": "list", "elements": "dict", "default": []},
}

_HOSTS: Options = {
    "name": {"type": "str", "required": True},
    "topology": {"type": "dict"},
    "plan": {"type": "dict"},
    "changes": {"type": "list", "elements": "dict", "default": [], "options": _HOST_CHANGES},
    "verify": {"type": "list", "elements": "dict", "options": _HOST_VERIFY},
}

_MIGRATIONS: Options = {
    "vm": {"type": "str", "required": True},
    "source": {"type": "str", "required": True},
    "target": {"type": "str", "required": True},
    "settings": {"type": "str", "default": ""},
    "result": {"type": "dict", "required": True},
    "measurement": {"type": "dict"},
    "guest_ms": {"type": "float"},
}

_COMPARISON: Options = {
    "settings": {"type": "str", "required": True},
    "runs": {"type": "list", "elements": "dict", "required": True},
}

RECORD_OPTIONS: Options = {
    "title": {"type": "str", "required": True},
    "site": {"type": "str", "required": True},
    "started": {"type": "str", "required": True},
    "finished": {"type": "str", "required": True},
    "machine": {"type": "dict", "default": {}},
    "hosts": {"type": "list", "elements": "dict", "required": True, "options": _HOSTS},
    "migrations": {"type": "list", "elements": "dict", "default": [], "options": _MIGRATIONS},
    "comparison": {"type": "list", "elements": "dict", "default": [], "options": _COMPARISON},
}
