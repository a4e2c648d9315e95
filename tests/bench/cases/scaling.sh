#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a second processor brings: I/Os per second of two jobs, each pinned to a processor and
# with a device of its own, against those of one, for two dm-qthrottle devices in one group with
# no limit reached, as a fraction of what it brings two dm-linear devices. The group's lock is
# all that the jobs share.
#
# This needs two processors that run at the same time, so it is measured by the machine's own
# clock, on a machine that does nothing else: by name only.
# bench: by name
# bench: lane smp
# bench: seconds 900
# shellcheck source=../guest.sh
. ./guest.sh

UNIT="fraction of dm-linear's gain from a second processor"
ROUNDS=7
SECONDS_EACH=2

for cpu in 0 1; do
	LOWER[cpu]=$(nulldev "lower$cpu" 64 submit_queues=2)
	SECTORS=$(sectors "${LOWER[cpu]}")
	table "linear$cpu" "linear ${LOWER[cpu]} 0" >/dev/null
	table "qthrottle$cpu" "qthrottle ${LOWER[cpu]} 0 one 2 iops-total 1000000000" >/dev/null
done

job() { # job SUBJECT CPU
	taskset -c "$2" ./load --skip 0.5 --seconds $SECONDS_EACH "/dev/mapper/$1$2" >"/tmp/job$2"
}

rate_of() {
	[[ $(<"/tmp/job$1") =~ \"rate\":([0-9]+) ]]
	RATE=${BASH_REMATCH[1]}
}

# gain SUBJECT: thousandths of one job's rate that two have, in GAIN
gain() {
	local alone both=0 cpu
	job "$1" 0
	rate_of 0
	alone=$RATE
	job "$1" 0 &
	job "$1" 1 &
	wait
	for cpu in 0 1; do
		rate_of $cpu
		both=$((both + RATE))
	done
	GAIN=$((both * 1000 / alone))
	note "$1: $alone alone, $both both"
}

for ((round = 0; round <= ROUNDS; round++)); do
	gain linear
	linear=$GAIN
	gain qthrottle
	[ $round != 0 ] || continue
	sample qthrottle '"jobs":2,"lane":"smp"' "$UNIT" "$(calc "$GAIN / $linear")" "\"linear\":$(thousandths "$linear")"
done
