#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What happens when a device of a backup fails, fills up, is slow or hangs:
# each policy does what it says, and the origin stays usable and removable.

. ./lib.sh
without_udev

field() { # field NAME NR: a word of the target's status, the first is 1
	dmsetup status --target backupcow "$1" | cut -d' ' -f$(($2 + 3))
}

state_is() { # state_is NAME STATE
	[ "$(field "$1" 1)" = "$2" ]
}

field_is() { # field_is NAME NR VALUE
	[ "$(field "$1" "$2")" = "$3" ]
}

write_mib() { # write_mib NR: the first block of this MiB
	dd if=/dev/urandom of=/dev/mapper/top bs=4k count=1 \
		seek=$(($1 * 256)) oflag=direct conv=notrunc status=none
}

# The target is a dm device, "sink", so that it can be made to fail or hang.
stack() { # stack MIB
	SECTORS=$(($1 * 2048))
	cd /tmp
	ORIGIN=$(memdev origin "$1")
	TARGET=$(memdev target "$1")
	noisy "$ORIGIN" "$1"
	dd if="$ORIGIN" of=old bs=1M iflag=direct status=none
	table sink "0 $SECTORS linear $TARGET 0"
	BACKUP="0 $SECTORS backupcow $ORIGIN 0 /dev/mapper/sink 0 128"
	PLAIN="0 $SECTORS linear $ORIGIN 0"
}

break_at_8() { # break_at_8 NAME DEVICE
	reload "$1" "0 16384 linear $2 0
16384 2048 error
18432 $((SECTORS - 18432)) linear $2 18432"
}

mend() { # mend NAME DEVICE
	reload "$1" "0 $SECTORS linear $2 0"
}

remove_all() { # nothing holds the target when the backup has gone
	dmsetup remove --retry top
	dmsetup remove --retry sink
}

breaks_the_write() {
	stack 16
	break_at_8 sink "$TARGET"
	table top "$BACKUP 2 sync none"
	fails write_mib 8
	write_mib 4
	same "state" running "$(field top 1)"
	same "snapshot" intact "$(field top 5)"
	fails cmp -s -n 4096 -i $((4 << 20)) old "$ORIGIN"
	cmp -n $((1 << 20)) -i $((8 << 20)) old "$ORIGIN"
	mend sink "$TARGET"
	write_mib 8
	cmp -n 65536 -i $((8 << 20)) old "$TARGET"
	remove_all
}
it "break-guest-write fails the write, and copies when it is tried again" \
	breaks_the_write

# The words for writes that have failed; the events are a matter of backupcow-hazards.
counts_failed_writes() {
	stack 16
	break_at_8 sink "$TARGET"
	table top "$BACKUP 2 sync none"
	same "failed writes" "0 -" "$(field top 11) $(field top 12)"
	fails write_mib 8
	fails write_mib 8
	same "failed writes" "2 EIO" "$(field top 11) $(field top 12)"
	log_says "write failed with EIO: its old data could not be copied to destination"
	reload top "$BACKUP 4 sync none cbw-timeout 1"
	mend sink "$TARGET"
	dmsetup suspend --noflush sink
	fails write_mib 8
	dmsetup resume sink
	same "failed writes" "3 EIO" "$(field top 11) $(field top 12)"
	write_mib 4
	same "failed writes" "3 EIO" "$(field top 11) $(field top 12)"
}
it "writes that fail for the backup's sake are counted in the status and named in the log" counts_failed_writes

