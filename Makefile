# SPDX-License-Identifier: GPL-2.0-or-later
# Entry points for people; what kbuild reads is in Kbuild. "make help" lists them.
#
# The modules are built on a copy of their sources under build/, because kbuild leaves its
# output beside its input and the tree is to stay clean.

KDIR    ?= /lib/modules/$(shell uname -r)/build
DESTDIR ?=
BUILD   := $(CURDIR)/build
Q       := $(if $(V),,@)

# Lazy: targets that need no kernel tree must work on a machine that has none.
release  = $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h 2>/dev/null)
objects  = $(BUILD)/modules/$(release)
kbuild   = $(MAKE) $(if $(V),,--no-print-directory -s) -C $(KDIR) M=$(objects)
# What was installed for the running kernel can be removed when its headers are gone.
installed_for = $(or $(release),$(if $(filter file,$(origin KDIR)),$(shell uname -r)))
installed     = $(shell sed -n 's/^obj-m += \(.*\)\.o$$/\1.ko/p' drivers/*/Kbuild)

kunit    = $(wildcard tests/kunit tests/unit/*.h)
tool    := $(wildcard tools/Makefile)
lab     := tests/vm

.PHONY: all modules tool install install-tool uninstall setup check test new-test unit kunit demo bench lint docs clean help
.DEFAULT_GOAL := all

all: modules tool ## build the modules for the running kernel (or KDIR=...) and the tool

modules: ## build only the modules
	$(Q)test -n "$(release)" || { echo "make: no kernel headers in $(KDIR): install linux-headers, or give KDIR=" >&2; exit 1; }
	$(Q)mkdir -p $(objects)
	$(Q)cp -a --update --parents Kbuild drivers include $(kunit) $(objects)/
	+$(Q)$(kbuild) modules

tool: ## build only the tool
	$(Q)$(if $(tool),$(MAKE) --no-print-directory -C tools all,:)

install: install-modules install-tool ## install modules, tool, udev rules, units, man page (DESTDIR=...)

.PHONY: install-modules
install-modules:
	$(Q)install -d $(DESTDIR)/lib/modules/$(release)/updates
	$(Q)install -m 644 $(objects)/drivers/*/*.ko $(if $(QDM_KUNIT),$(objects)/tests/kunit/*.ko) \
		$(DESTDIR)/lib/modules/$(release)/updates/
	$(Q)$(if $(DESTDIR),:,depmod $(release))

install-tool: ## the same without the modules, where DKMS builds these
	$(Q)$(if $(tool),$(MAKE) --no-print-directory -C tools install DESTDIR=$(DESTDIR),:)

uninstall: ## remove what install put there; nothing needs to be built
	$(Q)test -n "$(installed_for)" || { echo "make: no kernel headers in $(KDIR)" >&2; exit 1; }
	$(Q)cd "$(DESTDIR)/lib/modules/$(installed_for)/updates" 2>/dev/null && rm -f $(installed) || :
	$(Q)$(if $(tool),$(MAKE) --no-print-directory -C tools uninstall DESTDIR=$(DESTDIR),:)
	$(Q)$(if $(DESTDIR),:,depmod $(installed_for))

setup: ## install missing Debian packages and prepare all guests
	$(Q)$(lab)/setup 6.1 6.12 latest debug

check: ## what a commit should pass, in some minutes: lint, unit, one topic on one kernel (TESTS=topic KERNEL=6.12)
	$(Q)tests/run-all --quick

test: ## every test on every kernel (TESTS=topic KERNEL=6.12 LANE=smp narrow it, FULL=1 widens it)
	$(Q)tests/run-all

new-test: ## a new topic of tests to be written: make new-test NAME, or qmp/NAME
	$(Q)tests/new-test $(new)

unit: ## the pure cores in user space, under ASan and UBSan
	$(Q)$(MAKE) --no-print-directory -C tests/unit test

kunit: ## the same in the kernel, in the debug guest
	$(Q)KERNEL=debug TESTS=kunit tests/run-all

demo: ## the main job, watched, in a virtual machine
	$(Q)tests/demo/run

bench: ## figures from the deterministic lane (CASE=idle-cost for one)
	$(Q)tests/bench/run $(CASE)

lint: ## checkpatch, sparse, symbols' prefixes, shellcheck, clang-format, codespell
	$(Q)tests/lint/run

docs: ## the documentation as web pages, in build/docs/html (needs python3-sphinx)
	$(Q)Documentation/render

clean: ## remove build/ (the cache of guests stays)
	$(Q)rm -rf $(BUILD)
	$(Q)$(if $(tool),$(MAKE) --no-print-directory -C tools clean,:)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 21
	@echo "Variables: KDIR DESTDIR V=1 (show commands) TESTS KERNEL LANE FULL SEED CASE"

# The words behind "new-test" are a name and nothing to be made.
ifeq ($(firstword $(MAKECMDGOALS)),new-test)
new := $(NAME) $(wordlist 2,9,$(MAKECMDGOALS))
.PHONY: $(new)
$(filter-out $(NAME),$(new)):
	@:
endif
