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
	table top "${BACKUP/$TARGET//dev/mapper/below}"
	exec {held}<&-
	eventually 60 state_is top concluded
	blockdev --flushbufs /dev/mapper/below
	dd if="$TARGET" of=direct bs=1M iflag=direct status=none
	cmp old direct
}
it "what was still to be written back to the destination does not overwrite the backup" \
	outlives_old_writes

finish
