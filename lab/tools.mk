# The lab's tools: upstream's programs, built from their Go modules. Needs Go. Code: lab/tools.
LAB_TOOLS = python3 -m lab.tools --cache "$(CACHE)"

.PHONY: lab-tools

lab-tools: ## build upstream's programs that tests run (once; some minutes)
	@$(LAB_TOOLS) build
