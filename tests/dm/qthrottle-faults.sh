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

# Only in processes that say so, or nothing would start; also where the caller may sleep.
order_failures() { # order_failures PERCENT
	echo Y >"$SLAB"/task-filter
	echo N >"$SLAB"/ignore-gfp-wait
	echo 1 >"$SLAB"/interval
	echo 0 >"$SLAB"/verbose
	echo 1000000 >"$SLAB"/times
	echo "$1" >"$SLAB"/probability
}

failures() { echo $((1000000 - $(cat "$SLAB"/times))); }

# short_of_memory CMD...: its allocations may fail
short_of_memory() { (echo 1 >/proc/self/make-it-fail && exec "$@"); }

line() { echo "0 $SECTORS qthrottle $(memdev mem 16) 0 $1"; }

# The device below has all its pages from the beginning: what fails is dm's and ours.
fill() { dd if=/dev/urandom of="$(memdev mem 16)" bs=1M count=16 oflag=direct status=none; }

waits() { [ "$(dmsetup status t | cut -d' ' -f12)" -gt "$1" ]; } # waits MORE-THAN

# A failed io_submit is said to fio, which tries again; one accepted is verified.
loses_nothing() {
	local round
	fill
	table t "$(line "g 2 iops-total 2000")"
	order_failures 10
	short_of_memory fio --name=load --filename=/dev/mapper/t --rw=randrw --bs=4k --direct=1 \
		--ioengine=libaio --iodepth=32 --size=8m --verify=crc32c --verify_backlog=64 \
		--time_based --runtime=12 --output=fio.log &
	for round in 1 2 3 4 5 6; do
		short_of_memory dmsetup message t 0 limits iops-total $((round * 1000)) || true
		short_of_memory dmsetup reload t --table "$(line "g 2 iops-total 3000")" || true
		dmsetup resume t
		short_of_memory dmsetup suspend t || true
		dmsetup resume t
	done
	wait $! || { cat fio.log && return 1; }
	echo 0 >"$SLAB"/probability
	[ "$(failures)" -gt 20 ] || { echo "only $(failures) allocations failed" && return 1; }
	same "waiting" "0 0" "$(dmsetup status t | cut -d' ' -f5,12)"
	same "in flight" "0 0" "$(xargs <"$(sysfs t)/inflight")"
}
it "loses no request when allocations fail" loses_nothing

# What the line wants is taken apart again wherever it stops.
refuses_whole() {
	local failed=0 made=0 round
	table other "$(line "g 2 iops-total 2000")"
	order_failures 3
	for ((round = 0; round < 40; round++)); do
		if short_of_memory dmsetup create t --table "$(line "new 2 iops-total 5")" 2>/dev/null; then
			made=$((made + 1))
			dmsetup remove t
		else
			failed=$((failed + 1))
			dmsetup remove t 2>/dev/null || true
		fi
		test ! -e "$CONFIG"/new
		short_of_memory mkdir "$CONFIG"/hand 2>/dev/null || failed=$((failed + 1))
		[ ! -d "$CONFIG"/hand ] || rmdir "$CONFIG"/hand
	done
	echo 0 >"$SLAB"/probability
	[ "$failed" -gt 3 ] || { echo "$made made, only $failed failed" && return 1; }
	grep -qx iops-total=2000 "$CONFIG"/g/limits
	same "members" 1 "$(wc -l <"$CONFIG"/g/members)"
}
it "leaves nothing of a line or a group that could not be had" refuses_whole

finish
