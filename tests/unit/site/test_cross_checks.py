# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every cross-check is shown red by the smallest change of the example site, which is green without it."""

from __future__ import annotations

import copy
import pathlib
import typing as t

import pytest

from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.check import CHECKS
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._site.model import Site
from ansible_collections.baremetal.vmsite.tests.unit.site.inventory import (
    LAB,
    REMOVED,
    add_variable,
    example,
    mistakes,
    put,
    read_as_playbook,
    report,
    warnings,
    with_group,
    without_variable,
)


def test_the_example_has_no_mistake_and_no_warning() -> None:
    assert mistakes(example()) == []
    assert warnings(example()) == []


def test_the_example_s_addresses_are_derived() -> None:
    assert example().hosts["core1"].address == "10.20.0.17"


def test_the_lab_has_no_mistake() -> None:
    site = copy.deepcopy(read_as_playbook(LAB))
    assert mistakes(site) == []
    assert warnings(site) == ["group kvm_hosts: all its hosts stand in rack lab/lab/lab"]


class Red(t.NamedTuple):
    """A change of one value (for a host variable: what C(host) sees) and the mistakes that must come of it, all of them."""

    check: str
    path: tuple[str | int, ...]
    value: t.Any
    expected: list[str]
    host: str | None = None


TIERS, TENANTS, NETWORK, STORAGE, SITE = "vmsite_tiers", "vmsite_tenants", "vmsite_network", "vmsite_storage", "vmsite_site"
PROFILE, PLANE, SRIOV, VMS = "vmsite_host_profile", "vmsite_data_plane", "vmsite_sriov", "vmsite_vms"
PREFIXES = (NETWORK, "prefixes")

