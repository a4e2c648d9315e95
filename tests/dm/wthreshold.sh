#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The write threshold as its users meet it: which writes fire, what the event
# says, what survives a reload, and what is refused.

. ./lib.sh
without_udev

MIB=1048576

field() { # field NAME NR: a word of the target's status, the first is 1
	dmsetup status "$1" | cut -d' ' -f$(($2 + 3))
}

event_nr() {
	dmsetup info -c --noheadings -o events "$1" | tr -d ' '
}

has_events() { [ "$(event_nr "$1")" = "$2" ]; }

write_at() { # write_at NAME KIB: 4 KiB there
	dd if=/dev/zero of="/dev/mapper/$1" bs=4k count=1 seek=$(($2 / 4)) \
		oflag=direct conv=notrunc status=none
}

threshold() { # threshold NAME REST: a 16 MiB device with a threshold
	table "$1" "0 32768 wthreshold $(memdev mem 16) 0 $2"
}

fires_strictly_past() {
	threshold t $((4 * MIB))
	write_at t 0
	write_at t $((4 * 1024 - 4))
	same "state at the threshold" armed "$(field t 1)"
	write_at t $((4 * 1024))
	same "state past it" fired "$(field t 1)"
	same "amount exceeded" 4096 "$(field t 3)"
	same "threshold that fired" $((4 * MIB)) "$(field t 6)"
	eventually 30 has_events t 1
}
it_in_full "fires when a write ends strictly past the threshold, not at it" fires_strictly_past

fires_once() {
	threshold t "$MIB"
	for kib in 2048 4096 8192; do write_at t "$kib"; done
	same "events" 1 "$(field t 5)"
	dmsetup message t 0 set-threshold $((2 * MIB))
	write_at t 4096
	same "events" 2 "$(field t 5)"
	eventually 30 has_events t 2
}
it "fires once, and once more when it is set again" fires_once

wakes_dmsetup_wait() {
	threshold t "$MIB"
	timeout 60 dmsetup wait t 0 &
	sleep 0.5
	write_at t 2048
	wait $!
}
it_in_full "wakes dmsetup wait" wakes_dmsetup_wait

discard_ignored() {
	threshold t $((8 * MIB))
	blkdiscard /dev/mapper/t
	same "state" armed "$(field t 1)"
	same "mark" 0 "$(field t 4)"
	write_at t 8192
	same "state" fired "$(field t 1)"
}
it "does not take a discard for a write" discard_ignored

discard_counts() {
	threshold t "$((8 * MIB)) 2 discard count"
	dmsetup table t | grep -q " 2 discard count$"
	blkdiscard -o $((4 * MIB)) -l $((4 * MIB)) /dev/mapper/t
	same "state" armed "$(field t 1)"
	blkdiscard -o $((4 * MIB)) -l $((4 * MIB + 4096)) /dev/mapper/t
	same "state" fired "$(field t 1)"
}
it_in_full "counts a discard as a write with discard count, as QEMU" discard_counts

file_system_is_trimmed() {
	local dir=/tmp/mnt
	table t "0 131072 wthreshold $(memdev large 64) 0"
	mkfs.ext4 -q -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 /dev/mapper/t
	mkdir "$dir"
	mount /dev/mapper/t "$dir"
	sync
	dmsetup message t 0 set-threshold "$(field t 4)"
	fstrim "$dir"
	same "state" armed "$(field t 1)"
	umount "$dir"
}
it_on_stock "is not passed by the discards of an fstrim" file_system_is_trimmed

zeroes_count() {
	threshold t $((8 * MIB))
	blkdiscard -z -o $((8 * MIB)) -l 4096 /dev/mapper/t
	same "state" fired "$(field t 1)"
}
it_in_full "counts write-zeroes as a write" zeroes_count