fails_only_whose_it_is() {
	stack 16
	reload sink "0 16392 linear $TARGET 0
16392 8 error
16400 $((SECTORS - 16400)) linear $TARGET 16400"
	table top "0 $SECTORS backupcow $ORIGIN 0 /dev/mapper/sink 0 8 2 sync none"
	blkdiscard -o $((4 << 20)) -l $((4 << 20)) /dev/mapper/top
	fails dd if=/dev/zero of=/dev/mapper/top bs=64k seek=128 count=1 \
		oflag=direct status=none
	dd if=/dev/zero of=/dev/mapper/top bs=4k seek=2048 count=1 \
		oflag=direct status=none
	fails dd if=/dev/zero of=/dev/mapper/top bs=4k seek=2049 count=1 \
		oflag=direct status=none
	dd if=/dev/zero of=/dev/mapper/top bs=4k seek=2050 count=6 \
		oflag=direct status=none
}
it "an error meets only those writers whose own cluster it is" \
	fails_only_whose_it_is

breaks_the_snapshot() {
	stack 16
	break_at_8 sink "$TARGET"
	table top "$BACKUP 4 sync none on-cbw-error break-snapshot"
	write_mib 8
	eventually 60 state_is top concluded
	same "snapshot" broken "$(field top 5)"
	same "error" EIO "$(field top 4)"
	write_mib 4
	write_mib 8
	cmp -n $((1 << 20)) -i $((4 << 20)) /dev/zero "$TARGET"
}
it "break-snapshot lets the write go and copies nothing more" breaks_the_snapshot

reports_target_errors() {
	stack 16
	break_at_8 sink "$TARGET"
	table top "$BACKUP"
	eventually 60 state_is top concluded
	same "error" EIO "$(field top 4)"
	same "snapshot" intact "$(field top 5)"
	write_mib 2
	mend sink "$TARGET"
	write_mib 8
	remove_all
}
it "report ends the backup at an error of the target" reports_target_errors

reports_source_errors() {
	stack 16
	table source "0 $SECTORS linear $ORIGIN 0"
	break_at_8 source "$ORIGIN"
	table top "${BACKUP/$ORIGIN//dev/mapper/source}"
	eventually 60 state_is top concluded
	same "error" EIO "$(field top 4)"
	same "snapshot" intact "$(field top 5)"
	mend source "$ORIGIN"
	write_mib 8
}
it_in_full "report ends the backup at an error of the source" reports_source_errors

stops_at_8() {
	stack 16
	break_at_8 sink "$TARGET"
	table top "$BACKUP 2 on-target-error stop"
	eventually 60 state_is top paused
}

stops_and_resumes() {
	stops_at_8
	same "I/O status" failed "$(field top 6)"
	same "error" EIO "$(field top 4)"
	dmsetup message top 0 resume
	eventually 60 state_is top paused
	mend sink "$TARGET"
	write_mib 8
	dmsetup message top 0 resume
	eventually 60 state_is top concluded
	same "error" - "$(field top 4)"
	cmp old "$TARGET"
	remove_all
}
it "stop pauses, and resume tries again" stops_and_resumes

cancels_when_stopped() {
	stops_at_8
	dmsetup message top 0 cancel
	eventually 60 state_is top concluded
	same "error" ECANCELED "$(field top 4)"
}
it "a backup that was stopped and cancelled has been cancelled" cancels_when_stopped

cached_target() { # under sink: what is written is in a cache until it is flushed
	local dir=/sys/kernel/config/nullb/qm-cached
	TARGET=$(memdev cached 16)
	echo 0 >"$dir/power"
	echo 4 >"$dir/cache_size"
	echo 1 >"$dir/power"
	TARGET=$(memdev cached 16)
	reload sink "0 $SECTORS linear $TARGET 0"
}

# All has been copied before, so that a flush is all that can fail.
flush_meets() { # flush_meets POLICY
	stack 16
	cached_target
	modprobe dm-flakey
	table top "$BACKUP 2 sync none"
	blkdiscard -z /dev/mapper/top
	same "bytes" 16777216/16777216 "$(field top 3)"
	reload sink "0 $SECTORS flakey $TARGET 0 0 1 1 error_writes"
	reload top "$BACKUP 4 sync full on-target-error $1"
}

