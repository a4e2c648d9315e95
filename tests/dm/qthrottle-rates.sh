#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Rates, bursts and shares, to a fraction of a per cent. That needs a clock
# that no other machine load can bend, so these run in the deterministic lane
# only, where guest time is counted in instructions.

. ./lib.sh
needs_lane icount
without_udev

# count NAME: COUNT requests have completed at TIME, in microseconds; no process is started
# in between, as that would take time
count() {
	local -a stat
	local file
	file=$(sysfs "$1")/stat
	TIME=${EPOCHREALTIME/./}
	read -ra stat <"$file"
	READS=${stat[0]} WRITES=${stat[4]}
	COUNT=$((READS + WRITES))
}

has_done_more() { # has_done_more NAME COUNT
	count "$1"
	[ "$COUNT" -gt "$2" ]
}

# saturate NAME SECONDS [FIO OPTION...]: and is back when the first request is done. Here
# guest time flies while the host reads a program from its disk.
saturate() {
	local name=$1 seconds=$2 pid
	shift 2
	count "$name"
	fio --name=s --filename="/dev/mapper/$name" --rw=randwrite --bs=4k \
		--direct=1 --ioengine=libaio --iodepth=8 --size=4m --time_based \
		--runtime="$seconds" --output="fio-$name.log" "$@" &
	pid=$!
	eventually 60 has_done_more "$name" "$COUNT"
	LOAD=$pid
}

within() { # within WHAT PERMILLE EXPECTED ACTUAL
	local off=$((($4 - $3) * 1000))
	[ "${off#-}" -le $(($2 * $3)) ] || {
		echo "$1: $4 is more than $2 per mille off $3"
		return 1
	}
}

holds_rate() { # holds_rate OPTIONS PER_SECOND [FIO OPTION...]
	local options=$1 expected=$2 before since
	shift 2
	table t "0 32768 qthrottle $(memdev mem 16) 0 - $options"
	saturate t 14 "$@"
	sleep 3
	count t
	before=$COUNT since=$TIME
	sleep 10
	count t
	within "requests in 10 s" 1 $((expected * (TIME - since) / 1000000)) $((COUNT - before))
	kill "$LOAD"
}
it "holds 100 operations a second to 0.1 per cent" holds_rate "2 iops-total 100" 100
it "holds 2,000 operations a second to 0.1 per cent" holds_rate "2 iops-write 2000" 2000
it "holds 1 MiB a second in 4 KiB writes to 0.1 per cent" holds_rate "2 bps-write 1048576" 256
it "holds 10 MiB a second in 64 KiB writes to 0.1 per cent" holds_rate "2 bps-total 10485760" 160 --bs=64k
it "counts a large request as several with iops-size" holds_rate "4 iops-total 1000 iops-size 4096" 250 --bs=16k

bursts() { # bursts AVG MAX LENGTH: QEMU's formula for what a burst lets through
	local avg=$1 max=$2 length=$3 before since expected
	table t "0 32768 qthrottle $(memdev mem 16) 0 - 6 iops-total $avg iops-total-max $max iops-total-max-length $length"
	count t
	before=$COUNT
	saturate t $((length * 3 + 4)) --iodepth=32
	since=$TIME
	sleep $((length * 2 + 2))
	count t
	expected=$((max * length + avg * (TIME - since) / 1000000))
	within "requests in burst and after" 10 "$expected" $((COUNT - before))
	kill "$LOAD"
}
it "lets a burst through as QEMU's formula says" bursts 100 700 4
it "lets a longer burst through likewise" bursts 50 200 10

shares() { # shares "WEIGHT..." PERMILLE: each member's part of one limit
	local -a weights
	local dev i n sum=0 total=0 before=()
	read -ra weights <<<"$1"
	dev=$(memdev mem 16)
	n=${#weights[@]}
	for ((i = 0; i < n; i++)); do
		table "m$i" "0 4096 qthrottle $dev $((i * 4096)) g 2 weight ${weights[i]}"
		sum=$((sum + weights[i]))
	done
	dmsetup message m0 0 limits iops-total 1000
	for ((i = 0; i < n; i++)); do
		saturate "m$i" 14 --size=2m --iodepth=$((i ? 8 : 80))
	done
	sleep 3
	for ((i = 0; i < n; i++)); do
		count "m$i"
		before[i]=$COUNT
	done
	sleep 10
	for ((i = 0; i < n; i++)); do
		count "m$i"
		before[i]=$((COUNT - before[i]))
		total=$((total + before[i]))
	done
	for ((i = 0; i < n; i++)); do
		within "share of member $i" "$2" $((total * weights[i] / sum)) "${before[i]}"
	done
	pkill fio
}
it "shares equally among four, whatever their queue depths" shares "100 100 100 100" 10
it "shares 1 to 2 to 4 by weight" shares "100 200 400" 10

directions() { # directions READ-DEPTH WRITE-DEPTH: neither starves
	local reads writes
	table t "0 32768 qthrottle $(memdev mem 16) 0 - 2 iops-total 1000"
	saturate t 9 --rw=randread --iodepth="$1"
	saturate t 9 --rw=randwrite --iodepth="$2"
	sleep 2
	count t
	reads=$READS writes=$WRITES
	sleep 6
	count t
	within reads 30 3000 $((READS - reads))
	within writes 30 3000 $((WRITES - writes))
	pkill fio
}
it "gives reads and writes half of a total each" directions 32 32
it "does so for one reader beside many writers" directions 1 32
it "does so for one writer beside many readers" directions 32 1

suspends_at_once() {
	local start
	table t "0 32768 qthrottle $(memdev mem 16) 0 - 2 bps-write 1"
	saturate t 30 --iodepth=512
	sleep 3
	start=$(awk '{print int($1 * 100)}' /proc/uptime)
	dmsetup suspend t
	dmsetup resume t
	test $(($(awk '{print int($1 * 100)}' /proc/uptime) - start)) -le 30
	dmsetup message t 0 limits bps-write 0
	kill "$LOAD"
}
it "suspends at once with 512 requests waiting at 1 byte a second" suspends_at_once

finish
