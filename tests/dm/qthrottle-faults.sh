#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Failed allocations, which only the debug kernel can order: whatever cannot be had, a
# request that was accepted is done, once, and what was refused has changed nothing.

. ./lib.sh
needs_kernel debug
without_udev

SECTORS=32768
CONFIG=/sys/kernel/config/qthrottle
SLAB=/sys/kernel/debug/failslab
ORDERED=1000000

# order_failures PERCENT: only in processes that say so, or nothing would start; also where
# the caller could sleep
order_failures() {
	echo Y >"$SLAB"/task-filter
	echo N >"$SLAB"/ignore-gfp-wait
	echo 1 >"$SLAB"/interval
	echo 0 >"$SLAB"/verbose
	echo "$ORDERED" >"$SLAB"/times
	echo "$1" >"$SLAB"/probability
}

failures() { echo $((ORDERED - $(cat "$SLAB"/times))); }

# starving CMD...: CMD and all that it starts will be short of memory once that is ordered
starving() {
	echo 1 >"/proc/$BASHPID/make-it-fail"
	exec "$@"
}

line() { echo "0 $SECTORS qthrottle $(memdev mem 16) 0 $1"; }

# The device below has all its pages from the beginning: what fails is dm's and ours. An
# io_submit that fails for want of memory is tried again by fio; what was accepted is verified.
# An open that fails is not, and it opens the device again when it has done all of it: the limits
# do not let it come so far in its 20 seconds.
loses_nothing() {
	local round
	noisy "$(memdev mem 16)" 16
	table t "$(line "g 2 iops-total 200")"
	starving fio --name=load --filename=/dev/mapper/t --rw=randrw --bs=4k --direct=1 --ioengine=libaio \
		--iodepth=32 --size=16m --verify=crc32c --verify_backlog=64 --time_based --runtime=20 \
		--output=fio.log &
	eventually 60 is_well_under_way t
	order_failures 10
	for round in 1 2 3 4 5; do
		dmsetup message t 0 limits iops-total $((round * 30))
		sleep 1
		reload t "$(line "g 2 iops-total 200")"
	done
	wait $! || { cat fio.log && return 1; }
	echo 0 >"$SLAB"/probability
	echo "$(failures) allocations failed"
	[ "$(failures)" -gt 100 ] || { echo "only $(failures) allocations failed" && return 1; }
	same "waiting" "0 0" "$(dmsetup status t | cut -d' ' -f5,12)"
	same "in flight" "0 0" "$(xargs <"$(sysfs t)/inflight")"
}
is_well_under_way() { [ "$(awk '{ print $5 }' "$(sysfs "$1")/stat")" -gt 200 ]; }
it "loses no request when allocations fail" loses_nothing

# Each allocation on the way fails once, and what was made before it is taken apart again.
refuses_whole() {
	local seen
	program starve starve.c
	table t "$(line "g 2 iops-total 2000")"
	echo N >"$SLAB"/ignore-gfp-wait
	echo 0 >"$SLAB"/verbose
	echo "$ORDERED" >"$SLAB"/times
	seen=$(./starve load t "$(line "new 2 iops-total 5")")
	[ "$seen" -gt 10 ] || { echo "a table needs more than $seen allocations" && return 1; }
	test ! -e "$CONFIG"/new
	seen=$(./starve mkdir "$CONFIG"/hand)
	[ "$seen" -gt 3 ] || { echo "a group needs more than $seen allocations" && return 1; }
	test ! -e "$CONFIG"/hand
	grep -qx iops-total=2000 "$CONFIG"/g/limits
	same "members" 1 "$(wc -l <"$CONFIG"/g/members)"
	dd if=/dev/mapper/t of=/dev/null bs=4k count=8 iflag=direct status=none
}
it "leaves nothing of a table or a group that could not be had" refuses_whole

finish
