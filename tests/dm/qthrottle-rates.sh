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

# saturate NAME [FIO OPTION...]: until it is killed; and is back when the first request is done.
# Here guest time flies while the host reads a program from its disk, so nothing is measured
# beside a program that has yet to be read.
saturate() {
	local name=$1 pid
	shift
	count "$name"
	fio --name=s --filename="/dev/mapper/$name" --rw=randwrite --bs=4k \
		--direct=1 --ioengine=libaio --iodepth=8 --size=4m --time_based \
		--runtime=3600 --output="fio-$name.log" "$@" &
	pid=$!
	eventually 60 has_done_more "$name" "$COUNT"
	LOAD=$pid
}

# A request at each end of what is counted may be in it or not: that is the counting's own
# error. make bench CASE=rate-error counts from a request to a request.
within() { # within WHAT PERMILLE EXPECTED ACTUAL
	local off=$((($4 - $3) * 1000))
	[ "${off#-}" -le $(($2 * $3 + 2000)) ] || {
		echo "$1: $4 is more than $2 per mille and two off $3"
		return 1
	}
}

holds_rate() { # holds_rate OPTIONS PER_SECOND [FIO OPTION...]
	local options=$1 expected=$2 before since
	shift 2
	table t "0 32768 qthrottle $(memdev mem 16) 0 - $options"
	saturate t "$@"
	pause 3
	count t
	before=$COUNT since=$TIME
	pause 10
	count t
	within "requests in 10 s" 1 $((expected * (TIME - since) / 1000000)) $((COUNT - before))
	kill "$LOAD"
}
it "holds 100 operations a second to 0.1 per cent" holds_rate "2 iops-total 100" 100
it "holds 2,000 operations a second to 0.1 per cent" holds_rate "2 iops-write 2000" 2000
it "holds 1 MiB a second in 4 KiB writes to 0.1 per cent" holds_rate "2 bps-write 1048576" 256
it "holds 10 MiB a second in 64 KiB writes to 0.1 per cent" holds_rate "2 bps-total 10485760" 160 --bs=64k
it "counts a large request as several with iops-size" holds_rate "4 iops-total 1000 iops-size 4096" 250 --bs=16k

at_most() { # at_most WHAT MOST ACTUAL
	[ "$3" -le "$2" ] || { echo "$1: $3 is more than $2" && return 1; }
}
at_least() { # at_least WHAT LEAST ACTUAL
	[ "$3" -ge "$2" ] || { echo "$1: $3 is less than $2" && return 1; }
}

# went RATE: how many went since $before, and the most that can go at RATE since $since, with a
# tenth of a second's worth at once and the one that overflows it
went() {
	count t
	WENT=$((COUNT - before))
	MOST=$((12 + $1 * (TIME - since) / 1000000 + $1 / 10))
}

# What a suspend lets go is less than the limit here, so the rest makes it up.
loaded_again() { # loaded_again GROUP: by a table line again and again
	local before since round line
	line="0 16384 qthrottle $(memdev mem 16) 0 $1 2 iops-total 100"
	table t "$line"
	[ "$1" = - ] || table other "0 16384 qthrottle $(memdev mem 16) 16384 $1"
	saturate t --iodepth=4
	count t
	before=$COUNT since=$TIME
	for round in {1..40}; do
		reload t "$line"
		pause 0.1
	done
	went 100
	echo "$WENT went in $(((TIME - since) / 1000)) ms and 40 reloads, $MOST may"
	at_most "requests" "$MOST" "$WENT"
	at_least "requests" $((MOST * 9 / 10 - 22)) "$WENT"
	kill "$LOAD"
}
it "holds a limit whose line is loaded again and again" loaded_again -
it "holds one of a group likewise" loaded_again g

