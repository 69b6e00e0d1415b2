#!/usr/bin/python
# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site_service
short_description: One service of a host as one change set
version_added: 0.1.0
description:
  - Brings one service into its wanted state in one call. That is its packages or checksummed artifacts, directories, files, links and units.
  - New files are staged beside their destination and shown to the program's own validators. Only when all of them accept are the files swapped in.
  - Then units are reloaded or restarted as far as needed, and watched until they are ready.
  - If a unit does not become ready, the previous files are put back, the units are restarted with them, and the failure is reported
    with the last lines of the journal. Packages stay installed.
  - A run that was killed leaves whole files and a record below C(/var/lib/vmsite/services). The next run finishes the job, including
    the restart that did not happen.
  - Check mode predicts the same changes on a host that has nothing yet, neither package nor unit nor user. Where the validators' programs are
    installed it runs them too, on copies in hidden directories that are removed at once.
author:
  - Contributors to baremetal.vmsite (@baremetal)
extends_documentation_fragment:
  - baremetal.vmsite.host
  - baremetal.vmsite.attributes
  - baremetal.vmsite.attributes.changes
options:
  name:
    description:
      - A name for the service as a whole, unique on the host, of small letters, digits, V(-) and V(_).
      - It names the record of an unfinished run.
    type: str
    required: true
  packages:
    description:
      - Packages that must be installed, with apt or dnf.
      - While apt installs them, the listed units are masked until the next boot or the end of the call, so that none starts
        with the package's own configuration.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name of the package.
        type: str
        required: true
      version:
        description: The exact version, as the package manager writes it. Without it any installed version will do.
        type: str
  artifacts:
    description:
      - Files that come from a mirror or another place on the host and are known by their checksum.
      - Nothing is downloaded when what is installed is already right.
    type: list
    elements: dict
    default: []
    suboptions:
      source:
        description: An absolute path on the host, or an C(http), C(https) or C(file) URL.
        type: str
        required: true
      sha256:
        description: The SHA-256 of what O(artifacts[].source) names, in 64 hexadecimal digits.
        type: str
        required: true
      member:
        description: The path of one file inside the source, when that is a tar archive (any compression) or a zip archive.
        type: str
      dest:
        description: The absolute path to install to.
        type: str
        required: true
      mode:
        description: The mode, as a quoted octal number with a leading zero.
        type: str
        default: '0755'
      owner:
        description: The owner.
        type: str
        default: root
      group:
        description: The group.
        type: str
        default: root
  directories:
    description: Directories that must be there, parents before children.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The absolute path.
        type: str
        required: true
      mode:
        description: The mode, as a quoted octal number with a leading zero.
        type: str
        default: '0755'
      owner:
        description: The owner. A user that a package of this call makes may be named.
        type: str
        default: root
      group:
        description: The group.
        type: str
        default: root
  files:
    description: Files with their whole content. The directory must be there, be listed in O(directories), or come with a package.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The absolute path.
        type: str
        required: true
      content:
        description: The whole content. Give this or O(files[].secret_content).
        type: str
      secret_content:
        description: The whole content of a file that nobody may see. Results and diffs show the first digits of its checksum only.
        type: str
      mode:
        description: The mode, as a quoted octal number with a leading zero. By default V(0644), for a secret V(0600).
        type: str
      owner:
        description: The owner.
        type: str
        default: root
      group:
        description: The group.
        type: str
        default: root
  links:
    description: Symbolic links.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The absolute path of the link.
        type: str
        required: true
      target:
        description: What it points to.
        type: str
        required: true
  absent:
    description: Absolute paths of files and links that must not be there. Directories are refused.
    type: list
    elements: str
    default: []
  validators:
    description:
      - Commands of the program itself that judge the new files. They must only read. Each must end with exit code 0.
      - They run only when a file or artifact changes.
    type: list
    elements: dict
    default: []
    suboptions:
      argv:
        description:
          - The command and its arguments. No shell is involved.
          - C({file:/etc/x}) becomes the path of the staged copy of a listed file, artifact or unit, which keeps its name and lies in a
            hidden directory beside the destination. If that file does not change it becomes the path itself.
          - C({root}) becomes a directory that holds the staged copies of all files at their own paths, without artifacts.
            Programs that AppArmor confines usually cannot read it.
        type: list
        elements: str
        required: true
  units:
    description: systemd units in the order in which they are to start.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The unit's own name with its suffix, for example V(chrony.service). Not an alias.
        type: str
        required: true
      enabled:
        description: Whether it starts at boot. Left alone if not given. It is enabled once it is ready.
        type: bool
      state:
        description:
          - Whether it runs. Left alone if not given, as for a service that its socket starts; a service that happens to run is then still
            restarted when its files change.
        type: str
        choices: [started, stopped]
      masked:
        description: Whether it is masked, which stops it too.
        type: bool
        default: false
      content:
        description: The whole unit file, written to C(/etc/systemd/system).
        type: str
      drop_in:
        description: A drop-in, written to C(/etc/systemd/system/NAME.d/vmsite.conf).
        type: str
      restart_on:
        description:
          - Paths and package names whose change restarts the unit.
          - By default everything listed for services, and nothing for other kinds of unit. The unit's own file and drop-in always count.
        type: list
        elements: str
      reload_on:
        description: Paths for whose change a reload is enough.
        type: list
        elements: str
        default: []
  restart:
    description:
      - Whether running units may be restarted or reloaded.
      - With V(never) the files are swapped and RV(restart_required) stays V(true) until the unit was restarted by any means.
    type: str
    choices: [when_changed, never]
    default: when_changed
  readiness:
    description: What shows that the service works. It is checked at the end of every call, changed or not.
    type: dict
    default: {}
    suboptions:
      command:
        description: A command that only reads and ends with exit code 0 when the service is ready. Its output is returned.
        type: list
        elements: str
      tcp:
        description: C(HOST:PORT) that must accept a connection.
        type: str
      http:
        description: A URL that must answer with a status from 200 to 299.
        type: str
      socket:
        description: The absolute path of a Unix stream socket that must accept a connection.
        type: str
      active_for:
        description:
          - Seconds for which every unit with O(units[].state=started) must have been active without a break.
          - Without it, 1 for services of type C(simple), C(exec) and C(idle), which systemd calls active before their program has said anything,
            and 0 for all others, whose activity is their own word.
        type: int
      timeout:
        description: Seconds to wait for all of it.
        type: int
        default: 30