reads_do_not() {
	threshold t "$MIB"
	dd if=/dev/mapper/t of=/dev/null bs=1M iflag=direct status=none
	sync /dev/mapper/t
	same "state" armed "$(field t 1)"
	same "mark" 0 "$(field t 4)"
}
it_on_stock "counts neither reads nor flushes" reads_do_not

mark_survives() {
	local dev
	dev=$(memdev mem 16)
	table t "0 32768 wthreshold $dev 0 $MIB"
	write_at t 4096
	reload t "0 32768 wthreshold $dev 0"
	same "mark" $((4 * MIB + 4096)) "$(field t 4)"
	same "events" 1 "$(field t 5)"
	reload t "0 32768 wthreshold $dev 0 $((2 * MIB)) 2 fire-on-arm on"
	same "events" 2 "$(field t 5)"
	same "amount" $((2 * MIB + 4096)) "$(field t 3)"
}
it_in_full "keeps its mark over a reload, and fires on arming when asked" mark_survives

rearms() {
	threshold t "$MIB 2 rearm $MIB"
	write_at t 1024
	same "state" armed "$(field t 1)"
	same "threshold" $((2 * MIB)) "$(field t 2)"
	write_at t 10240
	same "threshold" $((11 * MIB)) "$(field t 2)"
	same "events" 2 "$(field t 5)"
}
it_in_full "steps on by itself with rearm" rearms

table_round_trips() {
	local line
	threshold t "$MIB 4 rearm 65536 fire-on-arm on"
	line=$(dmsetup table t)
	reload t "$line"
	same "table" "$line" "$(dmsetup table t)"
}
it_on_stock "prints a table line that can be loaded again" table_round_trips

reload_leaves_alone() {
	local line
	threshold t $((4 * MIB))
	line=$(dmsetup table t)
	printf '%s\n' "$line" | dmsetup reload t
	dmsetup message t 0 set-threshold $((6 * MIB))
	dmsetup resume t
	same "threshold" $((6 * MIB)) "$(field t 2)"
	write_at t 8192
	same "state" fired "$(field t 1)"
	reload t "$(dmsetup table t)"
	same "state" fired "$(field t 1)"
}
it "is left alone by a reload of what is in force" reload_leaves_alone

races_fire_once() {
	local round before
	threshold t 0
	for round in $(seq 6); do
		before=$(field t 5)
		dmsetup message t 0 set-threshold $((8 * MIB))
		fio --name=race --filename=/dev/mapper/t --numjobs=2 --rw=write \
			--bs=4k --offset=8m --size=64k --direct=1 \
			--ioengine=libaio --iodepth=16 --output=/dev/null
		same "events in round $round" $((before + 1)) "$(field t 5)"
	done
}
it "fires once when two writers race past" races_fire_once

refuses() { # refuses REST TEXT
	fails dmsetup create bad --table "0 32768 wthreshold $(memdev mem 16) $1"
	log_says "$2"
}

bad_lines() {
	refuses "0 -1" "'-1'"
	refuses "0 1.5" "'1.5'"
	refuses "0 18446744073709551616" "'18446744073709551616'"
	refuses "0 4k" "'4k'"
	refuses "0 4096 1 rearm" "rearm needs a value"
	refuses "0 4096 2 rearm 1 2" "2 option words announced, 3 follow"
	refuses "0 4096 2 rearms 1" "unknown option 'rearms', allowed are rearm fire-on-arm"
	refuses "0 4096 2 fire-on-arm maybe" "fire-on-arm cannot be 'maybe', allowed are off on"
	refuses "0 4096 4 rearm 1 rearm 2" "rearm is given twice"
	refuses "1" "too few"
	fails dmsetup create bad --table "0 8 wthreshold /dev/nowhere 0"
	fails dmsetup create bad --table "0 8 wthreshold"
	log_says "needed are: <dev> <offset>"
}
it_on_stock "refuses wrong lines and names the word" bad_lines

