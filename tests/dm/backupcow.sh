#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A backup as its users meet it: inserted under load, it leaves the data of
# the instant of insertion on the target and every write on the origin; what
# it shows, what it is told, and how it ends.

. ./lib.sh
without_udev

field() { # field NAME NR: a word of the target's status, the first is 1
	dmsetup status "$1" | cut -d' ' -f$(($2 + 3))
}

state_is() { # state_is NAME STATE
	[ "$(field "$1" 1)" = "$2" ]
}

pair() { # pair MIB: an origin with data under a linear "top", and a target
	cd /tmp
	ORIGIN=$(memdev origin "$1")
	TARGET=$(memdev target "$1")
	SECTORS=$(($1 * 2048))
	noisy "$ORIGIN" "$1"
	table top "0 $SECTORS linear $ORIGIN 0"
}

insert() { # insert CLUSTER [OPTIONS]: keep what the device holds at that instant
	dmsetup suspend top
	dd if="$ORIGIN" of=old bs=1M iflag=direct status=none
	dmsetup reload top \
		--table "0 $SECTORS backupcow $ORIGIN 0 $TARGET 0 $*"
	dmsetup resume top
}

concluded() { # concluded: the backup has ended well, and is what it should be
	eventually 60 state_is top concluded
	same "error" - "$(field top 4)"
	same "snapshot" intact "$(field top 5)"
	cmp old "$TARGET"
}

backs_up_an_idle_device() {
	pair 32
	insert 128
	concluded
	same "clusters" 512/512 "$(field top 2)"
	same "bytes" 33554432/33554432 "$(field top 3)"
	cmp old "$ORIGIN"
}
it "copies an idle device whole" backs_up_an_idle_device

backs_up_under_writes() {
	pair 64
	load top --filename=/dev/mapper/top --iodepth=16 --rw=randwrite --bsrange=4k-64k --randseed="$(seed)"
	insert 128 2 speed 16777216
	concluded
	load_ends
	fails cmp -s old "$ORIGIN"
	reload top "0 $SECTORS linear $ORIGIN 0"
}
it "holds the instant of insertion while everything is overwritten" \
	backs_up_under_writes

copies_before_only() {
	pair 32
	insert 64 2 sync none
	sleep 0.5
	same "bytes" 0/33554432 "$(field top 3)"
	dd if=/dev/zero of=/dev/mapper/top bs=4k seek=10 count=1 oflag=direct \
		status=none
	same "bytes" 32768/33554432 "$(field top 3)"
	cmp -n 32768 -i 32768 old "$TARGET"
	cmp -n 4096 -i 40960 /dev/zero "$ORIGIN"
	state_is top running
	dmsetup message top 0 cancel
	eventually 60 state_is top concluded
	same "error" ECANCELED "$(field top 4)"
}
it "with sync none copies what is overwritten, and nothing else" \
	copies_before_only

has_odd_sizes() {
	local sectors=$((16 * 2048 - 3 * 8)) from=72 to=1048
	cd /tmp
	ORIGIN=$(memdev origin 20) TARGET=$(memdev target 24)
	noisy "$ORIGIN" 20
	dd if="$ORIGIN" of=old bs=512 skip="$from" count="$sectors" iflag=direct \
		status=none
	table top "0 $sectors backupcow $ORIGIN $from $TARGET $to 1024"
	dd if=/dev/zero of=/dev/mapper/top bs=4k seek=$((sectors / 8 - 1)) \
		count=1 oflag=direct status=none
	eventually 60 state_is top concluded
	same "bytes" "$((sectors * 512))/$((sectors * 512))" "$(field top 3)"
	cmp -n $((sectors * 512)) -i 0:$((to * 512)) old "$TARGET"
	cmp -n 4096 -i 0:$(((to + sectors) * 512)) /dev/zero "$TARGET"
	cmp -n $((to * 512)) /dev/zero "$TARGET"
}
it "backs up from and to offsets, with a partial last cluster" has_odd_sizes

