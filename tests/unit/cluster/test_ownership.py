# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields that a manager has applied, as managedFields has them."""

from __future__ import annotations

from ansible_collections.baremetal.vmsite.plugins.module_utils._cluster.objects.ownership import applied_fields

FIELDS = {
    "f:spec": {
        ".": {},
        "f:replicas": {},
        "f:finalizers": {'v:"example.org/hold"': {}},
        "f:ports": {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}, "f:protocol": {}}},
    }
}


def test_fields_are_named_by_their_path() -> None:
    body = {"metadata": {"managedFields": [{"manager": "ours", "operation": "Apply", "fieldsV1": FIELDS}]}}
    assert applied_fields(body, "ours") == [
        'spec.finalizers["example.org/hold"]',
        "spec.ports[port=80,protocol=TCP].port",
        "spec.ports[port=80,protocol=TCP].protocol",
        "spec.replicas",
    ]


def test_only_what_was_applied_by_this_manager_to_the_object_itself_counts() -> None:
    entries = [
        {"manager": "other", "operation": "Apply", "fieldsV1": FIELDS},
        {"manager": "ours", "operation": "Update", "fieldsV1": FIELDS},
        {"manager": "ours", "operation": "Apply", "subresource": "status", "fieldsV1": FIELDS},
    ]
    assert applied_fields({"metadata": {"managedFields": entries}}, "ours") == []
    assert applied_fields({"metadata": {}}, "ours") == []
