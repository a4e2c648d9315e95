#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How long I/O stands still when block-insert-node puts a throttle under a device under load,
# against a bare "dmsetup resume" of a new linear table of the same device; and at its removal.
# A load keeps 8 reads of a millisecond in flight; the pause is the longest time without any
# completion in the second in which the change is made. The changes take turns, with rounds in
# which nothing is changed: what the pause is by chance.
# By the machine's own clock, so on a machine that does nothing else: by name only.
# bench: by name
# bench: lane smp
# bench: seconds 900
# shellcheck disable=SC2034
ROUNDS=${ROUNDS:-15}
# shellcheck source=../guest.sh
. ./guest.sh

UNIT="milliseconds without a completion"
SLOW=(irqmode=2 completion_nsec=1000000)

qmp() { qdm exec "{'execute': '$1', 'arguments': {$2}}" >/dev/null; }
edge="'parent': 'vol', 'child': 'vol', 'node': 'thr'"

nothing() { :; }
resume() {
	dmsetup load vol --table "0 $SECTORS linear ${lowers[turn]} 0"
	dmsetup resume vol
}
insert() { qmp block-insert-node "$edge"; }
remove() { qmp block-remove-node "$edge"; }

# pause CHANGE: sets PAUSE, in nanoseconds, and notes a sample
pause() {
	local load
	./load --engine libaio --depth 8 --seconds 1 --stamps /tmp/stamps /dev/mapper/vol >/dev/null &
	load=$!
	sleep 0.4
	"$1"
	wait $load
	PAUSE=$(awk '{ if (NR > 1 && $2 - last > most) most = $2 - last; last = $2 } END { print most }' /tmp/stamps)
	[ $round = 0 ] || sample "$1" '"what":"pause"' "$UNIT" "$(calc "$PAUSE / 1000000")"
}

lowers=("$(nulldev one 64 "${SLOW[@]}")" "$(nulldev two 64 "${SLOW[@]}")")
SECTORS=$(sectors "${lowers[0]}")
table vol "linear ${lowers[0]} 0" >/dev/null
qmp object-add "'qom-type': 'throttle-group', 'id': 'g', 'limits': {'iops-total': 1000000}"
for ((round = 0; round <= ROUNDS; round++)); do
	turn=$(((round + 1) % 2))
	pause nothing
	pause resume
	bare=$PAUSE
	qmp blockdev-add "'driver': 'throttle', 'node-name': 'thr', 'throttle-group': 'g', 'file': 'vol'"
	pause insert
	[ $round = 0 ] || sample insert '"what":"ratio"' "times that of the resume in the same round" "$(calc "$PAUSE / $bare")"
	pause remove
	[ $round = 0 ] || sample remove '"what":"ratio"' "times that of the resume in the same round" "$(calc "$PAUSE / $bare")"
	qmp blockdev-del "'node-name': 'thr'"
done
note "$ROUNDS rounds"
