# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs, and the modules they come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent

KUBERNETES = "v1.34.4"
# Upstream stamps its version into programs when it releases them (hack/lib/version.sh); kubectl and the API server tell it, kubeadm decides by it.
_MAJOR, _MINOR = KUBERNETES[1:].split(".")[:2]
_STAMP = "k8s.io/component-base/version"
KUBERNETES_VERSION = f"-X {_STAMP}.gitVersion={KUBERNETES} -X {_STAMP}.gitMajor={_MAJOR} -X {_STAMP}.gitMinor={_MINOR}"


@dataclass(frozen=True)
class Program:
    """`module`: the directory with go.mod and go.sum. `package`: what is compiled. `stamp`: flags of the linker that set variables."""

    name: str
    module: Path
    package: str
    stamp: str = ""


PROGRAMS = (
    Program("etcd", HERE / "etcd", "go.etcd.io/etcd/server/v3"),
    Program("kube-apiserver", HERE / "kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver", KUBERNETES_VERSION),
)
