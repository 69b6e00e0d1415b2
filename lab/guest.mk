# The lab's guest: a virtual machine with NUMA nodes, GRUB, an IOMMU and NICs with virtual functions. Needs root. Code: lab/guest.
LAB_GUEST = python3 -m lab.guest --cache "$(CACHE)" $(if $(DEBIAN_MIRROR),--mirror "$(DEBIAN_MIRROR)")

.PHONY: guest-image guest-up guest-status guest-down

guest-image: ## what the guest starts from: QEMU and a disk with Debian (once; two minutes)
	@$(LAB_GUEST) image

guest-up: ## start the guest, or leave it as it is
	@$(LAB_GUEST) up

guest-status: ## whether the guest runs, and how to log in
	@$(LAB_GUEST) status

guest-down: ## stop the guest and remove all but its image
	@$(LAB_GUEST) down
