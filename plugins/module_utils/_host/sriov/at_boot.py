# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""VFs at boot: a table of what is wanted, and the program that makes it so before network and kubelet start.

A reboot resets sriov_numvfs and everything a PF kept for its VFs. The table names PCI addresses, so a renamed netdev changes nothing. Its VF
lines are the words of ip-link(8) that are also used live, so the two cannot differ.
"""

from __future__ import annotations

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot_unit import DATA, PROGRAMS, EarlyProgram, written_by

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.boot_unit import BootUnit
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.sriov.wanted import WantedFunction

DOOR = "baremetal.vmsite.sriov"
WRITTEN_BY = written_by(DOOR)
UNIT = "vmsite-sriov.service"
TABLE = f"{DATA}/sriov.table"
PROGRAM_PATH = f"{PROGRAMS}/sriov-at-boot"

# $1 and $2 are for tests: the table, and how many seconds to wait for a driver or a link.
PROGRAM = f"""\
#!/bin/sh
{WRITTEN_BY}
# Makes the virtual functions that the table names. One that fails keeps no other from being made; the exit code tells.
set -u
root=${{VMSITE_ROOT:-}}
table=${{1:-$root{TABLE}}}
patience=${{2:-60}}
failed=0

complain() {{
    echo "$*" >&2
    failed=1
}}

netdev() {{
    for entry in "$root/sys/bus/pci/devices/$1/net/"*; do
        if [ -e "$entry" ]; then basename "$entry"; return 0; fi
    done
    return 1
}}

has_link() {{ port=$(netdev "$1") && [ "$(cat "$root/sys/class/net/$port/carrier" 2>/dev/null)" = 1 ]; }}

wait_until() {{
    waited=0
    until "$@" >/dev/null; do
        if [ "$waited" -ge "$patience" ]; then return 1; fi
        waited=$((waited + 1))
        sleep 1
    done
}}

# udev may be renaming ports: what failed because its name had gone is tried again under the new one.
set_port() {{
    address=$1
    shift
    renamed=0
    while port=$(netdev "$address") && ! said=$(ip link set dev "$port" "$@" </dev/null 2>&1); do
        if [ -e "$root/sys/class/net/$port" ] || [ "$renamed" -ge 10 ]; then
            complain "$address ($port): $*: $said"
            return 1
        fi
        renamed=$((renamed + 1))
        sleep 1
    done
}}

make() {{
    device="$root/sys/bus/pci/devices/$1"
    wait_until test -e "$device/driver" || {{ complain "$1: no driver within $patience s"; return; }}
    current=$(cat "$device/sriov_numvfs") || {{ complain "$1: no sriov_numvfs"; return; }}
    if [ "$current" = "$2" ]; then return; fi
    if [ "$current" != 0 ]; then complain "$1: has $current VFs, which may be in use: left alone"; return; fi
    if [ "$3" != - ]; then echo "$3" >"$device/sriov_drivers_autoprobe" || complain "$1: drivers_autoprobe $3 refused"; fi
    echo "$2" >"$device/sriov_numvfs" || complain "$1: $2 VFs refused, see the kernel's log"
}}

while read -r what address rest; do
    case $what in
        ''|'#'*) continue ;;
    esac
    set -- $rest
    case $what in
        make) make "$address" "$1" "$2" ;;
        up|vf)
            wait_until netdev "$address" || {{ complain "$address: no netdev within $patience s"; continue; }}
            if [ "$what" = vf ]; then
                set_port "$address" vf "$@"
            elif set_port "$address" up; then
                wait_until has_link "$address" || complain "$address: no link within $patience s"
            fi ;;
        *) complain "$what: unknown word in $table" ;;
    esac
done <"$table"
exit $failed
"""

AT_BOOT = EarlyProgram(
    unit=UNIT,
    description="SR-IOV virtual functions, before the network",
    door=DOOR,
    table=TABLE,
    path=PROGRAM_PATH,
    text=PROGRAM,
    reason="a reboot resets VFs: a unit makes them again before network and kubelet start",
)


def boot_unit(root: HostRoot, wanted: t.Sequence[WantedFunction]) -> BootUnit:
    return AT_BOOT.boot_unit(root, [line for function in wanted if function.count for line in _lines(function)])


def _lines(function: WantedFunction) -> list[str]:
    autoprobe = "-" if function.drivers_autoprobe is None else str(int(function.drivers_autoprobe))
    lines = [f"make {function.pci} {function.count} {autoprobe}"]
    if function.needs_link:
        lines.append(f"up {function.pci}")
    for index, vf in function.vfs.items():
        lines += [f"vf {function.pci} {index} {' '.join(words)}" for words in vf.settings().values()]
    return lines