# What waits at each suspend is more than the limit: that is paid afterwards.
paid_later() { # paid_later GROUP
	local before since round line
	line="0 16384 qthrottle $(memdev mem 16) 0 $1 2 iops-total 100"
	table t "$line"
	[ "$1" = - ] || table other "0 16384 qthrottle $(memdev mem 16) 16384 $1"
	saturate t --iodepth=64
	count t
	before=$COUNT since=$TIME
	for round in {1..10}; do
		reload t "$line"
	done
	went 100
	echo "$WENT went in $(((TIME - since) / 1000)) ms and 10 reloads"
	at_least "requests let go" 500 "$WENT"
	pause 12
	went 100
	at_most "requests" "$MOST" "$WENT"
	at_least "requests" $((MOST - 22 - 64)) "$WENT"
	kill "$LOAD"
}
it "charges what a suspend lets go, more than a limit or not" paid_later -
it "charges it to a device of a group, too" paid_later g

# From one kind of group to the other and back: each time a new one, with empty buckets.
moved() {
	local before since round line dev
	dev=$(memdev mem 16)
	line="0 16384 qthrottle $dev 0 - 2 iops-total 100"
	table t "$line"
	saturate t --iodepth=4
	count t
	before=$COUNT since=$TIME
	for round in {1..20}; do
		reload t "0 16384 qthrottle $dev 0 g 2 iops-total 100"
		pause 0.1
		reload t "$line"
		pause 0.1
	done
	went 100
	echo "$WENT went in $(((TIME - since) / 1000)) ms and 40 reloads, $MOST may"
	at_most "requests" "$MOST" "$WENT"
	kill "$LOAD"
}
it "holds a limit of a device that changes its group again and again" moved

alternates() { # alternates LIMITS LIMITS: hundreds of times a second
	local before since round file=/sys/kernel/config/qthrottle/g/limits
	table t "0 32768 qthrottle $(memdev mem 16) 0 g 2 iops-total 100"
	saturate t --iodepth=32
	count t
	before=$COUNT since=$TIME
	for round in {1..1500}; do
		echo "$1" >"$file"
		echo "$2" >"$file"
	done
	went 101
	echo "$WENT went in $(((TIME - since) / 1000)) ms and 3000 changes, $((MOST + $3)) may"
	at_most "requests" $((MOST + $3)) "$WENT"
	at_least "requests" $((100 * (TIME - since) / 1000000 - 3)) "$WENT"
	kill "$LOAD"
}
it "holds the larger of two limits that alternate" alternates iops-total=100 iops-total=101 0
it "lets a burst through once, however often it comes and goes" alternates "iops-total-max=0" "iops-total-max=300" 300

bursts() { # bursts AVG MAX LENGTH: QEMU's formula for what a burst lets through
	local avg=$1 max=$2 length=$3 before since expected
	table t "0 32768 qthrottle $(memdev mem 16) 0 - 6 iops-total $avg iops-total-max $max iops-total-max-length $length"
	count t
	before=$COUNT
	saturate t --iodepth=32
	since=$TIME
	pause $((length * 2 + 2))
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
		saturate "m$i" --size=2m --iodepth=$((i ? 8 : 80))
	done
	pause 3
	for ((i = 0; i < n; i++)); do
		count "m$i"
		before[i]=$COUNT
	done
	pause 10
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
	saturate t --rw=randread --iodepth="$1"
	saturate t --rw=randwrite --iodepth="$2"
	pause 2
	count t
	reads=$READS writes=$WRITES
	pause 6
	count t
	within reads 30 3000 $((READS - reads))
	within writes 30 3000 $((WRITES - writes))
	pkill fio
}
it "gives reads and writes half of a total each" directions 32 32
it "does so for one reader beside many writers" directions 1 32
it "does so for one writer beside many readers" directions 32 1

# Of a program that is started nobody knows when its first request comes.
has_trimmed() {
	local -a stat
	read -ra stat <"$(sysfs t)/stat"
	[ "${stat[11]}" -ge 1 ]
}

