#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The throttle as its users meet it: table lines, messages and configfs as
# three doors to one set of rules, groups, suspend and removal with requests
# waiting. What needs exact time is in qthrottle-rates.sh.

. ./lib.sh
without_udev

SECTORS=32768
CONFIG=/sys/kernel/config/qthrottle

line() { # line REST: a table line over a 16 MiB memory device
	echo "0 $SECTORS qthrottle $(memdev mem 16) $1"
}

status() { # status NAME NR: a word of the target's status, the group is 1
	dmsetup status "$1" | cut -d' ' -f$(($2 + 3))
}

waits() { [ "$(status "$1" 9)" -gt "$2" ]; } # waits NAME MORE-THAN

throttled_writes() { # throttled_writes NAME COUNT: that many in flight at once
	fio --name=w --filename="/dev/mapper/$1" --rw=randwrite --bs=4k \
		--direct=1 --ioengine=libaio --iodepth="$2" --number_ios="$2" \
		--size=8m --output=fio-"$1".log
}

round_trips() {
	local text
	table t "$(line "0 - 6 bps-total 1048576 iops-read 100 iops-read-max 200")"
	text=$(dmsetup table t)
	reload t "$text"
	same "table" "$text" "$(dmsetup table t)"
	dmsetup message t 0 limits iops-read 150
	dmsetup table t | grep -q "iops-read 150 iops-read-max 200"
}
it "prints its limits as a line that can be loaded again" round_trips

# Rates are high, in case udev reads some blocks of each new device.
all_nineteen() {
	local words="bps-read 10000001 bps-read-max 10000002 bps-read-max-length 3"
	words+=" bps-write 4 bps-write-max 5 bps-write-max-length 6"
	words+=" iops-read 7000 iops-read-max 8000 iops-read-max-length 9"
	words+=" iops-write 10 iops-write-max 11 iops-write-max-length 12 iops-size 13"
	table t "$(line "0 - 26 $words")"
	same "options" "26 $words" "$(dmsetup table t | cut -d' ' -f7-)"
	words="bps-total 10000001 bps-total-max 20000000 bps-total-max-length 3"
	words+=" iops-total 4000 iops-total-max 5000 iops-total-max-length 6"
	reload t "$(line "0 - 12 $words")"
	same "options" "12 $words" "$(dmsetup table t | cut -d' ' -f7-)"
}
it_on_stock "knows all 19 limits" all_nineteen