# refused_message TEXT WORD...: the message changes nothing, and the log says why
refused_message() {
	local text=$1 before
	shift
	before=$(dmsetup status --noflush t)
	fails dmsetup message -- t 0 "$@"
	log_says "$text"
	same "status" "$before" "$(dmsetup status --noflush t)"
}

bad_messages() {
	local word whole="the threshold in bytes must be a whole number within [0, 18446744073709551615], not"
	threshold t "$MIB"
	refused_message "set-threshold takes one number of bytes" set-threshold
	for word in -5 1.5 1e6 0x10 4k +7 five 18446744073709551616 99999999999999999999999; do
		refused_message "$whole '$word'" set-threshold "$word"
	done
	refused_message "set-threshold takes one number of bytes, not 2 words" set-threshold 1 2
	refused_message "unknown message 'set-treshold', allowed is: set-threshold <bytes>" set-treshold 1
	refused_message "unknown message 'rearm'" rearm 1
	write_at t 0
	dmsetup suspend t
	refused_message "the device is suspended" set-threshold 5
	dmsetup resume t
	same "state" armed "$(field t 1)"
	write_at t 2048
	same "state" fired "$(field t 1)"
}
it_in_full "refuses wrong messages, says why, and stays as it was" bad_messages

message_to_nobody() {
	threshold t "$MIB"
	fails dmsetup message t 99999 set-threshold 5
	printf '%s\n' "0 8192 wthreshold $(memdev mem 16) 0 1048576" \
		"8192 8192 wthreshold $(memdev mem 16) 8192 1048576" | dmsetup create two
	dmsetup message two 8192 set-threshold 4096
	same "thresholds" "1048576 4096" "$(dmsetup status two | cut -d' ' -f5 | xargs)"
	write_at two $((4096 + 4))
	same "states" "armed fired" "$(dmsetup status two | cut -d' ' -f4 | xargs)"
}
it_in_full "keeps two thresholds of one device apart" message_to_nobody

dropped_table() {
	threshold t "$MIB"
	dmsetup reload t --table "0 32768 wthreshold $(memdev mem 16) 0 $((8 * MIB)) 2 rearm 4096"
	dmsetup clear t
	dmsetup suspend t
	dmsetup resume t
	same "threshold" "$MIB" "$(field t 2)"
	write_at t 2048
	same "state" fired "$(field t 1)"
}
it "is left alone by a table that is loaded and dropped" dropped_table

# The renaming is an event of dm's own.
renamed() {
	local before
	threshold t "$MIB"
	dmsetup rename t u
	before=$(event_nr u)
	dmsetup message u 0 set-threshold 4096
	write_at u 8
	same "state" fired "$(field u 1)"
	eventually 30 has_events u $((before + 1))
}
it_in_full "goes on under another name" renamed

grows() {
	local dev
	dev=$(memdev mem 16)
	table t "0 16384 wthreshold $dev 0 $((7 * MIB))"
	write_at t $((7 * 1024))
	reload t "0 32768 wthreshold $dev 0 $((15 * MIB))"
	same "mark" $((7 * MIB + 4096)) "$(field t 4)"
	same "events" 1 "$(field t 5)"
	write_at t $((15 * 1024))
	same "amount" 4096 "$(field t 3)"
	same "events" 2 "$(field t 5)"
}
it_in_full "keeps mark and event number when it becomes longer" grows

past_the_end() {
	threshold t $((1024 * MIB))
	write_at t 8192
	same "state" armed "$(field t 1)"
}
it_in_full "takes a threshold beyond the device's end" past_the_end

under_load() {
	local dev round
	dev=$(memdev mem 16)
	table t "0 32768 linear $dev 0"
	load t --filename=/dev/mapper/t --rw=randwrite --bs=4k --iodepth=16 --size=16m
	for round in $(seq 8); do
		reload t "0 32768 wthreshold $dev 0 $((round * MIB))"
		reload t "0 32768 linear $dev 0"
	done
	load_ends
	modprobe -r dm-wthreshold
}
it "goes in and out under load, and its module after it" under_load

finish