RED = [
    Red(
        "tiers_share_no_kernel",
        (TIERS, "development", "pool"),
        "non_core_pool",
        [
            "inventory groups: these hosts are in none",
            f"{TIERS}.development.pool: tier non_core runs plain containers on the same hosts, so the two tiers share a kernel",
        ],
    ),
    Red(
        "isolation_is_kept",
        (TIERS, "non_core", "isolation"),
        "hardware",
        [f"{TIERS}.non_core.isolation: runtime container, which has no hardware"],
    ),
    Red(
        "isolation_is_kept",
        (TIERS, "non_core", "on_maintenance"),
        "live_migrate",
        [f"{TIERS}.non_core.on_maintenance: runtime container, which cannot"],
    ),
    Red(
        "pools_exist",
        (TIERS, "core", "pool"),
        "core_pol",
        ["inventory groups: these hosts are in none", f"{TIERS}.core.pool: the inventory has no such group"],
    ),
    Red(
        "pools_exist",
        (TIERS, "core", "pool"),
        "etcd",
        ["inventory groups: these hosts are in none", f"{TIERS}.core.pool: etcd is no pool of a tier"],
    ),
    Red("pools_exist", (TIERS, "core", "runtime"), "libvirt", [f"{TIERS}.core.runtime: pool core_pool: plain libvirt VMs"]),
    Red("contracts_hold", (TIERS, "core", "storage"), "shared_blok", [f"{TIERS}.core.storage: no such storage contract"]),
    Red("contracts_hold", (TIERS, "core", "storage"), "single_writer", [f"{TIERS}.core.storage: access modes ReadWriteOnce, and VMs"]),
    Red("contracts_hold", (TIERS, "core", "storage"), REMOVED, [f"{TIERS}.core.storage: it is missing, and VMs of this tier live-migrate"]),
    Red("tiers_exist", (TENANTS, "ledger", "tier"), "cor", [f"{TENANTS}.ledger.tier: no such tier"]),
    Red(
        "namespaces_have_one_owner",
        (TENANTS, "payments", "namespaces"),
        ["ledger-batch"],
        [f"{TENANTS}.payments.namespaces[0]: tenant ledger owns"],
    ),
    Red(
        "namespaces_have_one_owner",
        (TENANTS, "payments", "namespaces"),
        ["kube-system"],
        [f"{TENANTS}.payments.namespaces[0]: a namespace of the platform"],
    ),
    Red(
        "metrics_accounts_differ",
        (TENANTS, "payments", "metrics_account"),
        101,
        [f"{TENANTS}.payments.metrics_account: tenant ledger has this account"],
    ),
    Red(
        "users_are_named_once",
        (TENANTS, "workbench", "users"),
        [{"name": "developers", "role": "admin"}, {"name": "developers", "role": "viewer"}],
        [f"{TENANTS}.workbench.users[1].name: the tenant has this user twice"],
    ),
    Red(
        "prefixes_are_apart",
        (*PREFIXES, "services", "prefix"),
        "10.64.0.0/18",
        [f"{NETWORK}.prefixes.services.prefix: it overlaps 10.64.0.0/14"],
    ),
    Red("prefixes_are_sound", (*PREFIXES, "pods", "prefix"), "10.64.0.1/14", [f"{NETWORK}.prefixes.pods.prefix: an address with a length"]),
    Red("prefixes_are_sound", (*PREFIXES, "pods", "prefix"), "10.64.0.0/99", [f"{NETWORK}.prefixes.pods.prefix: no prefix"]),
    Red("prefixes_are_sound", (*PREFIXES, "data", "gateway"), "10.9.0.1", [f"{NETWORK}.prefixes.data.gateway: it is not in 10.20.8.0/22"]),
    Red(
        "prefixes_are_sound",
        (*PREFIXES, "data", "gateway"),
        "10.20.8.0",
        [f"{NETWORK}.prefixes.data.gateway: it is the network or broadcast"],
    ),
    Red("prefixes_are_sound", (*PREFIXES, "data", "gateway"), "1.2.3.4.5", [f"{NETWORK}.prefixes.data.gateway: no address"]),
    Red(
        "prefixes_are_sound",
        (*PREFIXES, "data", "gateway"),
        "10.20.9.1",
        [f"{NETWORK}.prefixes.data.hosts: the gateway 10.20.9.1 lies in it"],
    ),
    Red(
        "prefixes_are_sound",
        (*PREFIXES, "data", "vms", "first"),
        "10.20.9.1",
        [f"{NETWORK}.prefixes.data.vms: it overlaps the addresses for hosts"],
    ),
    Red("prefixes_are_sound", (*PREFIXES, "data", "vms", "last"), "10.20.10.0", [f"{NETWORK}.prefixes.data.vms: first comes after last"]),
    Red("hosts_are_numbered", (NETWORK, "host_numbers", "core1"), REMOVED, [f"{NETWORK}.host_numbers: these hosts have no number"]),
    Red("hosts_are_numbered", (NETWORK, "host_numbers", "core77"), 77, [f"{NETWORK}.host_numbers.core77: no such host in the inventory"]),
    Red(
        "hosts_are_numbered",
        (*PREFIXES, "data", "exceptions"),
        {"core77": "10.20.8.5"},
        [f"{NETWORK}.prefixes.data.exceptions.core77: no such host or VM"],
    ),
    Red(
        "numbers_are_given_once",
        (NETWORK, "host_numbers", "core6"),
        11,
        ["ansible_host: the plan gives", f"{NETWORK}.host_numbers.core6: core5 has"],
    ),
    Red(
        "numbers_are_given_once",
        (NETWORK, "vm_numbers", "settlement2"),
        1,
        [f"{NETWORK}.vm_numbers.settlement2: settlement1 has this number"],
    ),
    Red("numbers_are_given_once", (NETWORK, "vm_numbers", "core6"), 9, [f"{NETWORK}.vm_numbers.core6: a host has this name"]),
    Red(
        "addresses_suffice",
        (*PREFIXES, "data", "hosts", "last"),
        "10.20.8.33",
        [f"{NETWORK}.prefixes.data.hosts: 10.20.8.11 to 10.20.8.33 are 23"],
    ),
    Red(
        "addresses_suffice",
        (*PREFIXES, "data", "vms", "last"),
        "10.20.10.1",
        [f"{NETWORK}.prefixes.data.vms: 10.20.10.1 to 10.20.10.1 are 1"],
    ),
    Red(
        "addresses_are_given_once",
        (*PREFIXES, "data", "exceptions"),
        {"core1": "10.20.8.18"},
        [f"{NETWORK}.host_numbers.core2: its data address 10.20.8.18"],
    ),
    Red(
        "addresses_are_given_once",
        (*PREFIXES, "data", "exceptions"),
        {"core1": "10.20.8.1"},
        [f"{NETWORK}.prefixes.data.exceptions.core1: its data"],
    ),
    Red("time_has_a_source", (SITE, "time", "servers"), ["control9"], [f"{SITE}.time.servers[0]: no such host in the inventory"]),
    Red("artifacts_can_be_had", (SITE, "artifacts", "checksums"), REMOVED, [f"{SITE}.artifacts.checksums: it is missing"]),
    Red(
        "quotas_fit",
        (TENANTS, "ledger", "quota", "cpus"),
        600,
        [f"{TIERS}.core.overcommit.cpus: tenants of core are promised 680 CPUs, and the hosts"],
    ),
    Red(
        "quotas_fit",
        (TENANTS, "workbench", "quota", "memory_gib"),
        4000,
        [f"{TIERS}.development.overcommit.memory: tenants of development are"],
    ),
    Red("profiles_are_understood", (PROFILE, "memory_modle"), "shared", [f"{PROFILE}.memory_modle: an unknown key"], "core1"),
    Red("profiles_are_understood", (PROFILE, "vhost_ports", 0, "count"), 0, [f"{PROFILE}.vhost_ports[0].count: 0"], "core1"),
    Red("bridges_are_understood", (PLANE, "bridges", 0, "portss"), [], [f"{PLANE}.bridges[0].portss: no such key"], "core1"),
    Red("bridges_are_understood", (PLANE, "bridges", 0, "ports", 0, "tag"), 9999, [f"{PLANE}.bridges: VLAN 9999"], "core1"),
    Red("functions_are_understood", (SRIOV, "functions", 0, "cuont"), 4, [f"{SRIOV}.functions[0].cuont: no such key"], "core1"),
    Red("functions_are_understood", (SRIOV, "functions", 0, "vfs", 0, "vlan"), 9999, [f"{SRIOV}.functions: no VLAN"], "core1"),
    Red("functions_are_understood", (SRIOV, "drivers"), [{"driver": "vfio-pci"}], [f"{SRIOV}.drivers[0]: missing required"], "core1"),
    Red(
        "a_nic_is_dpdks_or_makes_vfs",
        (SRIOV, "functions", 1, "pci"),
        "0000:A1:00.0",
        [f"{SRIOV}.functions: DPDK port dpdk1 of vmsite_data_plane has this NIC as a whole"],
        "core1",
    ),
    Red("dpdk_nics_agree", (PLANE, "bridges", 0, "ports", 0, "mtu"), 1500, [f"{PLANE}.bridges: mtu 1500, and 9000 in dpdk_nics"], "core1"),
    Red("dpdk_nics_agree", (PROFILE, "dpdk_nics", 1), REMOVED, [f"{PLANE}.bridges: it is not in dpdk_nics"], "core1"),
    Red("dpdk_nics_agree", (PLANE, "bridges", 0, "ports", 1), REMOVED, [f"{PROFILE}.dpdk_nics: no bridge of vmsite_data_plane"], "core1"),
    Red(
        "addresses_have_a_prefix",
        (PLANE, "addresses", 0, "purpose"),
        "pods",
        [f"{PLANE}.addresses[0].purpose: no prefix with addresses"],
        "core1",
    ),
    Red("vms_are_understood", (VMS, 0, "memry_mib"), 1, [f"{VMS}[0].memry_mib: no such key"], "kvm1"),
    Red("vms_are_understood", (VMS, 0, "vcpus"), "many", [f"{VMS}[0]: "], "kvm1"),
    Red("vms_are_understood", (VMS, 0, "nics", 0, "kind"), "tap", [f"{VMS}[0]: value of kind must be one of"], "kvm1"),
    Red(
        "vms_have_their_bridge",
        (VMS, 0, "nics", 0, "bridge"),
        "br-dat",
        [f"{VMS}[0].nics[0].bridge: the data plane of kvm1 has no such"],
        "kvm1",
    ),
]