flush_fails() { # flush_fails POLICY
	flush_meets "$1"
	eventually 60 state_is top concluded
	same "error" EIO "$(field top 4)"
	mend sink "$TARGET"
	fails dmsetup message top 0 resume
	same "state" concluded "$(field top 1)"
	same "error" EIO "$(field top 4)"
	remove_all
}
it "a flush that fails at the end ends the backup with its error, under stop as well" flush_fails stop
it_in_full "and it cannot be ignored" flush_fails ignore

# What the target lost while it was away is not known, what it can do is: zeroing.
zeroes_again() {
	modprobe loop
	stack 16
	blkdiscard -z "$ORIGIN"
	noisy "$TARGET" 16
	dd if="$TARGET" of=/dev/shm/target.img bs=1M iflag=direct status=none
	TARGET=$(losetup --find --show /dev/shm/target.img)
	table below "0 $SECTORS linear $TARGET 0"
	reload sink "0 $SECTORS linear /dev/mapper/below 0"
	reload below "0 $SECTORS error"
	table top "$BACKUP 4 detect-zeroes unmap on-target-error stop"
	eventually 60 state_is top paused
	mend below "$TARGET"
	dmsetup message top 0 resume
	eventually 60 state_is top concluded
	same "blocks allocated" 0 "$(stat -c %b /dev/shm/target.img)"
	remove_all
	dmsetup remove --retry below
	losetup -d "$TARGET"
	rm /dev/shm/target.img
}
it "a target that was away is given write-zeroes again" zeroes_again

ignores_errors() {
	stack 16
	break_at_8 sink "$TARGET"
	table top "$BACKUP 2 on-target-error ignore"
	eventually 60 field_is top 3 15728640/16777216
	same "state" running "$(field top 1)"
	mend sink "$TARGET"
	eventually 60 state_is top concluded
	cmp old "$TARGET"
}
it "ignore copies all that can be, and tries the rest until it works" \
	ignores_errors

is_busy() {
	local reads writes
	read -r reads writes <"$(sysfs top)/inflight"
	[ "$reads" = 0 ] && [ "$writes" = 1 ]
}

# One write hangs in the part of "top" that is not backed up, so the device is
# busy and the background copies one piece after the other.
ignores_errors_when_busy() {
	stack 32
	break_at_8 sink "$TARGET"
	table stuck "0 2048 linear $ORIGIN 32768"
	table top "0 32768 backupcow $ORIGIN 0 /dev/mapper/sink 0 8 4 speed 4096 on-target-error ignore
32768 2048 linear /dev/mapper/stuck 0"
	dmsetup suspend --noflush stuck
	dd if=/dev/zero of=/dev/mapper/top bs=4k seek=4096 count=1 oflag=direct status=none &
	local writer=$!
	eventually 60 is_busy
	dmsetup message top 0 set-speed 0
	eventually 60 field_is top 3 15728640/16777216
	dmsetup resume stuck
	wait "$writer"
	mend sink "$TARGET"
	eventually 60 state_is top concluded
	cmp -n 16777216 old "$TARGET"
}
it "and does so while the device is busy" ignores_errors_when_busy

write_times_out() {
	stack 16
	table top "$BACKUP 6 sync none cbw-timeout 1 on-cbw-error break-guest-write"
	dmsetup suspend --noflush sink
	fails write_mib 3
	dmsetup resume sink
	same "state" running "$(field top 1)"
	eventually 60 field_is top 7 0
	write_mib 3
	cmp -n 65536 -i $((3 << 20)) old "$TARGET"
}
it "cbw-timeout fails the write, the copy is not in vain" write_times_out

# Where the clock goes by the latest, a round shows it about every second time.
goes_by_the_oldest() {
	program latecomers latecomers.c
	stack 16
	table top "0 $SECTORS backupcow $ORIGIN 0 /dev/mapper/sink 0 128 4 sync none cbw-timeout 5"
	dmsetup suspend --noflush sink
	"$OLDPWD/latecomers" /dev/mapper/top
	"$OLDPWD/latecomers" /dev/mapper/top
	dmsetup resume sink
	eventually 60 field_is top 7 0
}
it_on_stock "cbw-timeout goes by who waits longest, however many come later" goes_by_the_oldest