seealso:
  - module: baremetal.vmsite.ovs_dpdk
    description: For Open vSwitch, whose restart stops the data plane.
"""

EXAMPLES = r"""
- name: Time from the site's own server
  baremetal.vmsite.site_service:
    name: time_sync
    packages:
      - name: chrony
    files:
      - path: /etc/chrony/chrony.conf
        content: |
          server 10.20.0.11 iburst
          driftfile /var/lib/chrony/chrony.drift
          makestep 1 3
    validators:
      - argv: [chronyd, -p, -f, '{file:/etc/chrony/chrony.conf}']
    units:
      - name: chrony.service
        enabled: true
        state: started
    readiness:
      command: [chronyc, -n, tracking]

- name: A program from the mirror with a unit of its own
  baremetal.vmsite.site_service:
    name: node_exporter
    artifacts:
      - source: https://mirror.bank.example/vmsite/node_exporter-1.8.2.linux-amd64.tar.gz
        sha256: 6809dd0b3ec45fd6e992c19071d6b5253aed3ead7bf0686885a51d85c6643c66
        member: node_exporter-1.8.2.linux-amd64/node_exporter
        dest: /usr/local/bin/node_exporter
    units:
      - name: node_exporter.service
        enabled: true
        state: started
        content: |
          [Unit]
          Description=Metrics of this host

          [Service]
          DynamicUser=yes
          ExecStart=/usr/local/bin/node_exporter

          [Install]
          WantedBy=multi-user.target
    readiness:
      http: http://127.0.0.1:9100/metrics

- name: libvirt by socket, TLS included
  baremetal.vmsite.site_service:
    name: libvirt
    packages:
      - name: libvirt-daemon-system
    files:
      - path: /etc/libvirt/libvirtd.conf
        content: |
          tls_port = "16514"
    units:
      - name: libvirtd.socket
        enabled: true
        state: started
      - name: libvirtd-tls.socket
        enabled: true
        state: started
      - name: libvirtd.service
    readiness:
      socket: /run/libvirt/libvirt-sock