@pytest.mark.parametrize("red", RED, ids=lambda red: f"{red.check}-{'.'.join(map(str, red.path[1:]))}-{red.value}")
def test_one_changed_value_gives_exactly_its_mistakes(red: Red) -> None:
    site = example()
    put(site, red.path, red.value, red.host)
    found = mistakes(site)
    assert len(found) == len(red.expected), found
    for one, expected in zip(found, red.expected):
        assert one.startswith(expected)


def system_scope() -> Site:
    site = example()
    put(site, (SITE, "isolation_scope"), "system")
    put(site, (TENANTS, "workbench", "tier"), "non_core")
    return site


def no_time() -> Site:
    site = example()
    put(site, (SITE, "time", "sources"), [])
    put(site, (SITE, "time", "servers"), [])
    return site


def another_address() -> Site:
    site = example()
    host = site.hosts["core1"]
    site.hosts["core1"] = type(host)(host.name, host.groups, "10.20.0.99", host.local)
    return site


def one_address_twice() -> Site:
    site = another_address()
    host = site.hosts["core2"]
    site.hosts["core2"] = type(host)(host.name, host.groups, "10.20.0.99", host.local)
    return site


def too_many_cores() -> Site:
    site = example()
    put(site, (PROFILE, "housekeeping_cores_per_node"), 7, "core1")
    return site


