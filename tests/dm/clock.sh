#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the deterministic lane is for: two runs of the same work take the same guest time,
# whatever else the host is doing.
. ./lib.sh
needs_lane icount

clock_repeats() {
	local dev first second
	dev=$(memdev a 16)
	measure "$dev" >/dev/null
	first=$(measure "$dev") second=$(measure "$dev")
	echo "$first $second"
	[ "$first" -gt 0 ]
	[ $(((first - second) * (first - second) * 10000)) -le $((first * first)) ]
}
measure() {
	fio --name=t --filename="$1" --size=4M --rw=randread --bs=4k --direct=1 --ioengine=libaio --iodepth=16 \
		--number_ios=20000 --io_size=80M --randseed=1 --output-format=json | jq '.jobs[0].read.iops | floor'
}
it "measures the same rate twice within one per cent" clock_repeats

finish
