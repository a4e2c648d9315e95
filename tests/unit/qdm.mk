# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests of the tool are made of; the rules are in Makefile. They need
# no device-mapper: qdm-fake-dm.c stands in for the tool's kernel/dm*.c and
# sysfs.c, and qdm-fake-groups.c
# for configfs, by the linker (qdm-wraps). The tool is compiled once into an archive, out of which each test takes
# what it needs; ar appends (q), since files of two rooms may have one name.
QDM := $(abspath $(HERE)/../../tools/qdm)
QDM_PACKAGES := blkid json-c libsystemd libedit
QDM_CFLAGS := -std=gnu11 -D_GNU_SOURCE -I$(QDM) -I$(HERE) \
	-DCLIENT_HALF_SECONDS=2 -DCLIENT_ENDS_SECONDS=1 -DTIDY_PAUSE=1 -DQDM_DOCUMENTATION='"$(TOP)/Documentation"' $(shell pkg-config --cflags $(QDM_PACKAGES))
QDM_LIBS := $(shell pkg-config --libs $(QDM_PACKAGES)) @$(HERE)qdm-wraps

QDM_SOURCES := $(patsubst $(QDM)/%,%,$(shell find $(QDM) -name '*.c' | sort))
QDM_PARTS := $(basename $(filter-out kernel/dm.c kernel/dm-%.c kernel/sysfs.c cli/main.c,$(QDM_SOURCES))) qdm-fake-dm qdm-fake-leaf qdm-fake-groups \
	qdm-case qdm-line qdm-served
QDM_OBJECTS := $(QDM_PARTS:%=$(OUT)/qdm/%.o)
vpath %.c $(QDM) $(HERE)

$(OUT)/qdm/%.o: %.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(QDM_CFLAGS) -MMD -MP -c -o $@ $<

$(OUT)/qdm.a: $(QDM_OBJECTS)
	$(Q)rm -f $@ && ar qc $@ $^

-include $(QDM_OBJECTS:.o=.d)

QDM_TESTS := $(basename $(notdir $(wildcard $(HERE)test-qdm-*.c)))
$(foreach test,$(QDM_TESTS),$(eval $(test)_SOURCES := $(test).c $(OUT)/qdm.a))
test-qdm-fuzz_SOURCES := test-qdm-fuzz.c $(TOP)/tests/fuzz/fuzz-qmp.c $(OUT)/qdm.a