copies_before_discards() {
	pair 64
	insert 128 2 sync none
	blkdiscard -o $((3 << 20)) -l $((20 << 20)) /dev/mapper/top
	blkdiscard -z -o $((40 << 20)) -l $((5 << 20)) /dev/mapper/top
	cmp -n $((20 << 20)) -i $((3 << 20)) old "$TARGET"
	cmp -n $((5 << 20)) -i $((40 << 20)) old "$TARGET"
	same "bytes" "$((25 << 20))/$((64 << 20))" "$(field top 3)"
	same "waiting writers" 0 "$(field top 8)"
}
it "copies before discards and write-zeroes too" copies_before_discards

has_huge_clusters() {
	pair 80
	insert 131072 2 sync none
	dd if=/dev/zero of=/dev/mapper/top bs=4k seek=3 count=1 oflag=direct \
		status=none
	same "clusters" 1/2 "$(field top 2)"
	dd if=/dev/zero of=/dev/mapper/top bs=1M seek=79 count=1 oflag=direct \
		status=none
	same "bytes" 83886080/83886080 "$(field top 3)"
	cmp old "$TARGET"
}
it "copies clusters that are larger than the memory of a copy" has_huge_clusters

keeps_to_its_speed() {
	local begin=$SECONDS
	pair 24
	insert 128 2 speed 4194304
	eventually 60 state_is top concluded
	[ $((SECONDS - begin)) -ge 5 ] || { echo "too fast" && return 1; }
	cmp old "$TARGET"
}
it "keeps to its speed" keeps_to_its_speed

nothing_in_flight() { [ "$(field top 7)" = 0 ]; }

obeys_messages() {
	pair 64
	insert 128 2 speed 1048576
	dmsetup message top 0 pause
	same "state" paused "$(field top 1)"
	fails dmsetup message top 0 pause
	eventually 60 nothing_in_flight
	local before
	before=$(field top 3)
	sleep 1
	same "bytes while paused" "$before" "$(field top 3)"
	dmsetup message top 0 set-speed 0
	dmsetup message top 0 resume
	fails dmsetup message top 0 resume
	log_says "resume is not possible while the backup is"
	concluded
	fails dmsetup message top 0 cancel
	fails dmsetup message top 0 set-speed 5
	fails dmsetup message top 0 bitmap-add b
	log_says "'bitmap-add' needs dirty bitmaps"
	fails dmsetup message top 0 finish
	log_says "unknown message 'finish'"
	fails dmsetup message top 0 set-speed fast
	log_says "not 'fast'"
}
it "obeys pause, resume, set-speed, and refuses the rest" obeys_messages

jobs=/sys/kernel/debug/dm-backupcow/jobs
no_jobs() { [ -z "$(cat "$jobs")" ]; }

shows_jobs_in_debugfs() {
	local device
	pair 16
	insert 128 2 speed 1048576
	device=$(dmsetup info -c --noheadings -o blkdevname top)
	cat "$jobs"
	grep "^$device to $(cat "/sys/class/block/$(basename "$TARGET")/dev"), from sector 0, clusters of 64 KiB, run 0$" "$jobs"
	grep "^  state: running, error 0, snapshot intact (0)$" "$jobs"
	grep "^  pacing: 1048576 bytes/s at most" "$jobs"
	dmsetup message top 0 pause
	eventually 60 nothing_in_flight
	grep "^  copies: 0 in flight" "$jobs"
	grep "^  writes deferred: 0, 0 of them urgent$" "$jobs"
	dmsetup remove top
	eventually 60 no_jobs
}
it "shows its jobs to people who read debugfs" shows_jobs_in_debugfs

shows_what_messages_changed() {
	pair 16
	insert 128 4 speed 1048576 max-workers 3
	dmsetup message top 0 set-speed 2097152
	dmsetup table top | grep -q " 0 128 4 speed 2097152 max-workers 3$"
	dmsetup table top >line
	dmsetup reload top <line
	same "inactive table" "$(cat line)" "$(dmsetup table --inactive top)"
	dmsetup clear top
}
it "prints a table line that can be loaded again" shows_what_messages_changed

event() { # event KEY=VALUE...: one was seen with all of these
	local key text
	text=$(tr '\n' ' ' <events)
	for key; do
		[[ $text == *"$key"* ]] || return 1
	done
}

had_events() { # had_events NR: at least so many dm events
	[ "$(dmsetup info -c --noheadings -o events top)" -ge "$1" ]
}

