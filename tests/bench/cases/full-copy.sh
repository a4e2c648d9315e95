#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How fast a full background copy is: times the speed of "dd bs=1M" with direct I/O on both
# sides, over 1 GiB between null_blk devices without memory behind them. The copy's time is
# from its insertion to its event, and holds the making of the device and of the job.
# bench: by name
# bench: seconds 900
# shellcheck source=../guest.sh
. ./guest.sh

UNIT="times dd bs=1M direct"
MIB=1024

lower=$(nulldev lower $MIB)
target=$(nulldev target $MIB)
SECTORS=$(sectors "$lower")

microseconds() { echo "${EPOCHREALTIME/./}"; }

time_dd() {
	local start
	start=$(microseconds)
	dd if="$lower" of="$target" bs=1M count=$MIB iflag=direct oflag=direct status=none
	DD=$(($(microseconds) - start))
}

time_copy() {
	local start
	start=$(microseconds)
	dmsetup create backup --table "0 $SECTORS backupcow $lower 0 $target 0 $(($1 / 512)) 2 sync full"
	dmsetup wait backup 0
	COPY=$(($(microseconds) - start))
	STATUS=$(dmsetup status backup)
	dmsetup remove backup
}

for ((round = 0; round <= ROUNDS; round++)); do
	for cluster in 4096 65536; do
		time_dd
		time_copy $cluster
		note "cluster $cluster: dd $DD us, copy $COPY us, then: $STATUS"
		[ $round = 0 ] || sample backupcow "\"cluster\":$cluster" "$UNIT" "$(calc "$DD / $COPY")"
	done
done