RED_SITES: list[tuple[str, t.Callable[[], Site], str]] = [
    ("systems_share_no_kernel", system_scope, f"{TIERS}.non_core.runtime: the tenants channels, workbench would share the kernels"),
    (
        "tiers_share_no_kernel",
        lambda: with_group(example(), "development_pool", "dev1", "general1"),
        f"{TIERS}.development.pool: tier non_core runs plain",
    ),
    ("pools_exist", lambda: with_group(example(), "core_pool"), f"{TIERS}.core.pool: the group has no hosts"),
    ("pools_exist", lambda: with_group(example(), "core_pool", "core1"), f"{TIERS}.core.on_maintenance: the pool core_pool has one host"),
    (
        "hosts_stand_somewhere",
        lambda: without_variable(example(), "vmsite_placement", "core1"),
        "vmsite_placement: these hosts have no vmsite_placement",
    ),
    ("hosts_have_a_job", lambda: with_group(example(), "registry"), "inventory groups: these hosts are in none"),
    (
        "hosts_have_a_job",
        lambda: with_group(example(), "kvm_hosts", "kvm1", "kvm2", "core1"),
        "inventory groups: it is in core_pool, kvm_hosts",
    ),
    (
        "quorums_are_odd",
        lambda: with_group(example(), "etcd", "etcd1", "etcd2"),
        "group etcd: 2 hosts, which survive no more losses than 1",
    ),
    ("quorums_are_odd", lambda: with_group(example(), "control_plane", "control1", "control2"), "group control_plane: 2 hosts"),
    ("time_has_a_source", no_time, f"{SITE}.time: neither sources nor servers"),
    ("inventory_agrees", another_address, "ansible_host: the plan gives it 10.20.0.17"),
    ("inventory_agrees", one_address_twice, "ansible_host: host core1 has the same"),
    (
        "pools_have_profiles",
        lambda: without_variable(example(), "vmsite_host_profile", "core1"),
        "vmsite_host_profile: these hosts have none",
    ),
    (
        "captured_hosts_can_be_planned",
        lambda: add_variable(
            without_variable(example(), "vmsite_topology_capture", "core1"), "vmsite_topology_capture", "/nowhere.json", "core1"
        ),
        "vmsite_topology_capture: it cannot be read: No such file",
    ),
    (
        "captured_hosts_can_be_planned",
        lambda: add_variable(without_variable(example(), "vmsite_topology_capture", "core1"), "vmsite_topology_capture", __file__, "core1"),
        "vmsite_topology_capture: it is no JSON",
    ),
    ("captured_hosts_can_be_planned", too_many_cores, f"{PROFILE}.housekeeping_cores_per_node: node 0 has 6 cores"),
    (
        "vms_have_one_home",
        lambda: add_variable(example(), "vmsite_vms", [{"name": "stray"}], "core1"),
        "vmsite_vms: VMs on a host outside kvm_hosts",
    ),
]


