#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How long a manager waits for the alarm: from just before the write that crosses the threshold
# to the uevent in user space, p99 of 300 crossings. Alone; beside a udevd that handles each event,
# too, and competes for the only processor; and beside it with real-time priority, which managers
# of storage mostly give themselves.
# bench: seconds 600
# shellcheck disable=SC2034
KEEP_UDEV=1
# shellcheck source=../guest.sh
. ./guest.sh

UNIT="milliseconds of guest time, p99"
COUNT=${COUNT:-300}

lower=$(nulldev lower 64)
SECTORS=$(sectors "$lower")

percentiles() {
	sort -n | awk '{ v[NR] = $1 } END { printf "%.6f %.6f %.6f", v[int(NR * 0.5) + 1] / 1e6, v[int(NR * 0.99) + 1] / 1e6, v[NR] / 1e6 }'
}

latency() { # latency LISTENERS [COMMAND...]
	local got
	table crossed "wthreshold $lower 0 4096 2 rearm 4096" >/dev/null
	"${@:2}" ./crossings /dev/mapper/crossed "$COUNT" >/tmp/latencies
	read -ra got <<<"$(percentiles </tmp/latencies)"
	note "$1: p50 ${got[0]}, p99 ${got[1]}, longest ${got[2]} ms"
	sample wthreshold "\"listeners\":\"$1\"" "$UNIT" "${got[1]}"
	dmsetup remove crossed
}

latency beside-udevd
latency real-time-beside-udevd chrt --fifo 1
udevadm settle
udevadm control --exit
rm -f /run/udev/control
export DM_DISABLE_UDEV=1
latency alone
