# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian host in a directory without systemd or dpkg: stand-ins for systemctl, journalctl, dpkg, dpkg-query and apt-get, and one program, named timed.

They keep their state in a file beside the host's root and copy this upstream behaviour:
- systemctl show answers for any name, with LoadState=not-found where there is no unit file; one block per name, an empty line between
  (systemctl(1)). A start gives the unit a new InvocationID (systemd.exec(5)); start of a masked unit is refused; NeedDaemonReload=yes while a
  unit file is newer than what was read (systemd.unit(5)); a socket whose service runs cannot be started.
- apt-get install starts and enables the package's units, with the package's own configuration, unless they are masked (deb-systemd-invoke(1p)).
  It fails with "Unable to locate package" and exit code 100 for what no repository has (apt-get(8)).
- dpkg-query --show exits 1 if a name is unknown and lists the others (dpkg-query(1)).
The daemon timed dies at once when its configuration has the line "die" and refuses "refuse" in its own check (timed --check FILE).
"""

from __future__ import annotations

import json
import pathlib
import sys
import textwrap

PROGRAM = """\
#!{python} -SE
import hashlib, json, os, pathlib, sys, time
ROOT = pathlib.Path(os.environ["VMSITE_ROOT"])
STATE = pathlib.Path(str(ROOT) + ".state")
state = json.loads(STATE.read_text())
name, args = pathlib.Path(sys.argv[0]).name, sys.argv[1:]
UNITS = ("etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system")
CONFIGURATION = ROOT / "etc/timed/timed.conf"


def save():
    new = STATE.with_suffix(".new")
    new.write_text(json.dumps(state))
    new.rename(STATE)


def fail(text, code=1):
    print(text, file=sys.stderr)
    save()
    sys.exit(code)


def unit_file(unit):
    return next((ROOT / place / unit for place in UNITS if os.path.lexists(ROOT / place / unit)), None)


def is_masked(unit):
    file = unit_file(unit)
    return file is not None and file.is_symlink() and os.readlink(file) == "/dev/null"


def definition(unit):
    files = [unit_file(unit)] + sorted((ROOT / "etc/systemd/system" / (unit + ".d")).glob("*.conf"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files if file and file.is_file() and not file.is_symlink())).hexdigest()


def entry(unit):
    return state["units"].setdefault(unit, {{"active": "inactive", "id": "", "since": 0, "read": ""}})


def start(unit):
    if unit_file(unit) is None:
        fail("Failed to start " + unit + ": Unit " + unit + " not found.", 5)
    if is_masked(unit):
        fail("Failed to start " + unit + ": Unit " + unit + " is masked.")
    if unit.endswith(".socket") and state["units"].get(unit[:-7] + ".service", {{}}).get("active") == "active":
        fail("Socket service already active, refusing.")
    state["log"].append("start " + unit + " with " + (CONFIGURATION.read_text().strip() if CONFIGURATION.exists() else "nothing"))
    dies = CONFIGURATION.exists() and "die" in CONFIGURATION.read_text().split()
    state["starts"] += 1
    entry(unit).update(active="failed" if dies else "active", id=str(state["starts"]), since=int(time.monotonic() * 1e6))


def service_type(unit, file):  # simple unless the definition says otherwise; other kinds of units have no such property
    if not unit.endswith(".service"):
        return ""
    lines = file.read_text().splitlines() if file and file.is_file() else []
    return next((line[5:] for line in lines if line.startswith("Type=")), "simple")


def show(units):
    blocks = []
    for unit in units:
        file, masked, known = unit_file(unit), is_masked(unit), entry(unit)
        if not known["read"] and file and not masked:  # systemd looks again for what it did not find
            known["read"] = definition(unit)
        load = "masked" if masked else "loaded" if file else "not-found"
        runtime = "-runtime" if masked and "run/systemd" in str(file) else ""
        enablement = "masked" + runtime if masked else ("enabled" if unit in state["enabled"] else "disabled") if file else ""
        values = {{
            "Id": unit, "Type": service_type(unit, file), "LoadState": load, "ActiveState": known["active"], "SubState": "running", "UnitFileState": enablement,
            "NeedDaemonReload": "yes" if file and not masked and known["read"] != definition(unit) else "no",
            "InvocationID": known["id"], "ActiveEnterTimestampMonotonic": known["since"], "Result": "success", "ConditionResult": "yes",
            "Triggers": unit[:-7] + ".service" if unit.endswith(".socket") else "",
        }}
        blocks.append("\\n".join(key + "=" + str(value) for key, value in values.items()))
    print("\\n\\n".join(blocks))


