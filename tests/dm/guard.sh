#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A backup that is not of one instant must never end well. Here a device with a guard line
# and a backup beneath is led past the backup in each way there is: then the backup is
# broken. And what leads nobody past it must not disturb it. "dev" is the device, "bak" the
# backup under it, "root" has the data.

. ./lib.sh
without_udev

SECTORS=16384

field() { # field NAME NR: a word of the target's status, the first is 1
	dmsetup status "$1" | cut -d' ' -f$(($2 + 3))
}
state_is() { [ "$(field "${2:-bak}" 1)" = "$1" ]; }
guard_is() { [ "$(dmsetup status bak | awk '{ print $NF }')" = "$1" ]; }

backup_line() { # backup_line OPTION...
	echo "0 $SECTORS backupcow /dev/mapper/root 0 $TARGET 0 128 $# $*"
}

prepare() {
	cd /tmp
	ORIGIN=$(memdev origin 8)
	TARGET=$(memdev target 8)
	noisy "$ORIGIN" 8
	table root "0 $SECTORS linear $ORIGIN 0"
	table dev "0 $SECTORS linear /dev/mapper/root 0"
	PLAIN="0 $SECTORS linear /dev/mapper/root 0"
	GUARD="0 $SECTORS qguard /dev/mapper/bak 0"
}

