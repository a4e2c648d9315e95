#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Whether a burst is as large and as long as QEMU's rules make it: I/Os done at the end of the
# burst, and in the 10 s after it, against the formula; the larger error in per cent.
#
# With I/Os always waiting, those done by time t are one more than what fits in the buckets:
# 1 + min(max * length + avg * t, max / 10 + max * t), where the second is there only with a
# length above 1. The burst ends where the two meet. Both instants are set half an I/O after
# one is due, so that neither answer depends on a microsecond.
# bench: seconds 900
# shellcheck source=../guest.sh
. ./guest.sh

UNIT="per cent off QEMU's formula, absolute"

LOWER=$(nulldev lower 64)
SECTORS=$(sectors "$LOWER")

judge() {
	awk -v avg="$1" -v max="$2" -v length_="$3" '
		function done_by(t,   n, m) {
			n = max * length_ + avg * t; m = max / 10 + max * t
			if (length_ > 1 && m < n) n = m
			return 1 + int(n)
		}
		function between(t,   n) {
			n = int(max * length_ + avg * t) + 1.5
			return (n - max * length_) / avg
		}
		function off(got, want) { return got > want ? (got / want - 1) * 100 : (1 - got / want) * 100 }
		BEGIN {
			end = length_ > 1 ? between((max * length_ - max / 10) / (max - avg)) : between(0.5)
			after = between(end + 10)
		}
		$2 <= end * 1e9 { a++ }
		$2 <= after * 1e9 { b++ }
		END {
			x = off(a, done_by(end)); y = off(b - a, done_by(after) - done_by(end))
			printf "%d %d %d %d %.6f", a, done_by(end), b - a, done_by(after) - done_by(end), (x > y ? x : y)
		}' "$4"
}

# The rate in each half second and the level of the bucket at its end, for a picture.
curves() {
	awk -v avg="$1" -v size="$(($2 * $3))" -v end="$5" '
		BEGIN { printf "seconds\toperations per second\tlevel of the bucket (right)\n" }
		{ n[int($2 / 5e8)]++ }
		END { for (i = 0; i < end * 2; i++) {
			level += n[i] - avg / 2
			level = level < 0 ? 0 : level > size ? size : level
			printf "%.1f\t%d\t%d\n", i / 2, n[i] * 2, level } }' "$4"
}

try() {
	local avg=$1 max=$2 length=$3 got
	dmsetup create limited --table "0 $SECTORS qthrottle $LOWER 0 - 6 iops-total $avg iops-total-max $max iops-total-max-length $length"
	./load --skip 0 --seconds "$4" --stamps /tmp/stamps /dev/mapper/limited >/dev/null
	dmsetup remove limited
	read -ra got <<<"$(judge "$avg" "$max" "$length" /tmp/stamps)"
	note "avg $avg max $max length $length: in the burst ${got[0]} of ${got[1]}, after it ${got[2]} of ${got[3]}"
	curves "$avg" "$max" "$length" /tmp/stamps "$4" >"$OUT/burst-$avg-$max-$length.curves"
	sample qthrottle "\"avg\":$avg,\"max\":$max,\"length\":$length" "$UNIT" "${got[4]}"
}

try 100 700 4 16
try 100 2000 10 22
try 1000 5000 1 12
try 500 1000 20 52