# trims: MS is how long a read takes beside an fstrim of 200 MiB and more, at 1 MiB a second
trims() {
	table t "0 524288 qthrottle $(memdev large 256) 0 -"
	mkfs.ext4 -q -E nodiscard,lazy_itable_init=1 /dev/mapper/t
	mkdir /tmp/mnt
	mount /dev/mapper/t /tmp/mnt
	dmsetup message t 0 limits bps-total 1048576
	pause 2
	fstrim -v /tmp/mnt >trimmed &
	eventually 60 has_trimmed
	guest_ms dd if=/dev/mapper/t of=/dev/null bs=4k count=1 skip=9 iflag=direct status=none
	echo "a read took $MS ms"
}
trims_freely() {
	trims
	[ "$MS" -le 1000 ]
	wait
	grep -q "2[0-9][0-9].* MiB" trimmed
	umount /tmp/mnt
}
it "does not make a reader wait for the length of an fstrim" trims_freely

# Eight MiB at a MiB a second; how long those of an fstrim are depends on the file system.
trims_by_length() {
	table t "0 524288 qthrottle $(memdev large 256) 0 - 4 bps-total 1048576 discard bytes"
	blkdiscard -f -o 128M -l 8M /dev/mapper/t
	guest_ms dd if=/dev/mapper/t of=/dev/null bs=4k count=1 skip=9 iflag=direct status=none
	echo "a read took $MS ms"
	[ "$MS" -ge 3000 ]
}
it "does so with discard bytes, as QEMU" trims_by_length

discards_are_operations() {
	local -a stat
	local dev
	dev=$(memdev large 256)
	table t "0 524288 qthrottle $dev 0 - 4 iops-write 10 iops-size 4096"
	guest_ms blkdiscard -p 4M /dev/mapper/t # which reads, too, to see what is there
	read -ra stat <"/sys/block/$(basename "$dev")"/stat
	echo "${stat[11]} discards took $MS ms"
	[ "${stat[11]}" -ge 64 ]
	[ "$MS" -ge $(((stat[11] - 2) * 100)) ]
	[ "$MS" -le $(((stat[11] + 2) * 100)) ]
}
it "counts a discard as one operation, however long" discards_are_operations

waiting() { dmsetup status t | cut -d' ' -f12; }
all_wait() { [ "$(waiting)" = "$1" ]; }

# What dmsetup itself takes is a third of it and counts as well.
suspends_at_once() {
	local idle
	table t "0 32768 qthrottle $(memdev mem 16) 0 - 2 bps-write 1"
	guest_ms dmsetup suspend t
	idle=$MS
	dmsetup resume t
	fio --name=s --filename=/dev/mapper/t --rw=randwrite --bs=512 --size=8m --direct=1 \
		--ioengine=libaio --iodepth=10001 --number_ios=10001 --output=fio.log &
	LOAD=$!
	eventually 60 all_wait 10000
	guest_ms dmsetup suspend "$@" t
	echo "suspended in $MS ms, with nothing waiting in $idle ms"
	[ "$MS" -le 100 ]
	dmsetup resume t
	same "waiting" 0 "$(waiting)"
	wait "$LOAD"
}
it "suspends within 100 ms with 10,000 requests waiting at 1 byte a second" suspends_at_once
it "does so without flush, too" suspends_at_once --noflush

# Of 32 at once 11 go (a tenth of a second, and the one that overflows it); the others
# follow 10 ms apart, so they wait 10 + 20 + ... + 210 ms, less what the rest took to come.
says_how_long() {
	local -a word
	table t "0 32768 qthrottle $(memdev mem 16) 0 - 2 iops-write 100"
	fio --name=s --filename=/dev/mapper/t --rw=randwrite --bs=4k --size=8m --direct=1 \
		--ioengine=libaio --iodepth=32 --number_ios=32 --output=fio.log
	read -ra word < <(dmsetup status t | cut -d' ' -f12-)
	same "waiting, delayed, bytes" "0 21 86016" "${word[*]:0:3}"
	within "all delays" 10 2310000000 "${word[3]}"
	within "longest delay" 10 210000000 "${word[4]}"
	same "times full" "0 21" "${word[*]:5}"
}
it "says how many waited, how long, and for which limit" says_how_long

finish