def systemctl():
    runtime = "--runtime" in args
    words = [word for word in args if not word.startswith("--")]
    verb, units = words[0], words[1:]
    if verb == "show":
        return show(units)
    state["log"].append(" ".join(words + ["--runtime"] * runtime))
    for unit in units:
        mask = ROOT / ("run" if runtime else "etc") / "systemd/system" / unit
        if verb in ("start", "restart") and not (verb == "start" and entry(unit)["active"] == "active"):
            start(unit)
        elif verb == "stop":
            entry(unit).update(active="inactive", id="")
        elif verb == "mask":
            mask.symlink_to("/dev/null") if not os.path.lexists(mask) else None
        elif verb == "unmask" and os.path.islink(mask):
            mask.unlink()
        elif verb == "enable":
            state["enabled"] = sorted(set(state["enabled"]) | {{unit}})
        elif verb == "disable":
            state["enabled"] = sorted(set(state["enabled"]) - {{unit}})
    if verb in ("daemon-reload", "mask", "unmask", "enable", "disable"):  # each of them makes systemd read again
        for known in state["units"].values():
            known["read"] = ""


def apt_get():
    words = [word for word in args if not word.startswith("-") and "::" not in word]
    if words[0] == "indextargets":
        print("\\n".join(state["repositories"]))
    if words[0] != "install":
        return
    for package in (word.partition("=")[0] for word in words[1:]):
        if package not in state["available"]:
            fail("E: Unable to locate package " + package, 100)
        brings = state["available"][package]
        for path, text in brings["files"].items():
            if not (ROOT / path).exists():  # --force-confold
                (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
                (ROOT / path).write_text(text)
                (ROOT / path).chmod(0o755 if "bin/" in path else 0o644)
        state["installed"][package] = brings["version"]
        for unit in brings["units"]:
            state["enabled"] = sorted(set(state["enabled"]) | {{unit}})
            if not is_masked(unit) and entry(unit)["active"] != "active":
                start(unit)


def dpkg_query():
    names = [word for word in args if not word.startswith("--")]
    for package in names:
        if package in state["installed"]:
            print(package, "installed", state["installed"][package])
    sys.exit(0 if all(package in state["installed"] for package in names) else 1)


def journalctl():
    print("the last words of", args[1])


{{"systemctl": systemctl, "apt-get": apt_get, "dpkg-query": dpkg_query, "dpkg": lambda: None, "journalctl": journalctl}}[name]()
save()
"""

TIMED = """\
#!/bin/sh
if grep -q -w refuse "$2"; then echo "timed: $2: line 1: I refuse: $(cat "$2")" >&2; exit 3; fi
"""


def make_debian_host(root: pathlib.Path) -> None:
    """A host that has nothing yet; its repository has the package timed."""
    for directory in ("etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system", "usr/bin"):
        (root / directory).mkdir(parents=True, exist_ok=True)
    for name in ("systemctl", "journalctl", "dpkg", "dpkg-query", "apt-get"):
        program = root / "usr/bin" / name
        program.write_text(PROGRAM.format(python=sys.executable))
        program.chmod(0o755)
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    timed = {
        "version": "1.0",
        "units": ["timed.service"],
        "files": {
            "etc/timed/timed.conf": "the package's own\n",
            "usr/bin/timed": TIMED,
            "usr/lib/systemd/system/timed.service": textwrap.dedent("[Service]\nExecStart=/usr/bin/timed\n"),
        },
    }
    state = {
        "units": {},
        "enabled": [],
        "installed": {},
        "available": {"timed": timed},
        "repositories": ["https://mirror.example stable"],
        "starts": 0,
        "log": [],
    }
    write_state(root, state)


def read_state(root: pathlib.Path) -> dict[str, object]:
    state: dict[str, object] = json.loads(pathlib.Path(f"{root}.state").read_text())
    return state


def write_state(root: pathlib.Path, state: dict[str, object]) -> None:
    pathlib.Path(f"{root}.state").write_text(json.dumps(state))
