#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How far the background copy is from the speed that was set: per cent of it, absolute. The
# bytes that the status shows are read 2 s after the insertion and again 30 s later, both with
# the time at which they were read. The origin is 8 GiB of null_blk and is not written to.
# bench: by name
# bench: seconds 900
# shellcheck source=../guest.sh
. ./guest.sh

UNIT="per cent of the speed, absolute"
MIB=8192
ORIGIN=$(nulldev origin $MIB)
TARGET=$(nulldev target $MIB)
SECTORS=$(sectors "$ORIGIN")

# look: sets BYTES done AT a time in microseconds
look() {
	local words
	read -ra words < <(dmsetup status backup)
	AT=${EPOCHREALTIME/./}
	BYTES=${words[5]%/*}
}

try() {
	local speed=$(($1 << 20)) at bytes
	table backup "backupcow $ORIGIN 0 $TARGET 0 128 2 speed $speed" >/dev/null
	sleep 2
	look
	at=$AT bytes=$BYTES
	sleep 30
	look
	note "$1 MiB/s: $((BYTES - bytes)) bytes in $((AT - at)) us"
	dmsetup remove backup
	sample backupcow "\"speed\":$speed" "$UNIT" \
		"$(calc "sqrt((($BYTES - $bytes) * 1e6 / ($AT - $at) / $speed - 1) ^ 2) * 100")"
}

for ((round = 0; round < ROUNDS; round++)); do
	for mib in 1 10 100; do
		try $mib
	done
done