# begin [OPTION...]: a backup of dev, guarded, that stands still after its first copy
begin() {
	prepare
	[ $# != 0 ] || set -- speed 1 guard required
	table bak "$(backup_line "$@")"
	dmsetup suspend dev
	dd if="$ORIGIN" of=old bs=1M iflag=direct status=none
	reload dev "$GUARD"
	eventually 10 guard_is guarded
}

overwrite() { # overwrite [MIB [NAME]]: other data at the end of the device
	dd if=/dev/zero of="/dev/mapper/${2:-dev}" bs=1M count="${1:-1}" seek=$((8 - ${1:-1})) oflag=direct \
		conv=notrunc status=none
}

goes_on() { # the backup is not disturbed, and ends well
	overwrite
	dmsetup message bak 0 set-speed 0
	ends_well
}
ends_well() {
	eventually 60 state_is concluded
	same "error" - "$(field bak 4)"
	same "snapshot" intact "$(field bak 5)"
	cmp old "$TARGET"
}

broken() { # at once
	same "error" ESTALE "$(field bak 4)"
	same "snapshot" broken "$(field bak 5)"
	eventually 10 state_is concluded
}

whole() {
	begin
	goes_on
	guard_is guarded
	reload dev "$PLAIN"
	same "snapshot, without the guard" intact "$(field bak 5)"
}
it "a backup with a guard above it ends well" whole

waits_for_a_guard() {
	prepare
	table bak "$(backup_line speed 0 guard required)"
	guard_is unguarded
	pause 0.3
	same "clusters" 0/128 "$(field bak 2)"
	same "reads" 0 "$(awk '{ print $1 }' "$(sysfs bak)/stat")"
	overwrite
	dmsetup suspend dev
	dd if="$ORIGIN" of=old bs=1M iflag=direct status=none
	reload dev "$GUARD"
	overwrite 2
	ends_well
}
it "with guard required the instant is that of the first guard, and nothing is read before" waits_for_a_guard

led_past() { # led_past FUNCTION [gone]: with "gone" the device takes no such write any more
	begin
	"$1"
	broken
	[ "${2:-}" = gone ] || overwrite
}
by_reload() { reload dev "$PLAIN"; }
by_steps() {
	dmsetup suspend dev
	dmsetup load dev --table "$PLAIN"
	dmsetup resume dev
}
by_noflush() {
	dmsetup suspend --noflush dev
	dmsetup load dev --table "$PLAIN"
	dmsetup resume dev
}
by_removal() { dmsetup remove dev; }
by_force() { dmsetup wipe_table dev; }
by_other_place() { reload dev "0 $((SECTORS - 8)) qguard /dev/mapper/bak 8"; }
by_half() {
	printf '%s\n' "0 8192 qguard /dev/mapper/bak 0" "8192 8192 linear /dev/mapper/root 8192" | dmsetup load dev
	dmsetup resume dev
}
by_two_halves_crossed() {
	printf '%s\n' "0 8192 qguard /dev/mapper/bak 8192" "8192 8192 qguard /dev/mapper/bak 0" | dmsetup load dev
	dmsetup resume dev
}
it "is broken when the device gets a linear line" led_past by_reload
it "is broken when the device gets a linear line, step by step" led_past by_steps
it "is broken when the device gets a linear line without a flush" led_past by_noflush
it "is broken when the device is removed" led_past by_removal gone
it "is broken when the device's table is wiped" led_past by_force gone
it "is broken when a guard line maps to another place" led_past by_other_place gone
it "is broken when half of the device goes past it" led_past by_half
it "is broken when two guard lines exchange halves" led_past by_two_halves_crossed

undisturbed() { # undisturbed FUNCTION
	begin
	"$1"
	guard_is guarded
	goes_on
}
by_same_line() { reload dev "$GUARD"; }
by_same_line_in_steps() {
	dmsetup suspend dev
	dmsetup load dev --table "$GUARD"
	dmsetup resume dev
}
by_suspend() {
	dmsetup suspend dev
	dmsetup resume dev
}
by_clear() {
	dmsetup load dev --table "$GUARD"
	dmsetup clear dev
	dmsetup load dev --table "$PLAIN"
	dmsetup clear dev
}
by_a_throttle() {
	table thr "0 $SECTORS qthrottle /dev/mapper/bak 0 - 2 iops-total 100000"
	reload dev "0 $SECTORS qguard /dev/mapper/thr 0"
	overwrite
	reload thr "0 $SECTORS qthrottle /dev/mapper/bak 0 - 2 iops-total 50000"
	overwrite
	reload dev "$GUARD"
	dmsetup remove thr
}
by_a_filter_below() {
	table low "0 $SECTORS wthreshold /dev/mapper/root 0 0"
	reload bak "0 $SECTORS backupcow /dev/mapper/low 0 $TARGET 0 128 4 speed 1 guard required"
}
by_rename() {
	dmsetup rename dev other
	dmsetup rename other dev
}
it "goes on when the guard's line is loaded again" undisturbed by_same_line
it "goes on when the guard's line is loaded again while the device is suspended" undisturbed by_same_line_in_steps
it "goes on when the device is suspended and resumed" undisturbed by_suspend
it "goes on when lines are loaded and cleared" undisturbed by_clear
it "goes on when a throttle is slipped in between, reloaded and taken out" undisturbed by_a_throttle
it "goes on when a filter is slipped in below it" undisturbed by_a_filter_below
it "goes on when the device is renamed" undisturbed by_rename

filter_past() {
	begin
	table thr "0 $SECTORS qthrottle /dev/mapper/bak 0 - 2 iops-total 100000"
	reload dev "0 $SECTORS qguard /dev/mapper/thr 0"
	guard_is guarded
	reload thr "0 $SECTORS qthrottle /dev/mapper/root 0 - 2 iops-total 100000"
	broken
}
it "is broken when a filter between is led past it" filter_past

filter_past_meanwhile() {
	begin
	table thr "0 $SECTORS qthrottle /dev/mapper/bak 0 - 2 iops-total 100000"
	reload dev "0 $SECTORS qguard /dev/mapper/thr 0"
	dmsetup suspend dev
	reload thr "0 $SECTORS qthrottle /dev/mapper/root 0 - 2 iops-total 100000"
	reload dev "$GUARD"
	broken
}
it "is broken when a filter between is led past it while the device is suspended" filter_past_meanwhile

reads_nothing() {
	local before
	begin
	dmsetup suspend dev
	guard_is unguarded
	dmsetup message bak 0 set-speed 0
	before=$(cat "$(sysfs root)/stat")
	pause 0.5
	same "I/O below" "$before" "$(cat "$(sysfs root)/stat")"
	state_is running
	dmsetup resume dev
	overwrite
	ends_well
}
it "reads nothing while its guard is suspended" reads_nothing

# A target that stands still holds all copies back; all old data is in memory by then.
all_read() {
	prepare
	table slow "0 $SECTORS linear $TARGET 0"
	table bak "0 2048 backupcow /dev/mapper/root 0 /dev/mapper/slow 0 128 4 guard required max-workers 64"
	dmsetup suspend dev
	dd if="$ORIGIN" of=old bs=1M count=1 iflag=direct status=none
	dmsetup suspend --noflush slow
	reload dev "0 2048 qguard /dev/mapper/bak 0"
	eventually 10 all_in_flight
	reload dev "$PLAIN"
	dd if=/dev/zero of=/dev/mapper/dev bs=1M count=1 oflag=direct status=none
	same "snapshot" intact "$(field bak 5)"
	dmsetup resume slow
	eventually 60 state_is concluded
	same "error" - "$(field bak 4)"
	cmp -n 1048576 old "$TARGET"
}
all_in_flight() { [ "$(awk '{ print $3 }' "$(sysfs root)/stat")" -ge 2048 ]; }
it "ends well without its guard if all old data was read before" all_read

paused() {
	begin
	dmsetup message bak 0 pause
	reload dev "$PLAIN"
	broken
}
it "is broken while it is paused" paused

on_demand() {
	begin sync none guard required
	overwrite
	reload dev "$PLAIN"
	broken
}
it "is broken with sync none, too" on_demand

of_itself() {
	begin speed 1
	guard_is guarded
	reload dev "$PLAIN"
	broken
}
it "needs a guard from when it has had one" of_itself

without() {
	prepare
	table bak "$(backup_line speed 0)"
	guard_is -
	eventually 60 state_is concluded
	same "snapshot" intact "$(field bak 5)"
	guard_is -
}
it "goes without a guard if it never had one" without

event_comes() {
	begin
	udevadm monitor --kernel --property >events &
	eventually 10 grep -q "KERNEL - the kernel uevent" events
	reload dev "$PLAIN"
	eventually 20 grep -q "DM_SNAPSHOT_ERROR=ESTALE" events
	grep "DM_ACTION=SNAPSHOT_BROKEN" events
}
it "says with an event that it is broken" event_comes

writers_go() {
	local writer
	begin speed 1 guard required
	dmsetup suspend dev
	dd if=/dev/zero of=/dev/mapper/bak bs=64k count=1 seek=100 oflag=direct conv=notrunc status=none &
	writer=$!
	eventually 10 waiting 1
	reload dev "$PLAIN"
	broken
	wait "$writer"
}
waiting() { [ "$(field bak 8)" = "$1" ]; }
it "lets those go who waited for it when it breaks" writers_go

keeps_its_kind() {
	begin
	fails dmsetup load bak --table "$(backup_line speed 1 guard required sync none)"
	log_says "a backup with sync full is under way, it cannot go on with sync none: cancel it first"
	fails dmsetup load bak --table "$(backup_line speed 1)"
	log_says "a backup with guard required is under way, it cannot go on with guard auto: cancel it first"
	goes_on
	dmsetup load bak --table "$(backup_line sync none)"
}
it "does not become a lesser backup by a reload before it is over" keeps_its_kind

# A table is destroyed line by line, the first one first; and the first one here waits two
# seconds for a copy that its target does not answer. Meanwhile the line that has taken the
# place is live, and gives way to ours.
slow_table() { # slow_table DEVICE LINE: its table from sector 128 on
	local from
	from=$(memdev from 1)
	table hung "0 2048 linear $(memdev to 1) 0"
	dmsetup suspend hung
	printf '%s\n' "0 128 backupcow $from 0 /dev/mapper/hung 0 128" "$2" | dmsetup load "$1"
	dmsetup resume "$1"
}

# swap_twice DEVICE LINE SECTOR: a linear line, and what writes past, and then LINE while the
# table before has not been destroyed, if the machine is not too slow for that; the backup's
# line is at SECTOR
swap_twice() {
	local swap
	dmsetup load "$1" --table "$PLAIN"
	dmsetup resume "$1" &
	swap=$!
	eventually 10 has_line linear "$1"
	overwrite
	printf '%s\n' "$2" | dmsetup load "$1"
	dmsetup resume "$1"
	dmsetup message bak "$3" set-speed 0 || ended_so "concluded .* ESTALE broken"
	wait "$swap"
}
ended_so() { dmsetup status bak | grep -q " $1 "; }
has_line() { [[ $(dmsetup table "$2") == *" $1 "* ]]; }

between_two_guards() {
	prepare
	table bak "$(backup_line speed 1 guard required)"
	slow_table dev "128 $((SECTORS - 128)) qguard /dev/mapper/bak 128"
	eventually 10 guard_is guarded
	swap_twice dev "$GUARD" 0
	broken
}
it "is broken when a linear line was live between two guards" between_two_guards

# What is below the origin answers no read until it is resumed.
below_hangs() { # below_hangs LINE_OF_DEV...: all of the backup's reads have begun
	prepare
	table low "0 $SECTORS linear $ORIGIN 0"
	reload root "0 $SECTORS linear /dev/mapper/low 0"
	dd if="$ORIGIN" of=old bs=1M iflag=direct status=none
	table bak "$(backup_line guard required max-workers 64)"
	dmsetup suspend --noflush low
	"$@"
	eventually 20 all_begun
}
all_begun() { [ "$(field bak 7)" -ge 8 ]; }
none_in_flight() { [ "$(field bak 7)" = 0 ]; }

guard() { reload dev "$GUARD"; }
guard_suspends() {
	below_hangs guard
	timeout 60 dmsetup suspend dev
	guard_is unguarded
	dmsetup resume dev
	guard_is guarded
	timeout 60 dmsetup suspend dev
	dmsetup resume low
	eventually 20 none_in_flight
	state_is running
	same "clusters copied" 0 "$(field bak 2 | cut -d/ -f1)"
	dmsetup resume dev
	ends_well
}
it "has its guard suspended though a read for it hangs, and reads that again" guard_suspends

read_in_between() {
	local swap
	below_hangs slow_table dev "128 $((SECTORS - 128)) qguard /dev/mapper/bak 128"
	dmsetup load dev --table "$PLAIN"
	dmsetup resume dev &
	swap=$!
	eventually 10 has_line linear dev
	dmsetup resume low
	overwrite
	wait "$swap"
	broken
}
it "is broken when its last reads end after a linear line was live" read_in_between

between_two_of_its_own() {
	local line
	prepare
	line="128 $((SECTORS - 128)) backupcow /dev/mapper/root 128 $TARGET 0 128 2 speed 1"
	table bak "$PLAIN"
	slow_table bak "$line"
	reload dev "$GUARD"
	swap_twice bak "0 128 linear /dev/mapper/root 0"$'\n'"$line" 128
	eventually 10 ended_so "concluded .* ESTALE broken"
}
it "is broken when a linear line was live between two of its own" between_two_of_its_own

finish