snapshot_times_out() {
	stack 16
	table top "0 $SECTORS backupcow $ORIGIN 0 /dev/mapper/sink 0 4096 6 sync none cbw-timeout 1 on-cbw-error break-snapshot"
	dmsetup suspend --noflush sink
	write_mib 3
	same "snapshot" broken "$(field top 5)"
	same "error" ETIMEDOUT "$(field top 4)"
	write_mib 9
	dmsetup resume sink
	eventually 60 state_is top concluded
}
it_in_full "cbw-timeout breaks the snapshot when that is the policy" snapshot_times_out

writes_behind() {
	stack 16
	table top "$BACKUP 4 sync none on-cbw-error break-snapshot"
	dmsetup suspend --noflush sink
	write_mib 1
	write_mib 2
	write_mib 3
	same "copies in flight" 3 "$(field top 7)"
	dmsetup resume sink
	eventually 60 field_is top 7 0
	same "snapshot" intact "$(field top 5)"
	for mib in 1 2 3; do
		cmp -n 65536 -i $((mib << 20)) old "$TARGET"
	done
	remove_all
}
it "under break-snapshot a target that hangs holds no writer up" writes_behind

breaks_behind() {
	stack 16
	break_at_8 sink "$TARGET"
	table top "$BACKUP 4 on-cbw-error break-snapshot on-target-error stop"
	eventually 60 state_is top paused
	same "snapshot" intact "$(field top 5)"
	write_mib 8
	eventually 60 field_is top 5 broken
	write_mib 8
}
it "an error behind the writer's back breaks the snapshot" breaks_behind

# The source is bad at cluster 106, which is read ahead for the writer of 103.
reads_ahead() {
	stack 16
	table source "0 13568 linear $ORIGIN 0
13568 128 error
13696 $((SECTORS - 13696)) linear $ORIGIN 13696"
	table top "0 $SECTORS backupcow /dev/mapper/source 0 /dev/mapper/sink 0 128 6 on-cbw-error break-snapshot speed 1 on-source-error ignore"
	for cluster in 100 101 103; do
		dd if=/dev/zero of=/dev/mapper/top bs=64k seek="$cluster" count=1 oflag=direct status=none
	done
	same "snapshot" intact "$(field top 5)"
	mend source "$ORIGIN"
	dmsetup message top 0 set-speed 0
	eventually 60 state_is top concluded
	same "snapshot" intact "$(field top 5)"
	cmp old "$TARGET"
}
it "a cluster read ahead that nothing writes to does not break the snapshot" reads_ahead

# A writer takes cluster 0 of a background copy that waits to be written; cluster BAD of the
# target is bad.
meets_a_bad_neighbour() { # meets_a_bad_neighbour BAD OPTIONS
	local begin=$(($1 * 128)) end=$(($1 * 128 + 128)) table
	stack 16
	table="$begin 128 error
$end $((SECTORS - end)) linear $TARGET $end"
	[ "$begin" = 0 ] || table="0 $begin linear $TARGET 0
$table"
	table bad "$table"
	reload sink "0 $SECTORS linear /dev/mapper/bad 0"
	dmsetup suspend --noflush sink
	table top "$BACKUP $2"
	eventually 60 copies_are_in_flight
	dd if=/dev/zero of=/dev/mapper/top bs=4k count=1 oflag=direct status=none
	dmsetup resume sink
}

still_waits() { # still_waits PID: it runs, and not one write of the device has ended for 3 s
	local before now
	read -r _ _ _ _ before _ <"$(sysfs top)/stat"
	pause 3
	read -r _ _ _ _ now _ <"$(sysfs top)/stat"
	[ "$before" = "$now" ] && kill -0 "$1"
}