@pytest.mark.parametrize(("check", "make", "expected"), RED_SITES, ids=[f"{number}-{red[0]}" for number, red in enumerate(RED_SITES)])
def test_a_changed_site_has_the_mistake(check: str, make: t.Callable[[], Site], expected: str) -> None:
    assert any(one.startswith(expected) for one in mistakes(make())), mistakes(make())


WARNINGS: list[tuple[str, tuple[str | int, ...], t.Any, str]] = [
    (
        "volumes_can_be_saved",
        (STORAGE, "contracts", "shared_block", "snapshot_class"),
        REMOVED,
        f"{STORAGE}.contracts.shared_block: it has no snapshot",
    ),
    ("some_user_may_act", (TENANTS, "channels", "users"), [], f"{TENANTS}.channels.users: no user with role admin"),
    (
        "prefixes_fill_up",
        (*PREFIXES, "data", "hosts", "last"),
        "10.20.8.34",
        f"{NETWORK}.prefixes.data.hosts: number 24 of 24: nearly full",
    ),
    ("time_can_be_judged", (SITE, "time", "sources"), ["ntp1.time.example"], f"{SITE}.time.sources: 1 sources"),
]


@pytest.mark.parametrize(("check", "path", "value", "expected"), WARNINGS, ids=[case[0] for case in WARNINGS])
def test_a_doubtful_value_gives_a_warning_and_no_mistake(check: str, path: tuple[str | int, ...], value: t.Any, expected: str) -> None:
    site = example()
    put(site, path, value)
    assert mistakes(site) == []
    assert [one for one in warnings(site) if one.startswith(expected)], warnings(site)


def test_a_quorum_in_one_rack_gives_a_warning() -> None:
    site = with_group(example(), "etcd", "etcd1", "core1", "core2")
    assert "group etcd: all its hosts stand in rack zone-a/a-hall-1/a1" in warnings(site)


def test_a_pool_of_partly_unknown_capacity_gives_a_warning() -> None:
    assert "vmsite_topology_capture: these hosts have no topology capture, so the pool's capacity is unknown" in warnings(
        without_variable(example(), "vmsite_topology_capture", "core1")
    )


def test_every_check_is_shown_red_above() -> None:
    """A new check without a case here fails."""
    shown = (
        {red.check for red in RED}
        | {case[0] for case in RED_SITES}
        | {case[0] for case in WARNINGS}
        | {"failure_domains_differ", "capacity_is_known"}
    )
    assert shown == {check.run.__name__ for check in CHECKS}


def test_a_vm_on_two_hosts_is_refused() -> None:
    site = without_variable(example(), "vmsite_vms")
    site = add_variable(site, "vmsite_vms", [{"name": "one"}], "kvm1")
    site = add_variable(site, "vmsite_vms", [{"name": "one"}], "kvm2")
    assert any(one.startswith("vmsite_vms[0].name: host kvm1 has a VM of this name") for one in mistakes(site))


def test_a_local_host_needs_no_place_pool_or_number(tmp_path: pathlib.Path) -> None:
    site = example()
    site.hosts["site_api"] = type(site.hosts["core1"])("site_api", frozenset({"all"}), None, local=True)
    for name in ("vmsite_site", "vmsite_network", "vmsite_storage", "vmsite_tiers", "vmsite_tenants"):
        site.one(name).hosts = (*site.one(name).hosts, "site_api")
    site.__post_init__()
    assert mistakes(site) == []


def test_many_mistakes_come_at_once_and_in_the_order_of_the_files() -> None:
    site = example()
    put(site, (TENANTS, "ledger", "tier"), "cor")
    put(site, (TIERS, "core", "storage"), "single_writer")
    put(site, (NETWORK, "prefixes", "data", "mtuu"), 9000)
    put(site, (NETWORK, "vm_numbers", "settlement2"), 1)
    found = report(site).mistakes
    assert [mistake.variable for mistake in found] == [
        "vmsite_network.prefixes.data.mtuu",
        "vmsite_network.vm_numbers.settlement2",
        "vmsite_tenants.ledger.tier",
        "vmsite_tiers.core.storage",
    ]
    assert [pathlib.Path(mistake.place.file).name for mistake in found] == ["network.yml", "network.yml", "tenants.yml", "tiers.yml"]
