#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How many times the I/Os per second of QEMU's throttle exported over NBD go through
# dm-qthrottle on the same device, when no limit is reached: 4 KiB random reads, 32 in flight.
# dm-linear beside it says what there was to be had.
# bench: seconds 900
# shellcheck source=../guest.sh
. ./guest.sh

UNIT="times QEMU's throttle over NBD"
LIMIT=1000000000

LOWER=$(nulldev lower 64)
SECTORS=$(sectors "$LOWER")
OURS=$(table ours "qthrottle $LOWER 0 - 2 iops-total $LIMIT")
LINEAR=$(table plain "linear $LOWER 0")
QEMUS=$(qemu_throttle "$LOWER" iops-total=$LIMIT)

rate() { measure --count "$2" --warm 500 "$1"; }

for ((round = 0; round <= ROUNDS; round++)); do
	rate "$QEMUS" 4000
	qemu=$RATE
	rate "$OURS" 20000
	ours=$RATE
	rate "$LINEAR" 20000
	note "I/Os per second: QEMU $qemu, dm-qthrottle $ours, dm-linear $RATE"
	[ $round != 0 ] || continue
	sample qthrottle '"op":"read"' "$UNIT" "$(calc "$ours / $qemu")" "\"measured\":$ours"
	sample linear '"op":"read"' "$UNIT" "$(calc "$RATE / $qemu")" "\"measured\":$RATE"
done
qemu_throttle_ends
