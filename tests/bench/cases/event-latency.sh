#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How long a manager waits for the alarm: from just before the write that crosses the threshold
# to the uevent in user space, p99 of 300 crossings. udevd runs and handles each event too; it
# competes for the only processor, as it would on a small machine.
# bench: by name
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

table crossed "wthreshold $lower 0 4096 2 rearm 4096" >/dev/null
udevadm settle
./crossings /dev/mapper/crossed "$COUNT" >/tmp/latencies
read -ra got <<<"$(percentiles </tmp/latencies)"
note "p50 ${got[0]}, p99 ${got[1]}, longest ${got[2]} ms"
sample wthreshold '' "$UNIT" "${got[1]}"
