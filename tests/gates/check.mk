# "make check": what can be said about the collection without a lab, quickest first. Each gate is a target of its own.
.PHONY: check copy style python-3.9 types yaml unit contract changelog docs docs-roles lint sanity

GATE_COPY := $(COPY)/ansible_collections/baremetal/vmsite

check: setup style python-3.9 types yaml unit contract changelog lint docs sanity ## everything that needs no lab, quickest first
	@echo; echo "make check: every gate passed"

copy: setup
	@python tests/gates/copy_collection.py "$(GATE_COPY)"

style: setup ## ruff: errors and formatting
	$(STEP) "ruff check" ruff check --cache-dir $(CACHE)/ruff .
	$(STEP) "ruff format" ruff format --check --diff --cache-dir $(CACHE)/ruff .

python-3.9: setup ## code that runs on managed hosts keeps to Python 3.9
	$(STEP) "Python 3.9 syntax of managed-host code" vermin --quiet --no-tips --target=3.9- --violations plugins/modules plugins/module_utils

types: setup ## mypy, strict for the collection
	$(STEP) "types" env -u PYTHONPATH MYPYPATH=$(TREE) mypy --cache-dir $(CACHE)/mypy \
		-p ansible_collections.baremetal.vmsite.plugins -p ansible_collections.baremetal.vmsite.tests -p ansible_collections.baremetal.vmsite.lab

yaml: setup
	$(STEP) "yamllint" yamllint --strict .

unit: setup ## unit tests
	@tests/gates/system_packages
	$(STEP) "unit tests" $(PYTEST) tests/unit

contract: setup copy ## what is promised about docs, options, roles, files and the built collection
	$(STEP) "contract tests" $(PYTEST) tests/contract

changelog: setup copy
	$(STEP) "changelog fragments" sh -c 'cd "$(GATE_COPY)" && antsibull-changelog lint'

lint: setup copy ## ansible-lint, production profile
	$(STEP) "ansible-lint" tests/gates/ansible_lint "$(GATE_COPY)"

docs: setup copy ## reference documentation as HTML, every warning an error
	$(STEP) "documentation" docs/build/html "$(GATE_COPY)" "$(CACHE)/docs"

docs-roles: setup ## write roles/*/README.md from meta/argument_specs.yml
	@python docs/build/role_readmes.py

sanity: setup copy ## ansible-test sanity
	$(STEP) "ansible-test sanity" tests/gates/ansible_test_sanity "$(GATE_COPY)" "$(CACHE)/ansible-test"