"""

RETURN = r"""
packages:
  description: The listed packages with the version that is installed, V(null) if it is not.
  returned: success
  type: dict
  sample:
    chrony: 4.3-2+deb12u1
units:
  description: The listed units as they are after the call (in check mode, as they are now).
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the unit.
      type: str
      sample: chrony.service
    present:
      description: Whether systemd knows it.
      type: bool
    active:
      description: What systemd calls its active state.
      type: str
      sample: active
    enabled:
      description: What systemd calls its unit file state; empty if it has none.
      type: str
      sample: enabled
readiness_output:
  description: What O(readiness.command) printed. Empty in check mode.
  returned: success
  type: str
  sample: ""
changes:
  description: Every difference between what was asked and what was found, in the order in which it is applied (in check mode, would be).
  returned: success
  type: list
  elements: dict
  contains:
    what:
      description: The thing that differs.
      type: str
    current:
      description: Its value before the call.
      type: raw
    wanted:
      description: Its value after the call.
      type: raw
    reason:
      description: Why it is to have this value.
      type: str
    needs:
      description:
        - What must happen before the new value is in force.
        - One of V(nothing), V(service_restart), V(reboot) and V(drain).
      type: str
reboot_required:
  description: Whether a value is in force only after a reboot. It stays V(true) until the host was rebooted.
  returned: success
  type: bool
  sample: false
reboot_reasons:
  description: What waits for the reboot, one sentence each.
  returned: success
  type: list
  elements: str
  sample: []
restart_required:
  description: Whether a value is in force only after a service was restarted.
  returned: success
  type: bool
  sample: false
restart_reasons:
  description: What waits for the restart, one sentence each.
  returned: success
  type: list
  elements: str
  sample: []
"""

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._door import run
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.concern import SiteService
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.service.wanted import read_options

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot


def _list_of(**options: dict[str, t.Any]) -> dict[str, t.Any]:
    return {"type": "list", "elements": "dict", "default": [], "options": options}


TEXT: dict[str, t.Any] = {"type": "str"}
REQUIRED: dict[str, t.Any] = {"type": "str", "required": True}
WORDS: dict[str, t.Any] = {"type": "list", "elements": "str"}
ROOT_BY_DEFAULT: dict[str, t.Any] = {"type": "str", "default": "root"}
OWNERSHIP = {"mode": {"type": "str", "default": "0755"}, "owner": ROOT_BY_DEFAULT, "group": ROOT_BY_DEFAULT}

ARGUMENT_SPEC: dict[str, t.Any] = {
    "name": REQUIRED,
    "packages": _list_of(name=REQUIRED, version=TEXT),
    "artifacts": _list_of(source=REQUIRED, sha256=REQUIRED, member=TEXT, dest=REQUIRED, **OWNERSHIP),
    "directories": _list_of(path=REQUIRED, **OWNERSHIP),
    "files": _list_of(
        path=REQUIRED,
        content=TEXT,
        secret_content={"type": "str", "no_log": True},
        mode=TEXT,
        owner=ROOT_BY_DEFAULT,
        group=ROOT_BY_DEFAULT,
    ),
    "links": _list_of(path=REQUIRED, target=REQUIRED),
    "absent": {**WORDS, "default": []},
    "validators": _list_of(argv={**WORDS, "required": True}),
    "units": _list_of(
        name=REQUIRED,
        enabled={"type": "bool"},
        state={"type": "str", "choices": ["started", "stopped"]},
        masked={"type": "bool", "default": False},
        content=TEXT,
        drop_in=TEXT,
        restart_on=WORDS,
        reload_on={**WORDS, "default": []},
    ),
    "restart": {"type": "str", "choices": ["when_changed", "never"], "default": "when_changed"},
    "readiness": {
        "type": "dict",
        "default": {},
        "options": {
            "command": WORDS,
            "tcp": TEXT,
            "http": TEXT,
            "socket": TEXT,
            "active_for": {"type": "int"},
            "timeout": {"type": "int", "default": 30},
        },
    },
}


def build(options: dict[str, t.Any], root: HostRoot) -> SiteService:
    return SiteService(root, read_options(options))


def main() -> None:
    run(ARGUMENT_SPEC, build)


if __name__ == "__main__":
    main()
