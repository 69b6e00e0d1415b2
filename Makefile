# The two commands of the README are "make demo" and "make test"; everything else is a part of them. "make" alone lists all targets.
SHELL := /bin/sh
.DEFAULT_GOAL := help

# Downloads, environments and caches live here; the checkout stays clean. PYTHON makes the environment and may be any 3.11 or later.
CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/baremetal-vmsite
PYTHON ?= python3

CHECKOUT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
REQUIREMENTS := requirements/development.txt
VENV := $(CACHE)/venv-$(shell sha256sum $(REQUIREMENTS) | cut -c1-12)
# Ansible finds a collection only below ansible_collections/NAMESPACE/NAME: this tree holds a link to the checkout.
TREE := $(CACHE)/tree-$(shell printf %s '$(CHECKOUT)' | sha256sum | cut -c1-12)
COLLECTION := $(TREE)/ansible_collections/baremetal/vmsite
# The same, as a copy without what git ignores: for tools that must not see the rest, or that write where they read.
COPY := $(TREE)-copy

export PATH := $(VENV)/bin:$(PATH)
export ANSIBLE_COLLECTIONS_PATH := $(TREE)
export ANSIBLE_CONFIG := $(CHECKOUT)/ansible.cfg
export ANSIBLE_HOME := $(CACHE)/ansible
export PYTHONPATH := $(TREE)
export PYTHONPYCACHEPREFIX := $(CACHE)/bytecode

STEP := @tests/gates/step
PYTEST := pytest -n 2 -o cache_dir=$(CACHE)/pytest

-include lab/lab.mk
-include lab/tools.mk
-include lab/guest.mk

.PHONY: help setup environment demo test-apiserver test-lab test-guest test test-full bench dist

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9.-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Python environment and Ansible's view of the checkout, both in the cache directory
	@requirements/make_environment "$(PYTHON)" "$(VENV)" "$(REQUIREMENTS)"
	@mkdir -p "$(dir $(COLLECTION))" && ln -sfn "$(CHECKOUT)" "$(COLLECTION)"

environment: setup ## what to put into a shell to run ansible-playbook by hand: eval "$(make environment)"
	@echo 'export PATH="$(VENV)/bin:$$PATH"; export ANSIBLE_COLLECTIONS_PATH="$(TREE)"; export ANSIBLE_HOME="$(ANSIBLE_HOME)"'

demo: setup lab-up ## the main job: two tuned hosts, packets between them, a VM that moves, a report
	ansible-playbook -i inventories/lab lab/demo.yml

include tests/gates/check.mk

test-apiserver: setup lab-tools ## doors to a cluster, on a real etcd and API server of this machine
	$(STEP) "a real API server" env VMSITE_CONTROL_PLANE_PROGRAMS=$(CACHE)/tools/bin $(PYTEST) -n 0 tests/apiserver

# The scenarios begin with fresh hosts; the last file takes the lab down and up again, and ends with the lab as it was.
test-lab: setup lab-up ## Molecule scenarios and fault tests on the running lab
	$(STEP) "tests in network namespaces" $(PYTEST) -n 0 tests/netns
	$(STEP) "Molecule scenarios" $(PYTEST) -n 0 tests/lab/test_molecule.py
	$(STEP) "doors on the lab's hosts" $(PYTEST) -n 0 tests/lab --ignore tests/lab/test_molecule.py --ignore tests/lab/test_lab_hosts.py
	$(STEP) "the lab itself" $(PYTEST) -n 0 tests/lab/test_lab_hosts.py

test-guest: setup guest-image ## host doors, reboot, VFs, drift and kills in a virtual machine that can
	$(STEP) "the guest" $(PYTEST) -n 0 -s tests/guest

# test-guest joins when it was green twice in a row: see tests/guest/DIFFERENCES.md, the last paragraph but one.
test: check test-apiserver demo test-lab ## what CI runs: check, test-apiserver, demo, test-lab
	@$(MAKE) --no-print-directory lab-down
	@echo; echo "make test: check, test-apiserver, demo and test-lab passed"

# The longer series of kills take the place of the short one.
test-full: export VMSITE_GUEST_KILLS = 20
test-full: export VMSITE_GUEST_POWER_CUTS = 10
test-full: test test-guest bench ## test with long series of kills and power cuts, and bench
	@echo "test-full ran on: $$(uname -srm), $$(nproc) CPUs, commit $$(git rev-parse HEAD)"

bench: setup lab-up ## calls and seconds against one stock task per item, same result
	$(STEP) "benchmarks" $(PYTEST) -n 0 tests/benchmarks

dist: setup copy ## the collection as a file, in the directory dist of the cache
	@mkdir -p "$(CACHE)/dist"
	@ansible-galaxy collection build --force --output-path "$(CACHE)/dist" "$(COPY)/ansible_collections/baremetal/vmsite"
