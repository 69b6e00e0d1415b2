# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""What is handed to another door as it is: that door's own specification says whether it is right, so keys and types are defined once."""

from __future__ import annotations

import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.baremetal.vmsite.plugins.module_utils._failure import Failure, Failures
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.ovs import ports
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.plan.profile import DEFAULT_MTU, Profile
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.sriov.wanted import read_options
from ansible_collections.baremetal.vmsite.plugins.modules.libvirt_vm import ARGUMENT_SPEC as LIBVIRT_VM
from ansible_collections.baremetal.vmsite.plugins.modules.ovs_dpdk import ARGUMENT_SPEC as OVS_DPDK
from ansible_collections.baremetal.vmsite.plugins.modules.pci_driver import ARGUMENT_SPEC as PCI_DRIVER
from ansible_collections.baremetal.vmsite.plugins.modules.sriov import ARGUMENT_SPEC as SRIOV
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.checks.check import Check
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.mistakes import Mistake, Path, choices, did_you_mean, dotted, shown
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.model import Site, Variable

BRIDGE: dict[str, t.Any] = OVS_DPDK["bridges"]["options"]
VM: dict[str, t.Any] = LIBVIRT_VM["vms"]["options"]
FUNCTION: dict[str, t.Any] = SRIOV["functions"]["options"]
DEVICE: dict[str, t.Any] = PCI_DRIVER["devices"]["options"]


def vms_are_understood(site: Site) -> t.Iterator[Mistake]:
    for variable in site.named("vmsite_vms"):
        for index in range(len(variable.value)):
            yield from _refused(variable, (variable.name, index), VM)


def bridges_are_understood(site: Site) -> t.Iterator[Mistake]:
    for variable in site.named("vmsite_data_plane"):
        path = (variable.name, "bridges")
        for index in range(len(variable.value["bridges"])):
            yield from _refused(variable, (*path, index), BRIDGE)
        for failure in ports.mistakes(_bridges(variable) or []):
            yield variable.mistake(path, failure.found, failure.remedy, asked=f"{dotted(path)}: {failure.asked}")


def functions_are_understood(site: Site) -> t.Iterator[Mistake]:
    for variable in site.named("vmsite_sriov"):
        for part, options in (("functions", FUNCTION), ("drivers", DEVICE)):
            for index in range(len(variable.value[part])):
                yield from _refused(variable, (variable.name, part, index), options)
        try:
            _functions(variable)
        except Failure as failure:
            yield _in_functions(variable, failure)
        except Failures as several:
            yield from (_in_functions(variable, failure) for failure in several.failures)


def a_nic_is_dpdks_or_makes_vfs(site: Site) -> t.Iterator[Mistake]:
    """VFs are made by a NIC's kernel driver, which it does not have while DPDK drives it through vfio-pci."""
    for variable in site.named("vmsite_sriov"):
        counts = {str(entry.get("pci")).lower(): entry.get("count") for entry in variable.value["functions"]}
        taken: dict[tuple[str, str], list[str]] = {}
        for host in variable.hosts:
            plane = site.of(host, "vmsite_data_plane")
            for port in [port for bridge in (_bridges(plane) if plane else None) or [] for port in bridge.ports if port.kind == "dpdk"]:
                if port.pci_address and counts.get(port.pci_address):
                    taken.setdefault((port.name, port.pci_address), []).append(host)
        for (name, address), hosts in taken.items():
            yield variable.mistake(
                (variable.name, "functions"),
                f"DPDK port {name} of vmsite_data_plane has this NIC as a whole",
                "give the port one of the NIC's VFs, or make the VFs on another NIC",
                asked=f"VFs on {address}",
                hosts=hosts,
            )


def dpdk_nics_agree(site: Site) -> t.Iterator[Mistake]:
    """The profile counts queues and memory for the NICs that the data plane's ports drive: two copies that disagree are an error."""
    pairs: dict[tuple[int, int], list[str]] = {}
    for host in site.racked():
        plane, profile = site.of(host, "vmsite_data_plane"), site.of(host, "vmsite_host_profile")
        if plane and profile:
            pairs.setdefault((id(plane), id(profile)), []).append(host)
    for hosts in pairs.values():
        plane, profile = site.of(hosts[0], "vmsite_data_plane"), site.of(hosts[0], "vmsite_host_profile")
        if plane and profile:
            yield from _disagreements(hosts, plane, profile)


def _disagreements(hosts: list[str], plane: Variable, profile: Variable) -> t.Iterator[Mistake]:
    try:
        wanted = {nic.pci or nic.devargs: nic for nic in Profile.from_dict(profile.value).dpdk_nics}
    except (Failure, Failures):
        return  # profiles_are_understood says why
    read = _bridges(plane)
    if read is None:
        return  # bridges_are_understood says why
    found = [port for bridge in read for port in bridge.ports if port.kind == "dpdk"]
    bridges = (plane.name, "bridges")
    for port in found:
        nic = wanted.pop(port.pci_address or port.devargs, None)
        asked = f"DPDK port {port.name} ({port.devargs})"
        if nic is None:
            remedy = "add it there, so that PMD threads and memory are planned for it"
            yield plane.mistake(bridges, "it is not in dpdk_nics of vmsite_host_profile", remedy, asked=asked, hosts=hosts)
            continue
        for key, here, there in (
            ("name", port.name, nic.name),
            ("mtu", port.mtu or DEFAULT_MTU, nic.mtu),
            ("n_rxq", port.n_rxq or 1, nic.n_rxq),
        ):
            if here != there:
                yield plane.mistake(
                    bridges, f"{key} {here}, and {there} in dpdk_nics of vmsite_host_profile", "write the same", asked=asked, hosts=hosts
                )
    for nic in wanted.values():
        remedy = "add the port, or remove the NIC"
        asked = f"DPDK NIC {nic.name}"
        yield profile.mistake(
            (profile.name, "dpdk_nics"), "no bridge of vmsite_data_plane has it as a port", remedy, asked=asked, hosts=hosts
        )


