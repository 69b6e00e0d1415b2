# The lab's hosts: two "bare-metal" hosts and a prober on this machine. Needs root. Code: lab/hosts, images: lab/images.
CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/baremetal-vmsite
LAB_HOSTS = python3 -m lab.hosts --cache "$(CACHE)"

.PHONY: lab-up lab-status lab-down

lab-up: ## start the lab's hosts, or repair them
	@$(LAB_HOSTS) up $(if $(DEBIAN_MIRROR),--mirror "$(DEBIAN_MIRROR)")

lab-status: ## what runs, where, and how to log in
	@$(LAB_HOSTS) status

lab-down: ## stop the lab and put the machine back as it was
	@$(LAB_HOSTS) down