says_when_it_ends() {
	cd /tmp
	udevadm monitor --kernel --property --subsystem-match=block >events &
	local monitor=$!
	eventually 60 grep -q KERNEL events # it listens
	pair 16
	insert 128
	eventually 60 event DM_ACTION=BACKUP_COMPLETED \
		DM_BACKUP_OFFSET=16777216 DM_BACKUP_LEN=16777216 DM_NAME=top \
		DM_TARGET=backupcow
	reload top "0 $SECTORS backupcow $ORIGIN 0 - 0 128"
	same "state" none "$(field top 1)"
	insert 128 2 sync none
	dmsetup message top 0 cancel
	eventually 60 event DM_ACTION=BACKUP_CANCELLED DM_BACKUP_OFFSET=0
	kill "$monitor"
	eventually 60 had_events 2
}
it "raises an event when it completes or is cancelled" says_when_it_ends

every_other() { # every_other DEVICE: 16 of its first 32 clusters hold something
	local cluster
	for cluster in {0..31..2}; do
		echo "this is cluster $cluster"
		head -c 131072 /dev/zero
	done | dd of="$1" bs=128K count=16 iflag=fullblock oflag=direct status=none
}

# Not a byte of zeroes is written: of every other cluster the file has no blocks.
writes_zeroes_as_zeroes() {
	cd /tmp
	modprobe loop
	truncate -s 16M /dev/shm/target.img
	ORIGIN=$(memdev origin 16)
	TARGET=$(losetup --find --show /dev/shm/target.img)
	SECTORS=32768
	every_other "$ORIGIN"
	table top "0 $SECTORS linear $ORIGIN 0"
	insert 128 2 detect-zeroes unmap
	concluded
	same "blocks allocated" 2048 "$(stat -c %b /dev/shm/target.img)"
	reload top "0 $SECTORS linear $ORIGIN 0"
	insert 128 2 detect-zeroes off
	concluded
	same "blocks allocated" 32768 "$(stat -c %b /dev/shm/target.img)"
	reload top "0 $SECTORS linear $ORIGIN 0"
	insert 128 2 detect-zeroes on
	concluded
	dmsetup remove --retry top
	losetup -d "$TARGET"
	rm /dev/shm/target.img
}
it "writes zeroes as zeroes with detect-zeroes" writes_zeroes_as_zeroes

mapped() { # mapped NAME: sectors that a thin volume takes up in its pool
	dmsetup status "$1" | cut -d' ' -f4
}

leaves_thin_thin() {
	local data
	pair 16
	data=$(memdev data 32)
	dd if=/dev/zero of="$ORIGIN" bs=1M count=16 oflag=direct status=none
	every_other "$ORIGIN"
	table pool "0 65536 thin-pool $(memdev meta 8) $data 128 0"
	dmsetup message pool 0 "create_thin 0"
	table thin "0 $SECTORS thin /dev/mapper/pool 0"
	TARGET=/dev/mapper/thin
	insert 128 2 detect-zeroes unmap
	concluded
	same "sectors mapped" 2048 "$(mapped thin)"
	reload top "0 $SECTORS linear $ORIGIN 0"
	noisy "$TARGET" 16
	insert 8 2 detect-zeroes unmap
	concluded
	dmsetup remove --retry top
	dmsetup remove --retry thin
}
it "leaves a thin volume thin with detect-zeroes unmap, and right in any case" \
	leaves_thin_thin

passes_without_a_target() {
	cd /tmp
	ORIGIN=$(memdev origin 16)
	table top "0 32768 backupcow $ORIGIN 0 - 0 128"
	fio --name=v --filename=/dev/mapper/top --direct=1 --rw=randwrite \
		--bs=4k --size=16m --verify=crc32c --ioengine=libaio \
		--iodepth=8 --output=fio.log
	same "status" "none 0/0 0/0 - - ok 0 0 0 0 0 - 0 - -" \
		"$(dmsetup status top | cut -d' ' -f4-18)"
	fails dmsetup message top 0 pause
	log_says "there is no backup"
	same "discard" \
		"$(cat "/sys/block/${ORIGIN##*/}/queue/discard_max_bytes")" \
		"$(cat "$(sysfs top)/queue/discard_max_bytes")"
}
it "is transparent without a target" passes_without_a_target

finish
