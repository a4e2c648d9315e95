#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a concluded backup says of its destination is what a reader finds there: whoever
# reads it, through the page cache or not, wherever its zeroes came from.

. ./lib.sh
without_udev

field() { # field NAME NR: a word of the target's status, the first is 1
	dmsetup status --target backupcow "$1" | cut -d' ' -f$(($2 + 3))
}

state_is() { [ "$(field "$1" 1)" = "$2" ]; }

stack() { # stack MIB
	SECTORS=$(($1 * 2048))
	cd /tmp
	ORIGIN=$(memdev origin "$1")
	TARGET=$(memdev target "$1")
	noisy "$ORIGIN" "$1"
	noisy "$TARGET" "$1"
	dd if="$ORIGIN" of=old bs=1M iflag=direct status=none
	BACKUP="0 $SECTORS backupcow $ORIGIN 0 $TARGET 0 128"
}

sees_the_device() { # a buffered reader sees what the device holds
	dd if="$TARGET" of=direct bs=1M iflag=direct status=none
	cmp direct "$TARGET"
}

# The page cache stays while the job has the destination open.
reads_through_the_cache() {
	cat "$TARGET" >/dev/null
}

sees_the_backup() {
	stack 16
	reads_through_the_cache
	table top "$BACKUP 2 speed 262144"
	reads_through_the_cache
	dmsetup message top 0 set-speed 0
	eventually 60 state_is top concluded
	cmp old "$TARGET"
}
it "a buffered reader of a concluded backup sees it, though it has read the destination before" \
	sees_the_backup

sees_a_part() {
	stack 16
	table top "0 8192 backupcow $ORIGIN 8192 $TARGET 8200 128 2 speed 131072"
	reads_through_the_cache
	dmsetup message top 0 set-speed 0
	eventually 60 state_is top concluded
	sees_the_device
	cmp -n $((4 << 20)) -i $((4 << 20)):$((8200 * 512)) old "$TARGET"
}
it "likewise where the backup begins within a page" sees_a_part

sees_what_was_cancelled() {
	stack 16
	table top "$BACKUP 2 speed 262144"
	reads_through_the_cache
	dmsetup message top 0 cancel
	eventually 60 state_is top concluded
	sees_the_device
}
it "likewise of one that was cancelled" sees_what_was_cancelled

sees_what_has_failed() {
	stack 16
	table bad "0 16384 linear $ORIGIN 0
16384 $((SECTORS - 16384)) error"
	table top "${BACKUP/$ORIGIN//dev/mapper/bad} 2 speed 262144"
	reads_through_the_cache
	dmsetup message top 0 set-speed 0
	eventually 60 state_is top concluded
	same "error" EIO "$(field top 4)"
	sees_the_device
}
it "likewise of one that has failed" sees_what_has_failed

sees_it_when_removed() {
	stack 16
	table top "$BACKUP 2 speed 262144"
	exec {held}<"$TARGET"
	reads_through_the_cache
	dmsetup remove --retry top
	sees_the_device
}
it "likewise of one that was removed in the middle" sees_it_when_removed

sees_it_mapped() {
	program glance glance.c
	stack 16
	table top "$BACKUP 2 speed 262144"
	mkfifo go
	"$OLDPWD/glance" "$TARGET" old <go >said &
	local reader=$!
	exec {go}>go
	eventually 60 grep -q looked said
	dmsetup message top 0 set-speed 0
	eventually 60 state_is top concluded
	echo >&"$go"
	wait "$reader"
}
it "likewise who has mapped it into memory" sees_it_mapped

# Written without being synced, while something else has the destination open.
outlives_old_writes() {
	stack 16
	table below "0 $SECTORS linear $TARGET 0"
	exec {held}</dev/mapper/below
	dd if=old of=/dev/mapper/below bs=1M skip=1 conv=notrunc status=none
	table top "${BACKUP/$TARGET//dev/mapper/below} 2 share on"
	exec {held}<&-
	eventually 60 state_is top concluded
	blockdev --flushbufs /dev/mapper/below
	dd if="$TARGET" of=direct bs=1M iflag=direct status=none
	cmp old direct
}
it "what was still to be written back to the destination does not overwrite the backup" \
	outlives_old_writes

every_other() { # every_other DEVICE: 4 KiB of data at 128 KiB of each MiB, the rest zeroes
	local i
	dd if=/dev/zero of="$1" bs=1M count=16 oflag=direct status=none
	for i in {0..15}; do
		dd if=old of="$1" bs=4k count=1 skip="$i" seek=$((i * 256 + 32)) oflag=direct status=none
	done
}

# thin_target BLOCK [FEATURE]: TARGET is a volume of 16 MiB of a pool full of old data
thin_target() {
	local data meta
	data=$(memdev data 32) meta=$(memdev meta 8)
	noisy "$data" 32
	dd if=/dev/zero of="$meta" bs=1M count=8 oflag=direct status=none
	table pool "0 65536 thin-pool $meta $data $1 0 ${2:+1 $2}"
	dmsetup message pool 0 "create_thin 0"
	table thin "0 32768 thin /dev/mapper/pool 0"
	TARGET=/dev/mapper/thin
}
blocks_mapped() { dmsetup status thin | cut -d' ' -f4; } # in sectors

stays_true_when_thin() { # stays_true_when_thin CLUSTER
	stack 16
	every_other "$ORIGIN"
	dd if="$ORIGIN" of=old bs=1M iflag=direct status=none
	thin_target 1024 skip_block_zeroing
	table top "0 $SECTORS backupcow $ORIGIN 0 /dev/mapper/thin 0 $1 2 detect-zeroes unmap"
	eventually 60 state_is top concluded
	dd if=/dev/mapper/thin of=new bs=1M iflag=direct status=none
	cmp old new
	same "sectors allocated" 16384 "$(blocks_mapped)" # a block of two in each MiB
}
it "zeroes are zeroes on a thin volume of a pool that does not zero, and it stays thin" \
	stays_true_when_thin 128
it_in_full "likewise with the smallest clusters" stays_true_when_thin 8
it_in_full "likewise with clusters of a block of the pool" stays_true_when_thin 1024

# Units of the destination that begin within a cluster, and longer ones than a copy.
stays_true_at_any_place() { # stays_true_at_any_place BLOCK OFFSET
	stack 16
	every_other "$ORIGIN"
	dd if="$ORIGIN" of=old bs=1M count=12 iflag=direct status=none
	thin_target "$1" skip_block_zeroing
	table top "0 24576 backupcow $ORIGIN 0 /dev/mapper/thin $2 128 2 detect-zeroes unmap"
	eventually 60 state_is top concluded
	cmp -i 0:$(($2 * 512)) -n $((12 << 20)) old <(dd if=/dev/mapper/thin bs=1M iflag=direct status=none)
}
it "and where the backup begins within a block of the pool" stays_true_at_any_place 384 1000
it_in_full "and where a block is longer than a copy" stays_true_at_any_place 16384 0

finish