def addresses_have_a_prefix(site: Site) -> t.Iterator[Mistake]:
    """Each address of the data plane comes from a prefix that has addresses for hosts."""
    prefixes = site.one("vmsite_network").value["prefixes"]
    usable = [purpose for purpose, prefix in prefixes.items() if "hosts" in prefix]
    for variable in site.named("vmsite_data_plane"):
        for index, address in enumerate(variable.value["addresses"]):
            if address["purpose"] not in usable:
                yield variable.mistake(
                    (variable.name, "addresses", index, "purpose"),
                    "no prefix with addresses for hosts",
                    did_you_mean(address["purpose"], usable, f"write one of {choices(usable)}"),
                )


def vms_have_their_bridge(site: Site) -> t.Iterator[Mistake]:
    """A NIC on Open vSwitch names a bridge that its host's data plane has."""
    for variable in site.named("vmsite_vms"):
        for host in variable.hosts:
            plane = site.of(host, "vmsite_data_plane")
            if plane is None and (host, "vmsite_data_plane") in site.unsound:
                continue
            bridges = [str(bridge.get("name")) for bridge in plane.value["bridges"]] if plane else []
            for index, vm in enumerate(variable.value):
                for number, nic in enumerate(_mappings(vm.get("nics"))):
                    if nic.get("kind") in ("vhost_user", "ovs") and nic.get("bridge") not in bridges:
                        yield variable.mistake(
                            (variable.name, index, "nics", number, "bridge"),
                            f"the data plane of {host} has no such bridge",
                            did_you_mean(str(nic.get("bridge")), bridges, f"write one of {choices(bridges)}"),
                            hosts=(host,),
                        )


def _bridges(variable: Variable) -> list[ports.Bridge] | None:
    """The bridges as the door reads them; None if it would not."""
    read = [_validated(bridge, BRIDGE) for bridge in variable.value["bridges"]]
    return None if any(refusals for _bridge, refusals in read) else ports.bridges_from([bridge for bridge, _refusals in read])


def _functions(variable: Variable) -> None:
    """Raises what the door sriov has against the functions; nothing if its specification refuses one already."""
    read = [_validated(entry, FUNCTION) for entry in variable.value["functions"]]
    if not any(refusals for _entry, refusals in read):
        read_options([entry for entry, _refusals in read])


def _in_functions(variable: Variable, failure: Failure) -> Mistake:
    path = (variable.name, "functions")
    return variable.mistake(path, failure.found, failure.remedy, asked=f"{dotted(path)}: {failure.asked}")


def _validated(value: t.Any, options: dict[str, t.Any]) -> tuple[dict[str, t.Any], list[str]]:
    """What the core makes of a door's options, and what it says against them."""
    try:
        result = ArgumentSpecValidator(options).validate(value)
    except (ValueError, TypeError, OverflowError) as error:  # the core stumbles over infinite numbers
        return {}, [f"the core cannot read it: {error}"]
    return result.validated_parameters, result.error_messages


def _refused(variable: Variable, path: Path, options: dict[str, t.Any]) -> t.Iterator[Mistake]:
    """Unknown keys one by one, with the near one named; the rest in the core's words."""
    value = variable.at(path)
    unknown = list(_unknown(value, path, options))
    for inner, known in unknown:
        yield variable.mistake(
            inner, "no such key", did_you_mean(str(inner[-1]), known, f"there are {choices(known)}"), asked=dotted(inner)
        )
    if not unknown:
        for message in _validated(value, options)[1]:
            yield variable.mistake(path, message, "see the door's documentation", asked=f"{dotted(path)} = {shown(value, path)}")


def _unknown(value: t.Any, path: Path, options: dict[str, t.Any]) -> t.Iterator[tuple[Path, list[str]]]:
    for key, part in value.items() if isinstance(value, dict) else ():
        if key not in options:
            yield (*path, key), sorted(options)
            continue
        inner = options[key].get("options")
        if inner and isinstance(part, dict):
            yield from _unknown(part, (*path, key), inner)
        elif inner and isinstance(part, list):
            for index, entry in enumerate(part):
                yield from _unknown(entry, (*path, key, index), inner)


def _mappings(value: t.Any) -> list[dict[str, t.Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


CHECKS = (
    Check(vms_are_understood),
    Check(bridges_are_understood),
    Check(functions_are_understood),
    Check(a_nic_is_dpdks_or_makes_vfs),
    Check(dpdk_nics_agree),
    Check(addresses_have_a_prefix, ("vmsite_network",)),
    Check(vms_have_their_bridge),
)
