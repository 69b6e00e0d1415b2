# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins for grub-mkconfig, grubby and kernel-install, below one root. They import nothing of the collection.

What they copy:
- grub-mkconfig of Debian (grub-common 2.06-13, /usr/sbin/grub-mkconfig and /etc/grub.d/00_header, 10_linux): sources /etc/default/grub, then
  every /etc/default/grub.d/*.cfg; the default is next_entry, else GRUB_DEFAULT; per kernel an entry, a submenu with all and their recovery
  entries; C(linux PATH root=... ro GRUB_CMDLINE_LINUX GRUB_CMDLINE_LINUX_DEFAULT), recovery with C(single GRUB_CMDLINE_LINUX); writes OUT.new and
  copies it over OUT in place at the end.
- grubby (grubby-bls, update_args, update_bls_fragment): --remove-args takes out each word of that name, or, with a value, the first such word;
  every name in --args is taken out, then all of --args is put at the end; C(ALL) changes kernelopts in grubenv, and entries that do not refer to
  it. Newer ones (Fedora) also change /etc/default/grub, every line that begins with GRUB_CMDLINE_LINUX, and /etc/kernel/cmdline, which they
  make from an entry where it is missing.
- kernel-install add (systemd 252, 90-loaderentry.install): options from /etc/kernel/cmdline, else /usr/lib/kernel/cmdline, else what runs without
  BOOT_IMAGE= and initrd=; adds systemd.machine_id= if the entry is named after the machine; copies the kernel and writes the entry.
"""

from __future__ import annotations

import pathlib

MACHINE = "4d2ce7a0b1f54f8d9c1e6a3b5d7f9012"
LOADER_INFO = "sys/firmware/efi/efivars/{name}-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

GRUB_MKCONFIG = r"""#!/bin/sh
set -e
test "$1" = -o
out=$2
root=$VMSITE_ROOT
test ! -e "$root/fake/grub-mkconfig-fails" || { echo "Syntax errors are detected in generated GRUB config file." >&2; exit 1; }
test ! -f "$root/etc/default/grub" || . "$root/etc/default/grub"
for file in "$root"/etc/default/grub.d/*.cfg; do test ! -e "$file" || . "$file"; done
test "x$GRUB_DEFAULT" != xsaved || GRUB_DEFAULT='${saved_entry}'
entry() {
    printf "%smenuentry '%s' --class debian \$menuentry_id_option '%s' {\n" "$1" "$2" "$3"
    printf "%s\tinsmod gzio\n%s\techo\t'Loading Linux %s ...'\n" "$1" "$1" "$4"
    printf "%s\tlinux\t/boot/vmlinuz-%s root=UUID=5c1a ro %s\n%s\tinitrd\t/boot/initrd.img-%s\n%s}\n" "$1" "$4" "$5" "$1" "$4" "$1"
}
tab=$(printf '\t')
{
    echo 'if [ -s $prefix/grubenv ]; then'
    echo '  load_env'
    echo 'fi'
    echo 'if [ "${next_entry}" ] ; then'
    echo '   set default="${next_entry}"'
    echo '   set next_entry='
    echo 'else'
    echo "   set default=\"${GRUB_DEFAULT:-0}\""
    echo 'fi'
    echo 'function gfxmode {'
    echo '	set gfxpayload="${1}"'
    echo '}'
    kernels=$(ls "$root/boot" | sed -n 's/^vmlinuz-//p' | sort -rV)
    first=$(echo "$kernels" | head -n 1)
    entry '' 'Debian GNU/Linux' gnulinux-simple-5c1a "$first" "$GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT"
    echo "submenu 'Advanced options for Debian GNU/Linux' \$menuentry_id_option 'gnulinux-advanced-5c1a' {"
    for kernel in $kernels; do
        title="Debian GNU/Linux, with Linux $kernel"
        entry "$tab" "$title" "gnulinux-$kernel-advanced-5c1a" "$kernel" "$GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT"
        entry "$tab" "$title (recovery mode)" "gnulinux-$kernel-recovery-5c1a" "$kernel" "single $GRUB_CMDLINE_LINUX"
    done
    echo '}'
} >"$out.new"
test ! -e "$root/fake/grub-mkconfig-is-killed" || { head -c 100 "$out.new" >"$out"; kill -9 $$; }
cat "$out.new" >"$out"
rm -f "$out.new"
"""

GRUBBY = r"""#!/usr/bin/env python3
import os, pathlib, re, sys

root = pathlib.Path(os.environ["VMSITE_ROOT"])
options = dict(word[2:].split("=", 1) for word in sys.argv[1:])
assert set(options) <= {"update-kernel", "args", "remove-args"} and options["update-kernel"] == "ALL", sys.argv
knows_more = (root / "fake/grubby-knows-more").exists()
if (root / "fake/grubby-fails").exists():
    sys.exit("grubby: no space left on device")


def update(line):
    words = line.split()
    for given in options.get("remove-args", "").split():
        if "=" in given:
            words = words[: words.index(given)] + words[words.index(given) + 1 :] if given in words else words
        else:
            words = [word for word in words if word.split("=", 1)[0] != given]
    added = options.get("args", "").split()
    gone = [word.rsplit("=", 1)[0] for word in added]
    return " ".join([word for word in words if not any(word == key or word.startswith(key + "=") for key in gone)] + added)


def change(path, pattern, quote=""):
    if path.exists():
        text = path.read_text()
        beside = path.with_name(path.name + ".sed")
        beside.write_text(re.sub(pattern, lambda found: found[1] + ('="' if quote else "") + update(found[2]) + quote, text, flags=re.M))
        beside.rename(path)


change(root / "boot/grub2/grubenv", r"^(kernelopts=)(.*)$")
for entry in sorted((root / "boot/loader/entries").glob("*.conf")):
    if "$kernelopts" not in entry.read_text():
        change(entry, r"^(options )(.*)$")
if knows_more:
    later = root / "etc/kernel/cmdline"
    if not later.exists():
        oldest = sorted((root / "boot/loader/entries").glob("*.conf"))[0].read_text()
        later.parent.mkdir(exist_ok=True)
        later.write_text(re.search(r"^options (.*)$", oldest, re.M)[1] + "\n")
    change(root / "etc/kernel/cmdline", r"\A()(.*)$")
    change(root / "etc/default/grub", r'^(GRUB_CMDLINE_LINUX).*?"(.*)"$', '"')
"""

KERNEL_INSTALL = r"""#!/bin/sh
set -e
test "$1" = add
version=$2 image=$3 root=$VMSITE_ROOT boot=$VMSITE_ROOT/boot
test -f "$image" || { echo "Error: kernel image argument $image not a file" >&2; exit 1; }
read -r machine <"$root/etc/machine-id"
options=$(tr '\n' ' ' <"$root/proc/cmdline" | tr ' ' '\n' | grep -v -e '^BOOT_IMAGE=' -e '^initrd=' | tr '\n' ' ')
for file in usr/lib/kernel/cmdline etc/kernel/cmdline; do test ! -f "$root/$file" || options=$(tr -s '\n\t ' ' ' <"$root/$file"); done
options=${options% }
case $options in *systemd.machine_id=*) ;; *) options="$options systemd.machine_id=$machine" ;; esac
mkdir -p "$boot/$machine/$version" "$boot/loader/entries"
cp "$image" "$boot/$machine/$version/linux"
printf 'title      Debian GNU/Linux 12\nversion    %s\nmachine-id %s\nsort-key   debian\noptions    %s\nlinux      /%s/%s/linux\n' \
    "$version" "$machine" "$options" "$machine" "$version" >"$boot/loader/entries/$machine-$version.conf"
"""

BLS_ENTRY = """\
title Red Hat Enterprise Linux ({version}) 9.4 (Plow)
version {version}
linux /vmlinuz-{version}
initrd /initramfs-{version}.img $tuned_initrd
options {options}
grub_users $grub_users
grub_class rhel
"""


def install_grub(root: pathlib.Path, kernels: tuple[str, ...], default: str, settings: str) -> None:
    """C(settings) is /etc/default/grub; C(default) the arguments that grub.cfg was generated with."""
    _program(root, "usr/sbin/grub-mkconfig", GRUB_MKCONFIG)
    for kernel in kernels:
        put(root, f"boot/vmlinuz-{kernel}", "kernel")
    put(root, "etc/default/grub", settings)
    entry = f"menuentry 'Debian GNU/Linux' {{\n\tlinux\t/boot/vmlinuz-{kernels[-1]} root=UUID=5c1a ro {default}\n}}\n"
    put(root, "boot/grub/grub.cfg", f'set default="0"\n{entry}')
    (root / "boot/grub/grub.cfg").chmod(0o444)


def install_bls(root: pathlib.Path, options: dict[str, str], environment: dict[str, str], later: str | None = None) -> None:
    """C(options) by kernel version. C(later) is /etc/kernel/cmdline, for kernels to come."""
    _program(root, "usr/sbin/grubby", GRUBBY)
    for version, line in options.items():
        put(root, f"boot/loader/entries/{MACHINE}-{version}.conf", BLS_ENTRY.format(version=version, options=line))
    block = "# GRUB Environment Block\n" + "".join(f"{name}={value}\n" for name, value in environment.items())
    put(root, "boot/grub2/grubenv", block + "#" * (1024 - len(block)))
    if later is not None:
        put(root, "etc/kernel/cmdline", f"{later}\n")


def install_systemd_boot(root: pathlib.Path, kernels: tuple[str, ...], options: str, later: str | None) -> None:
    """Entries with C(options) as kernel-install makes them. C(later) is /etc/kernel/cmdline."""
    _program(root, "usr/bin/kernel-install", KERNEL_INSTALL)
    put(root, "etc/machine-id", f"{MACHINE}\n")
    put(root, "boot/loader/loader.conf", "timeout 3\n")
    for kernel in kernels:
        put(root, f"usr/lib/modules/{kernel}/vmlinuz", "kernel")
        put(root, f"boot/{MACHINE}/{kernel}/linux", "kernel")
        text = f"title Debian\nversion {kernel}\nsort-key debian\noptions {options} systemd.machine_id={MACHINE}\nlinux /{MACHINE}/{kernel}/linux\n"
        put(root, f"boot/loader/entries/{MACHINE}-{kernel}.conf", text)
    if later is not None:
        put(root, "etc/kernel/cmdline", f"{later}\n")


def set_loader_variable(root: pathlib.Path, name: str, value: str) -> None:
    """As efivarfs shows it: four bytes of attributes, then UTF-16 with its end."""
    file = root / LOADER_INFO.format(name=name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"\x06\0\0\0" + f"{value}\0".encode("utf-16-le"))


def put(root: pathlib.Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def _program(root: pathlib.Path, path: str, text: str) -> None:
    put(root, path, text)
    (root / path).chmod(0o755)
