#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a full copy in the background does to those who write meanwhile: p99 of the latency of
# 4 KiB random writes, 32 in flight, while the copy runs, as a multiple of dm-linear's on the
# same device. All of it is at the beginning of a copy of 32 GiB, so nearly all writes are first
# writes. Devices:
#   instant   null_blk that answers at once: the processor is the limit
#   100us     answers after 100 microseconds, as an SSD. A first write is then three I/Os one
#             after the other, and two with write-behind (policy break-snapshot)
# bench: by name
# bench: seconds 900
# shellcheck source=../guest.sh
. ./guest.sh

UNIT="times the p99 write latency without a job"
MIB=32768
SLOW=(irqmode=2 completion_nsec=100000)

# over LINE: P99 of writes over that table, and its STATUS after them
over() {
	table mine "$1" >/dev/null
	p99 --engine libaio --op write /dev/mapper/mine
	STATUS=$(dmsetup status mine)
	dmsetup remove mine
}

try() {
	local device=$1 cluster=$2 policy=$3 origin=$4 target=$5 base
	over "linear $origin 0"
	base=$P99
	over "backupcow $origin 0 $target 0 $((cluster / 512)) 2 on-cbw-error $policy"
	note "$device, cluster $cluster, $policy: $base without, $P99 with; $STATUS"
	[[ $STATUS == *" running "* ]] || { echo "the copy has ended before the load" >&2 && return 1; }
	sample backupcow "\"cluster\":$cluster,\"device\":\"$device\",\"policy\":\"$policy\"" "$UNIT" \
		"$(calc "$P99 / $base")" "\"p99_ns\":$P99"
}

origin=$(nulldev origin $MIB)
target=$(nulldev target $MIB)
slow_origin=$(nulldev slow-origin $MIB "${SLOW[@]}")
slow_target=$(nulldev slow-target $MIB "${SLOW[@]}")
SECTORS=$(sectors "$origin")
for ((round = 0; round < ROUNDS; round++)); do
	for cluster in 4096 65536; do
		try instant $cluster break-guest-write "$origin" "$target"
		try 100us $cluster break-guest-write "$slow_origin" "$slow_target"
		try 100us $cluster break-snapshot "$slow_origin" "$slow_target"
	done
done
