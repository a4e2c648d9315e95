#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How long a client waits for query-named-block-nodes where there are 100 nodes: 25 stacks of a
# linear device, a throttle in a group, a write threshold and a throttle of its own. Beside it
# the same with query-version, which asks the kernel nothing: what the way there and back costs.
# By the machine's own clock, so other work on the machine is in the figure: by name only.
# bench: by name
# bench: lane smp
# shellcheck source=../guest.sh
. ./guest.sh

UNIT="milliseconds from the command to the end of its answer"
SOCKET=/run/qdm/bench.sock
ASKED=${ASKED:-51}

stack() { # stack NUMBER
	local disk=$1
	dmsetup create "d$1" --table "0 2048 linear $lower $((disk * 2048))"
	dmsetup create "t$1" --uuid "QDM-throttle-t$1" --table "0 2048 qthrottle /dev/mapper/d$1 0 g$((disk % 5))"
	dmsetup create "w$1" --uuid "QDM-threshold-w$1" --table "0 2048 wthreshold /dev/mapper/t$1 0 1048576"
	dmsetup create "u$1" --uuid "QDM-throttle-u$1" --table "0 2048 qthrottle /dev/mapper/w$1 0 - 2 iops-total 1000"
}

ask() { # ask COMMAND
	local got
	./asker "$SOCKET" "$1" "$ASKED" >/tmp/answers
	# The first answer finds cold caches and is thrown away.
	got=$(tail -n +2 /tmp/answers | sort -n | awk '{ v[NR] = $1 / 1e6; bytes = $2 } END {
		printf "%.3f %.3f %.3f %d", v[int((NR + 1) / 2)], v[int(NR * 0.9)], v[NR], bytes }')
	read -ra got <<<"$got"
	note "$1: median ${got[0]}, p90 ${got[1]}, longest ${got[2]} ms; ${got[3]} bytes"
	sample qdm "\"command\":\"$1\"" "$UNIT" "${got[0]}" "\"p90\":${got[1]},\"longest\":${got[2]},\"bytes\":${got[3]}"
}

lower=$(nulldev lower 64)
for ((i = 0; i < 25; i++)); do stack $i; done
[ "$(dmsetup ls | wc -l)" = 100 ]
mkdir -p /run/qdm
qdm qmp --socket $SOCKET &
server=$!
until [ -S $SOCKET ]; do sleep 0.1; done
for ((round = 0; round < ROUNDS; round++)); do
	ask query-named-block-nodes
	ask query-version
done
awk '/^(utime|stime)/ || NR == 1 { printf "server: %.2f s in user space, %.2f s in the kernel\n", $14 / 100, $15 / 100 }' /proc/$server/stat
kill $server
wait $server
