#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a request costs that waits for its turn, by how many members of the group have some
# waiting: guest instructions at work per 4 KiB read, all in all. Each line of a table is a
# member of its own, so one device has them all; what is in flight and the limit are the same
# for any number of them.
# bench: seconds 900
# shellcheck source=../guest.sh
. ./guest.sh

UNIT="guest instructions per read of a full group"
DEPTH=2000
LIMIT=10000
ALL=8000 # sectors

LOWER=$(nulldev lower 64)

# lines NUMBER: the table of a device with so many members
lines() {
	local i len=$((ALL / $1))
	for ((i = 0; i < $1; i++)); do
		echo "$((i * len)) $len qthrottle $LOWER $((i * len)) full 2 iops-total $LIMIT"
	done
}

# try NUMBER: COST is what a read costs with so many members
try() {
	lines "$1" | dmsetup create "of$1"
	measure --order random --depth $DEPTH --skip 0.5 --seconds 1.5 "/dev/mapper/of$1"
	COST=$(((NS - IDLE_NS) / IOS))
	dmsetup remove "of$1"
}

for ((round = 0; round < ROUNDS; round++)); do
	for members in 10 100 1000; do
		try $members
		[ $members != 10 ] || few=$COST
		sample qthrottle "\"members\":$members" "$UNIT" "$COST"
		note "$members members: $COST"
	done
	sample qthrottle '"members":"1000 against 10"' ratio "$(calc "$COST / $few")"
done