refused() { # refused OPTIONS TEXT: by the line, the message and configfs
	local -a words
	read -ra words <<<"$1"
	fails dmsetup reload t --table "$(line "0 - ${#words[@]} $1")"
	log_says "$2"
	fails dmsetup message t 0 limits "${words[@]}"
	log_says "message refused: $2"
	fails write_limits "$(printf '%s=%s ' "${words[@]}")"
	log_says "limits refused: $2"
}

write_limits() {
	echo "$1" >"$CONFIG"/g/limits
}

three_doors() {
	local before
	table t "$(line "0 g 2 iops-write 1000")"
	before=$(cat "$CONFIG"/g/limits)
	refused "bps-total 1 bps-read 1" "bps/iops/max total values and read/write values cannot be used at the same time"
	refused "iops-write 0 iops-size 4096" "iops size requires an iops value to be set"
	refused "bps-read 1000000000000001" "bps/iops/max values must be within [0, 1000000000000000]"
	refused "bps-read -1" "bps/iops/max values must be within [0, 1000000000000000]"
	refused "bps-read 18446744073709551616" "bps/iops/max values must be within"
	refused "bps-read 1 bps-read-max-length 0" "the burst length cannot be 0"
	refused "bps-read 1 bps-read-max-length 2" "burst length set without burst rate"
	refused "bps-read 1 bps-read-max 1000000000000 bps-read-max-length 1001" "burst length too high for this burst rate"
	refused "bps-read-max 1" "bps_max/iops_max require corresponding bps/iops values"
	refused "bps-read 100 bps-read-max 30" "bps_max/iops_max cannot be lower than bps/iops"
	refused "bps-read-max-length 4294967296" "bps-read-max-length value must be in the range [0, 4294967295]"
	refused "bps-reed 5" "unknown option 'bps-reed'"
	refused "iops-read 5 iops-read 6" "iops-read is given twice"
	refused "iops-read 1.5" "iops-read must be a whole number within"
	same "limits" "$before" "$(cat "$CONFIG"/g/limits)"
}
it_on_stock "refuses bad limits by QEMU's rules at all three doors, and changes nothing" three_doors

bad_names() {
	local name
	for name in "a/b" "grüppe" "a b" "$(printf 'x%.0s' {1..64})"; do
		fails dmsetup create bad --table "$(line "0 ${name// /\\ } 2 iops-read 5")"
		fails mkdir "$CONFIG/$name"
	done
	fails mkdir "$CONFIG"/-
	mkdir "$CONFIG/$(printf 'x%.0s' {1..63})"
	rmdir "$CONFIG"/x*
	fails dmsetup create bad --table "$(line 0)"
	log_says "needed are: <dev> <offset> <group>"
	fails dmsetup create bad --table "$(line "0 - 2 weight 0")"
	log_says "weight must be within [1, 1000]"
}
it_on_stock "refuses bad group names and short lines" bad_names

group_life() {
	local dev
	dev=$(memdev mem 16)
	test ! -e "$CONFIG"/auto
	table a "0 8192 qthrottle $dev 0 auto 2 iops-total 5000"
	table b "0 8192 qthrottle $dev 8192 auto"
	grep -qx iops-total=5000 "$CONFIG"/auto/limits
	same "members" 2 "$(wc -l <"$CONFIG"/auto/members)"
	same "table of one that joined" "0 8192 qthrottle $(lsblk -dno MAJ:MIN "$dev" | tr -d " ") 8192 auto" "$(dmsetup table b)"
	fails rmdir "$CONFIG"/auto
	dmsetup remove a
	grep -qx iops-total=5000 "$CONFIG"/auto/limits
	dmsetup remove b
	test ! -e "$CONFIG"/auto
}
it "makes a group with the first line that names it, and drops it with the last" group_life

made_by_hand() {
	mkdir "$CONFIG"/mine
	echo "bps-total=1000000 bps-total-max=2000000" >"$CONFIG"/mine/limits
	table t "$(line "0 mine")"
	fails rmdir "$CONFIG"/mine
	dmsetup remove t
	grep -qx bps-total-max=2000000 "$CONFIG"/mine/limits
	rmdir "$CONFIG"/mine
}
it "keeps a group made by mkdir until rmdir, which is refused while in use" made_by_hand

unused_table() {
	table t "$(line "0 g 2 iops-read 100")"
	dmsetup load t --table "$(line "0 g 2 iops-read 7")"
	grep -qx iops-read=100 "$CONFIG"/g/limits
	dmsetup clear t
	grep -qx iops-read=100 "$CONFIG"/g/limits
	same "members" 1 "$(wc -l <"$CONFIG"/g/members)"
}
it "does nothing for a table that is loaded and cleared again" unused_table

limits_reach_waiting() {
	table t "$(line "0 - 2 iops-write 1")"
	throttled_writes t 32 &
	eventually 60 waits t 20
	dmsetup message t 0 limits iops-write 0
	wait $!
	same "waiting" 0 "$(status t 9)"
	test "$(status t 10)" -gt 20
}
it "applies a new limit to what already waits" limits_reach_waiting

suspend_lets_go() { # suspend_lets_go OPTION...
	table t "$(line "0 - 2 bps-write 1")"
	throttled_writes t 64 &
	eventually 60 waits t 40
	timeout 60 dmsetup suspend "$@" t
	dmsetup resume t
	wait $!
	same "waiting" 0 "$(status t 9)"
	throttled_writes t 4 &
	eventually 60 waits t 0
	dmsetup message t 0 limits bps-write 0
	wait $!
}
it "lets what waits go when it suspends, and throttles again after" suspend_lets_go
it "does so without flush, too" suspend_lets_go --noflush

others_go_on() {
	local dev
	dev=$(memdev mem 16)
	table a "0 16384 qthrottle $dev 0 g 2 iops-write 20"
	table b "0 16384 qthrottle $dev 16384 g"
	fio --name=w --filename=/dev/mapper/b --rw=randwrite --bs=4k --direct=1 \
		--ioengine=libaio --iodepth=8 --number_ios=60 --size=8m --output=b.log &
	fio --name=w --filename=/dev/mapper/a --rw=randwrite --bs=4k --direct=1 \
		--ioengine=libaio --iodepth=8 --number_ios=60 --size=8m --output=a.log &
	sleep 1
	reload a "0 16384 linear $dev 0"
	wait
	same "waiting" 0 "$(status b 9)"
}
it "lets the others go on when a member leaves" others_go_on

# io_uring marks its first attempt NOWAIT; once it has waited with us it must
# wait for the device below, too, and not fail.
waits_below() {
	local dev
	dev=$(memdev mem 16)
	table lower "0 32768 linear $dev 0"
	table t "0 32768 qthrottle /dev/mapper/lower 0 - 2 iops-write 200"
	fio --name=w --filename=/dev/mapper/t --rw=randwrite --bs=4k --direct=1 \
		--ioengine=io_uring --iodepth=64 --number_ios=400 --size=16m --output=fio.log &
	sleep 0.5
	dmsetup suspend lower
	sleep 1
	dmsetup resume lower
	wait $! || { cat fio.log; return 1; }
}
it "waits for a suspended device below without an error" waits_below

no_debt() {
	local dev begin
	dev=$(memdev mem 16)
	table a "0 16384 qthrottle $dev 0 g 2 iops-write 20"
	table b "0 16384 qthrottle $dev 16384 g"
	throttled_writes a 2000 &
	eventually 60 waits a 1000
	reload a "0 16384 linear $dev 0"
	begin=$SECONDS
	dd if=/dev/zero of=/dev/mapper/b bs=4k count=4 oflag=direct status=none
	test $((SECONDS - begin)) -lt 10
	wait
}
it "does not make the others pay for what a drained member had waiting" no_debt

in_and_out() {
	local dev round
	dev=$(memdev mem 16)
	table t "0 $SECTORS linear $dev 0"
	fio --name=load --filename=/dev/mapper/t --rw=randrw --bs=4k --direct=1 \
		--ioengine=libaio --iodepth=32 --size=16m --time_based --runtime=8 \
		--verify=crc32c --verify_backlog=64 --output=fio.log &
	for round in 50 500 5000; do
		reload t "0 $SECTORS qthrottle $dev 0 - 2 iops-total $round"
		reload t "0 $SECTORS qthrottle $dev 0 g 2 iops-total $round"
		dmsetup rename t u && dmsetup rename u t
		reload t "0 $SECTORS linear $dev 0"
	done
	wait $! || { cat fio.log; return 1; }
	modprobe -r dm-qthrottle
}
it "goes in and out under load, and its module after it" in_and_out

urgent_passes() {
	table t "$(line "0 - 2 iops-write 1")"
	mkfs.ext4 -q -F -E lazy_itable_init=1 /dev/mapper/t &
	sleep 1
	dmsetup message t 0 limits iops-write 0
	wait $!
	reload t "$(line "0 - 2 urgent wait")"
	dmsetup table t | grep -q "2 urgent wait$"
}
it "takes the option that makes metadata wait" urgent_passes

flush_passes() {
	table t "$(line "0 - 2 iops-write 1")"
	throttled_writes t 8 &
	eventually 60 waits t 4
	timeout 60 dd if=/dev/null of=/dev/mapper/t conv=fsync,notrunc status=none
	test "$(status t 9)" -gt 0
	dmsetup message t 0 limits iops-write 0
	wait $!
}
it "never holds up a flush" flush_passes

keeps_features() {
	local dev name
	dev=$(memdev mem 16)
	table plain "0 8192 linear $dev 0"
	table t "0 8192 qthrottle $dev 8192 -"
	for name in discard_max_bytes write_zeroes_max_bytes max_sectors_kb \
		logical_block_size nr_requests fua write_cache; do
		same "queue/$name" "$(queue plain "$name")" "$(queue t "$name")"
	done
}
queue() { # queue NAME ATTRIBUTE
	cat "$(sysfs "$1")/queue/$2" 2>/dev/null || echo none
}
it_on_stock "takes no feature from the device below" keeps_features

finish
