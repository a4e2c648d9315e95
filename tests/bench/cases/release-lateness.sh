#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How late an I/O that had to wait goes, p99 in microseconds of guest time. When each one was
# due is worked out from when all were submitted: it may go once the bucket, which leaks at the
# rate, holds no more than a tenth of a second of it. When it went is taken where the load sees
# it done: null_blk answers at once, so what is added is the way back to user space, and the true
# figure is somewhat smaller.
# bench: seconds 900
# shellcheck source=../guest.sh
. ./guest.sh

LOWER=$(nulldev lower 64)
SECTORS=$(sectors "$LOWER")

late() {
	sort -n -k1,1 -k2,2 "$2" | awk -v rate="$1" '
		{ at = $1 > at ? $1 : at
		  level -= rate * (at - before) / 1e9
		  if (level < 0)
			level = 0
		  waits = level > rate / 10
		  if (waits) {
			at += (level - rate / 10) * 1e9 / rate
			level = rate / 10
		  }
		  level++
		  before = at
		  if (waits)
			print int($2 - at) }' | sort -n |
		awk '{ v[NR] = $1 } END { printf "%.3f %.3f %.3f", v[int(NR * 0.5) + 1] / 1e3, v[int(NR * 0.99) + 1] / 1e3, v[NR] / 1e3 }'
}

try() {
	local rate=$1 got
	dmsetup create limited --table "0 $SECTORS qthrottle $LOWER 0 - 2 iops-total $rate"
	./load --skip 0 --seconds "$2" --stamps /tmp/stamps /dev/mapper/limited >/dev/null
	dmsetup remove limited
	read -ra got <<<"$(late "$rate" /tmp/stamps)"
	note "iops $rate: p50 ${got[0]}, p99 ${got[1]}, latest ${got[2]} microseconds"
	sample qthrottle "\"rate\":$rate" "microseconds of guest time, p99" "${got[1]}"
}

try 10 60
try 100 20
try 1000 5
try 10000 2
try 50000 1