# The destination is a loop device over a file on the file system that is backed up. What is
# written waits for a copy, the copy for the file, the file for what is written; the first is
# what the file system writes when it is thawed, so that the resume waits, too.
ends_a_circle() {
	local loop writer resume i
	modprobe loop
	stack 80
	mkdir mnt
	table top "$PLAIN"
	mkfs.ext4 -q /dev/mapper/top
	mount /dev/mapper/top mnt
	truncate -s 80M mnt/image
	loop=$(losetup --find --show mnt/image)
	dmsetup reload top --table "${BACKUP/\/dev\/mapper\/sink/$loop} 2 sync none"
	dmsetup resume top &
	resume=$!
	for i in 1 2 3; do
		dd if=/run/qdm/noise of="mnt/file$i" bs=1M count=12 conv=fsync status=none &
	done
	writer=$!
	eventually 20 still_waits "$writer"
	eventually 60 dmsetup message top 0 cancel
	wait "$resume"
	timeout 60 dmsetup suspend top
	timeout 60 dmsetup resume top
	eventually 60 state_is top concluded
	wait
	reload top "$PLAIN"
	losetup -d "$loop"
	umount mnt
}
it "cancel ends a circle through a loop device, and the device can be suspended" ends_a_circle

copies_are_in_flight() {
	[ "$(field top 7)" -gt 0 ]
}

ignores_the_neighbour() {
	meets_a_bad_neighbour 12 "4 on-cbw-error break-snapshot on-target-error ignore"
	eventually 60 field_is top 3 16711680/16777216
	same "snapshot" intact "$(field top 5)"
	mend bad "$TARGET"
	eventually 60 state_is top concluded
	same "snapshot" intact "$(field top 5)"
	cmp old "$TARGET"
}
it "an error of a cluster that no writer has passed follows on-target-error" ignores_the_neighbour

stops_at_the_neighbour() {
	meets_a_bad_neighbour 12 "4 on-cbw-error break-snapshot on-target-error stop"
	eventually 60 state_is top paused
	same "snapshot" intact "$(field top 5)"
	mend bad "$TARGET"
	dmsetup message top 0 resume
	eventually 60 state_is top concluded
	same "error" - "$(field top 4)"
	cmp old "$TARGET"
}
it_in_full "likewise stop" stops_at_the_neighbour

breaks_at_the_writers_own() {
	meets_a_bad_neighbour 0 "4 on-cbw-error break-snapshot on-target-error ignore"
	eventually 60 state_is top concluded
	same "snapshot" broken "$(field top 5)"
	same "error" EIO "$(field top 4)"
}
it "an error of the cluster that a writer has passed breaks the snapshot, whatever its copy's others do" \
	breaks_at_the_writers_own

# A background read of the cluster is under way when the writer comes.
meets_a_read() {
	stack 16
	table source "0 $SECTORS linear $ORIGIN 0"
	dmsetup suspend --noflush sink
	dmsetup suspend --noflush source
	table top "0 $SECTORS backupcow /dev/mapper/source 0 /dev/mapper/sink 0 128 4 on-cbw-error break-snapshot max-workers 1"
	eventually 60 field_is top 7 1
	dd if=/dev/zero of=/dev/mapper/top bs=4k count=1 oflag=direct status=none &
	local writer=$!
	eventually 60 field_is top 8 1
	dmsetup resume source
	wait "$writer"
	dmsetup resume sink
	eventually 60 state_is top concluded
	cmp old "$TARGET"
}
it "write-behind releases a writer that has met a background read" meets_a_read

hung() { # hung [OPTIONS]: a writer waits for a target that hangs
	stack 16
	table top "$BACKUP $*"
	dmsetup suspend --noflush sink
	write_mib 9 &
	WRITER=$!
	eventually 60 field_is top 8 1
}

