# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests of the tool are made of; the rules are in Makefile. They need
# no device-mapper: qdm-fake-dm.c stands in for the tool's dm.c.
QDM := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))../../tools/qdm
QDM_CFLAGS := -std=gnu11 -D_GNU_SOURCE -I$(QDM) $(shell pkg-config --cflags json-c)
QDM_LIBS := $(shell pkg-config --libs json-c)

QDM_TESTS := test-qdm-json test-qdm-args test-qdm-plan test-qdm-qmp
test-qdm-json_SOURCES := test-qdm-json.c $(addprefix $(QDM)/,json.c error.c)
test-qdm-args_SOURCES := test-qdm-args.c $(addprefix $(QDM)/,args.c json.c error.c limits.c)
test-qdm-plan_SOURCES := test-qdm-plan.c qdm-fake-dm.c $(addprefix $(QDM)/,edit.c graph.c plan.c \
	shape.c table.c alloc.c error.c group.c limits.c)
test-qdm-qmp_SOURCES := test-qdm-qmp.c qdm-fake-dm.c $(addprefix $(QDM)/,qmp.c args.c json.c describe.c \
	edit.c graph.c plan.c shape.c table.c alloc.c error.c group.c limits.c)
