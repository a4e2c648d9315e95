#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Each allocation on the way to a table fails once: the load says that memory was short, what
# was made before is taken apart again, and the live table has not noticed. For qthrottle,
# whose tables make groups too, see qthrottle-faults.

. ./lib.sh
needs_kernel debug
without_udev
program starve starve.c

# What is left of a table that could not be had keeps its module, or is for kmemleak to find.
# The live table is one of the same target, so that dm has its slabs: 6.1 leaks the name of one
# that it cannot show in sysfs.
starve() { # starve LEAST TARGET LIVE-LINE LINE
	local seen origin
	origin=$(memdev origin 16)
	table t "0 32768 $2 $origin 0 $3"
	echo N >/sys/kernel/debug/failslab/ignore-gfp-wait
	echo 0 >/sys/kernel/debug/failslab/verbose
	seen=$(./starve load t "0 32768 $2 $origin 0 $4")
	[ "$seen" -gt "$1" ] || { echo "a table needs more than $seen allocations" && return 1; }
	same "inactive table" "" "$(dmsetup table --inactive t)"
	dd if=/dev/mapper/t of=/dev/null bs=4k count=8 iflag=direct status=none
	dmsetup remove t
	rmmod "dm_$2"
}

starve_backup() { starve 20 backupcow "- 0 8" "$(memdev target 16) 0 8 2 speed 4096"; }
it "leaves nothing of a backup that could not be had" starve_backup

starve_threshold() { starve 10 wthreshold "" "1048576 2 rearm 4096"; }
it "leaves nothing of a threshold that could not be had" starve_threshold

finish
