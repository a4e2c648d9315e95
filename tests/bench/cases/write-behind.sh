#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What writers wait for when the target is slow: p99 of the latency of 2,000 first writes, 4 KiB
# each, one per cluster of 64 KiB, 4 in flight, as a multiple of dm-linear's. The origin answers
# after 100 microseconds, the target after 100 ms. With policy break-snapshot the copies wait in
# memory (a job alone may hold 32 MiB; each copy 64 KiB: 500 fit, and then writers wait for the
# target), with break-guest-write every writer waits for the target. "within" is the part that
# fits, "beyond" all of it. Beside it dm-snapshot, and what is the least that it can cost: over
# dm-linear a read of 64 KiB, and the write when that is done.
# bench: by name
# bench: seconds 900
# shellcheck source=../guest.sh
. ./guest.sh

UNIT="times the p99 write latency without a job"
MIB=256
ORIGIN=$(nulldev origin $MIB irqmode=2 completion_nsec=100000)
STORE=$(nulldev store $((MIB * 2)))
SECTORS=$(sectors "$ORIGIN")
modprobe -a dm-delay dm-snapshot

# latency COUNT [OPTION...]: P99 of that many first writes on "mine", which is then removed
latency() {
	local nr=$1
	./load --engine libaio --op write --order shuffled --stride 65536 --depth 4 --count "$nr" --stamps /tmp/stamps "${@:2}" \
		/dev/mapper/mine >/dev/null
	P99=$(awk '{ print $2 - $1 }' /tmp/stamps | sort -n | sed -n "$((nr * 99 / 100))p")
	dmsetup remove --retry mine
}

try() {
	local subject=$1 part=$2 policy=${3:-}
	sample "$subject" "\"part\":\"$part\"${policy:+,\"policy\":\"$policy\"}" "$UNIT" "$(calc "$P99 / $BASE")" "\"p99_ns\":$P99"
	note "$*: $BASE without, $P99 with"
}

for ((round = 0; round < ROUNDS; round++)); do
	dmsetup create slow --table "0 $((SECTORS * 2)) delay $STORE 0 0 $STORE 0 100"
	table mine "linear $ORIGIN 0" >/dev/null
	latency 2000
	BASE=$P99
	table mine "linear $ORIGIN 0" >/dev/null
	latency 400 --before 65536
	try read-then-write within
	table mine "backupcow $ORIGIN 0 /dev/mapper/slow 0 128 4 sync none on-cbw-error break-snapshot" >/dev/null
	latency 400
	try backupcow within break-snapshot
	table mine "backupcow $ORIGIN 0 /dev/mapper/slow 0 128 4 sync none on-cbw-error break-snapshot" >/dev/null
	latency 2000
	try backupcow beyond break-snapshot
	table mine "backupcow $ORIGIN 0 /dev/mapper/slow 0 128 2 sync none" >/dev/null
	latency 400
	try backupcow within break-guest-write
	dmsetup create snap --table "0 $SECTORS snapshot $ORIGIN /dev/mapper/slow N 128"
	table mine "snapshot-origin $ORIGIN" >/dev/null
	latency 400
	try dm-snapshot-N within
	dmsetup remove snap
	dmsetup remove --retry slow
done
