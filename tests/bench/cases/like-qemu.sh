#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Whether dm-qthrottle lets through what QEMU's throttle does, and when. Both get the same
# limits and the same load: 32 I/Os always waiting for some seconds, a rest in which the bucket
# leaks, and the same again. What is judged is the amount let through up to the end of every
# 100 ms: the largest difference, in per cent of all that was let through. The two amounts over
# time are drawn one over the other.
# bench: seconds 900
# shellcheck source=../guest.sh
. ./guest.sh

UNIT="per cent of the whole, largest difference to QEMU"
BUSY=6
REST=4

LOWER=$(nulldev lower 64)
SECTORS=$(sectors "$LOWER")

# load_twice DEVICE FILE BS: both runs begin on time, so that their stamps can be put together
load_twice() {
	local begin
	begin=$(awk '{ print $1 + 1 }' /proc/uptime)
	./load --start "$begin" --seconds $BUSY --bs "$3" --stamps /tmp/first "$1" >/dev/null
	./load --start "$(calc "$begin + $BUSY + $REST")" --seconds $BUSY --bs "$3" --stamps /tmp/second "$1" >/dev/null
	{ cat /tmp/first && awk -v later=$((BUSY + REST)) '{ printf "%d %d\n", $1 + later * 1e9, $2 + later * 1e9 }' /tmp/second; } >"$2"
}

# Those still in flight at the end were waited for, and are not stamped.
per_100ms() {
	awk -v end=$(((2 * BUSY + REST) * 10)) -v bs="$2" '
		{ n[int($2 / 1e8)] += bs }
		END { for (i = 0; i < end; i++) print n[i] + 0 }' "$1"
}

# judge FILE: time, ours, QEMU's in columns
judge() {
	awk 'NR > 1 { a += $2; b += $3; d = a > b ? a - b : b - a; if (d > most) most = d }
		END { printf "%.6f %d %d", most * 100 / b, a, b }' "$1"
}

# try NAME UNITS BS LIMIT=VALUE...
try() {
	local name=$1 units=$2 bs=$3 words got pair
	shift 3
	words=$(for pair; do echo "${pair%%=*} ${pair#*=}"; done | xargs)
	dmsetup create ours --table "0 $SECTORS qthrottle $LOWER 0 - $(($# * 2)) $words"
	load_twice /dev/mapper/ours /tmp/ours "$bs"
	dmsetup remove ours
	load_twice "$(qemu_throttle "$LOWER" "$@")" /tmp/qemu "$bs"
	qemu_throttle_ends
	{
		printf 'seconds\tdm-qthrottle\tQEMU\n'
		paste <(seq 0 0.1 $((2 * BUSY + REST)) | head -n $(((2 * BUSY + REST) * 10))) \
			<(per_100ms /tmp/ours "$units") <(per_100ms /tmp/qemu "$units")
	} >"$OUT/like-qemu-$name.curves"
	read -ra got <<<"$(judge "$OUT/like-qemu-$name.curves")"
	note "$name: let through ${got[1]}, by QEMU ${got[2]}, at most ${got[0]} % apart"
	sample qthrottle "\"limits\":\"$words\",\"bs\":$bs" "$UNIT" "${got[0]}"
}

try iops 1 4096 iops-total=200
try burst 1 4096 iops-total=100 iops-total-max=500 iops-total-max-length=2
try pool 1 4096 iops-total=100 iops-total-max=600
try bytes 16384 16384 bps-total=4194304 bps-total-max=8388608 bps-total-max-length=3
try size 1 16384 iops-total=800 iops-size=6000