survives_a_hung_target() {
	hung 2 sync none
	dmsetup suspend --noflush top
	dmsetup reload top --table "$PLAIN"
	dmsetup resume top
	wait "$WRITER"
	write_mib 10
	fails dmsetup reload top --table "$BACKUP"
	log_says "one that has ended still waits for it"
	dmsetup remove --retry top
	dmsetup resume sink
	eventually 60 dmsetup remove --retry sink
	fails cmp -s -n 4096 -i $((9 << 20)) old "$ORIGIN"
	eventually 60 rmmod dm_backupcow
}
it "an origin is freed from a target that hangs" survives_a_hung_target

keeps_the_job_over_noflush() {
	hung 2 speed 1048576
	dmsetup suspend --noflush top
	dmsetup resume top
	sleep 0.3
	kill -0 "$WRITER"
	dmsetup resume sink
	wait "$WRITER"
	dmsetup message top 0 set-speed 0
	eventually 60 state_is top concluded
	cmp old "$TARGET"
	remove_all
}
it "writers that were pushed back wait again when the job goes on" \
	keeps_the_job_over_noflush

cancels_when_hung() {
	hung 2 sync none
	dmsetup message top 0 cancel
	wait "$WRITER"
	same "state" aborting "$(field top 1)"
	fails dmsetup reload top --table "${BACKUP/ 128/ 64}"
	log_says "is ending, but its target has yet to answer: load a table with target - first"
	dmsetup resume sink
	eventually 60 state_is top concluded
	remove_all
}
it "cancel lets the writers go, whatever the target does" cancels_when_hung

# is_suspending PID: it is in DM_DEV_SUSPEND, that ioctl of 0xfd
is_suspending() { grep -q '^16 0x[0-9a-f]* 0xc138fd06 ' "/proc/$1/syscall"; }

# Reads of the origin hang until "source" is suspended, its writes do not; the
# second half of "top" is no part of the backup.
drains_before_it_blocks() {
	stack 16
	modprobe dm-delay
	table source "0 $SECTORS delay $ORIGIN 0 100000 $ORIGIN 0 0"
	table top "0 16384 backupcow /dev/mapper/source 0 /dev/mapper/sink 0 128
16384 16384 linear $ORIGIN 16384"
	eventually 60 copies_are_in_flight
	dmsetup suspend --nolockfs "$@" top &
	local suspending=$!
	eventually 60 is_suspending "$suspending"
	timeout 30 dd if=/dev/zero of=/dev/mapper/top bs=4k seek=3000 count=1 oflag=direct status=none
	kill -0 "$suspending"
	dmsetup suspend source
	wait "$suspending"
	dmsetup reload source --table "0 $SECTORS linear $ORIGIN 0"
	dmsetup resume source
	dmsetup resume top
	eventually 60 state_is top concluded
	cmp -n 8388608 old "$TARGET"
}
it "a suspend waits for the background's reads while I/O still flows" \
	drains_before_it_blocks
it "and so does one with noflush" drains_before_it_blocks --noflush

comes_and_goes() {
	stack 16
	modprobe dm-flakey
	reload sink "0 $SECTORS flakey $TARGET 0 1 1"
	table top "$BACKUP 4 speed 4194304 on-target-error ignore"
	eventually 110 state_is top concluded
	same "error" - "$(field top 4)"
	cmp old "$TARGET"
	remove_all
}
it "ignore gets through with a target that comes and goes" comes_and_goes

fills_a_target() {
	stack 16
	local meta
	meta=$(memdev meta 8)
	dmsetup remove --retry sink
	table pool "0 8192 thin-pool $meta $TARGET 128 0 1 error_if_no_space"
	dmsetup message pool 0 "create_thin 0"
	table sink "0 $SECTORS thin /dev/mapper/pool 0"
	table top "$BACKUP 2 on-target-error enospc"
	eventually 60 state_is top paused
	same "I/O status" nospace "$(field top 6)"
	same "error" ENOSPC "$(field top 4)"
	write_mib 1
	dmsetup message top 0 cancel
	remove_all
	dmsetup remove --retry pool
}
it_in_full "enospc stops when the target is full" fills_a_target

finish
