# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""/proc/cpuinfo: the processor's architecture, vendor and flags. Its layout differs per architecture; keys are compared in lower case."""

from __future__ import annotations

import dataclasses
import os
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.topology.evidence import Evidence

CPUINFO = "/proc/cpuinfo"

# The AMD families whose "modules" Linux calls thread siblings although each half is a core of its own.
AMD_FAMILIES_WITH_MODULES = ("21", "22")


@dataclasses.dataclass(frozen=True)
class Processor:
    """C(cpus) holds one dictionary per CPU that the file lists; C(common) what is said once for all of them."""

    architecture: str | None = None
    vendor: str | None = None
    flags: frozenset[str] = frozenset()
    has_amd_modules: bool = False
    cpus: tuple[tuple[int, dict[str, str]], ...] = ()


def read_processor(evidence: Evidence) -> Processor:
    text = evidence.text(CPUINFO)
    if text is None:
        evidence.note_missing(CPUINFO, "architecture, vendor and CPU flags are unknown")
        return Processor(architecture=os.uname().machine if evidence.root.is_live else None)
    sections = _sections(text)
    fields = {key: value for section in reversed(sections) for key, value in section.items()}  # the first section wins
    architecture = os.uname().machine if evidence.root.is_live else _architecture(fields)
    if architecture is None:
        evidence.note_missing(CPUINFO, "no line tells the architecture")
    vendor = fields.get("vendor_id") or fields.get("vendor") or fields.get("cpu implementer")
    return Processor(
        architecture=architecture,
        vendor=vendor,
        flags=frozenset(fields.get("flags", fields.get("features", "")).split()),
        has_amd_modules=vendor == "AuthenticAMD" and fields.get("cpu family") in AMD_FAMILIES_WITH_MODULES,
        cpus=tuple((int(section["processor"]), section) for section in sections if section.get("processor", "").isdigit()),
    )


def _sections(text: str) -> list[dict[str, str]]:
    """One dictionary per CPU. A new CPU starts at each line C(processor : N); s390 puts C(processor N: ...) on one line."""
    sections: list[dict[str, str]] = [{}]
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        key, value = key.strip(), value.strip()
        if not colon:
            continue
        word, _blank, number = key.partition(" ")
        if word == "processor" and number.isdigit():
            sections.append({"processor": number})
            continue
        if key == "processor" and value.isdigit():
            sections.append({})
        sections[-1].setdefault(key.lower(), value)
    return [section for section in sections if section]


def _architecture(fields: dict[str, str]) -> str | None:
    """The name C(uname -m) would give, from lines that only one architecture prints; None if none is there."""
    if "cpu implementer" in fields or fields.get("processor", "").startswith(("ARM", "AArch64")):
        wide = fields.get("cpu architecture") in ("8", "AArch64") and "fp" in fields.get("features", "").split()
        return "aarch64" if wide else "arm"
    if fields.get("vendor_id", "").startswith("IBM/S390"):
        return "s390x"
    if fields.get("arch") == "IA-64":
        return "ia64"
    if fields.get("isa", "").startswith("rv"):
        return "riscv64" if fields["isa"].startswith("rv64") else "riscv32"
    if "loongson" in fields.get("cpu family", "").lower() or "loongson" in fields.get("system type", "").lower():
        return "loongarch64"
    name = fields.get("cpu", "")
    if "sparc" in name.lower():
        return "sparc64"
    if "power" in name.lower() or "altivec" in name or "pvr" in fields.get("revision", ""):
        return "ppc64" if "POWER" in name or "Cell" in name or "970" in name else "ppc"
    if "flags" in fields or "vendor_id" in fields:
        return "x86_64" if "lm" in fields.get("flags", "").split() else "i686"
    return None
