#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a second processor brings: I/Os per second of two jobs, each pinned to a processor and
# with a device of its own, against those of one, for two dm-qthrottle devices in one group with
# no limit reached, as a fraction of what it brings two dm-linear devices. The group's lock is
# all that the jobs share.
#
# This needs two processors that run at the same time, so it is measured by the machine's own
# clock, on a machine that does nothing else: by name only. Whatever else the machine does comes
# and goes over seconds, so each sample is put together from many short turns of both subjects,
# and what disturbs one disturbs the other.
# bench: by name
# bench: lane smp
# bench: seconds 900
# shellcheck source=../guest.sh
. ./guest.sh

UNIT="fraction of dm-linear's gain from a second processor"
ROUNDS=9
TURNS=12
SECONDS_EACH=0.4

for cpu in 0 1; do
	LOWER[cpu]=$(nulldev "lower$cpu" 64 submit_queues=2)
	SECTORS=$(sectors "${LOWER[cpu]}")
	table "linear$cpu" "linear ${LOWER[cpu]} 0" >/dev/null
	table "qthrottle$cpu" "qthrottle ${LOWER[cpu]} 0 one 2 iops-total 1000000000" >/dev/null
done

job() { # job SUBJECT CPU
	taskset -c "$2" ./load --skip 0.1 --seconds $SECONDS_EACH "/dev/mapper/$1$2" >"/tmp/job$2"
}

# rate_of CPU: the I/Os per second of its last job, in RATE
rate_of() {
	[[ $(<"/tmp/job$1") =~ \"rate\":([0-9]+) ]]
	RATE=${BASH_REMATCH[1]}
}

# turn SUBJECT CPU: adds what a job has alone, on that processor, and what two have
turn() {
	local cpu
	job "$1" "$2"
	rate_of "$2"
	ALONE[$1]=$((${ALONE[$1]:-0} + RATE))
	job "$1" 0 &
	job "$1" 1 &
	wait
	for cpu in 0 1; do
		rate_of $cpu
		BOTH[$1]=$((${BOTH[$1]:-0} + RATE))
	done
}

# gain SUBJECT: how many times one job's rate two have
gain() { calc "${BOTH[$1]} / ${ALONE[$1]}"; }

take_turns() {
	local i
	declare -gA ALONE=() BOTH=()
	for ((i = 0; i < TURNS; i += 2)); do
		turn linear 0 && turn qthrottle 0
		turn qthrottle 1 && turn linear 1
	done
}

for ((round = 0; round <= ROUNDS; round++)); do
	take_turns
	[ $round != 0 ] || continue
	note "linear: $((ALONE[linear] / TURNS)) alone, $((BOTH[linear] / TURNS)) both;" \
		"qthrottle: $((ALONE[qthrottle] / TURNS)), $((BOTH[qthrottle] / TURNS))"
	sample qthrottle '"jobs":2,"lane":"smp"' "$UNIT" "$(calc "$(gain qthrottle) / $(gain linear)")" "\"linear\":$(gain linear)"
done
