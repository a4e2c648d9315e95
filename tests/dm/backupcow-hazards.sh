#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a hostile reader of dm-backupcow found: two backups that want one
# target, a speed that is raised while the copy sleeps, an event raised when
# the filter goes, a device too large for its cluster size, a table of another
# kind between two of the same backup.

. ./lib.sh

status() { # status NAME NR: a word of the target's status, the state is 1
	dmsetup status "$1" | cut -d' ' -f$(($2 + 3))
}

state_is() { [ "$(status "$1" 1)" = "$2" ]; }

bytes_done() { status "$1" 3 | cut -d/ -f1; }

has_copied() { [ "$(bytes_done "$1")" -ge "$2" ]; }

pattern() { # pattern DEVICE BYTE: the device is full of it
	head -c $((8 << 20)) /dev/zero | tr '\0' "$2" |
		dd of="$1" bs=1M iflag=fullblock oflag=direct status=none
}

one_writer() {
	local a b t
	a=$(memdev a 8) b=$(memdev b 8) t=$(memdev t 8)
	pattern "$a" A
	pattern "$b" B
	table x "0 16384 linear $a 0"
	table y "0 16384 linear $b 0"
	echo "0 16384 backupcow $a 0 $t 0 128 2 sync none" | dmsetup reload x
	echo "0 16384 backupcow $b 0 $t 0 128" | dmsetup reload y
	dmsetup resume x
	dmsetup resume y
	eventually 60 state_is y concluded
	same "error of the second" EBUSY "$(status y 4)"
	dd if=/dev/zero of=/dev/mapper/y bs=4k count=1 oflag=direct status=none
	dd if=/dev/zero of=/dev/mapper/x bs=4k count=1 oflag=direct status=none
	same "state of the first" running "$(status x 1)"
	same "old data" A "$(head -c 65536 "$t" | tr -s A)"
	same "what was not written" "" "$(tail -c +65537 "$t" | tr -d '\0' | head -c 10)"
}
it "lets only one of two backups write to a target, whichever resumes first" one_writer

speed_up() {
	local a t
	a=$(memdev a 8) t=$(memdev t 8)
	table x "0 16384 linear $a 0"
	reload x "0 16384 backupcow $a 0 $t 0 128 2 speed 1024"
	sleep 1
	dmsetup message x 0 set-speed 8388608
	eventually 60 has_copied x $((8 << 20))
}
it "goes on at once when its speed is raised" speed_up

last_event() {
	local a t listener
	a=$(memdev a 8) t=$(memdev t 8)
	table x "0 16384 linear $a 0"
	reload x "0 16384 backupcow $a 0 $t 0 128 2 sync none"
	udevadm settle
	udevadm monitor --kernel --property >events &
	listener=$!
	eventually 60 grep -q KERNEL events # it listens
	reload x "0 16384 linear $a 0"
	eventually 60 grep -qx DM_ACTION=BACKUP_CANCELLED events
	kill "$listener"
}
it "tells udev when it is replaced in mid-backup" last_event

io_errors() { grep -c '^DM_ACTION=BACKUP_IO_ERROR' events; }
last_error_is() { [ "$(sed -n 's/^DM_BACKUP_ERROR=//p' events | tail -1)" = "$1" ]; }

# Eight errors, one of them of another kind, which is the last.
failed_writes() {
	local a t listener began told i
	a=$(memdev a 8) t=$(memdev t 8)
	table sink "0 16384 error"
	table x "0 16384 backupcow $a 0 /dev/mapper/sink 0 128 4 sync none cbw-timeout 1"
	udevadm settle
	udevadm monitor --kernel --property >events &
	listener=$!
	eventually 60 grep -q KERNEL events # it listens
	began=$SECONDS
	for i in {1..7}; do
		fails dd if=/dev/zero of=/dev/mapper/x bs=4k count=1 oflag=direct status=none
	done
	reload sink "0 16384 linear $t 0"
	dmsetup suspend --noflush sink
	fails dd if=/dev/zero of=/dev/mapper/x bs=4k count=1 oflag=direct status=none
	dmsetup resume sink
	eventually 60 last_error_is ETIMEDOUT
	told=$(io_errors)
	echo "$told events in $((SECONDS - began)) s"
	[ "$told" -ge 2 ] && [ "$told" -le $((SECONDS - began + 2)) ]
	grep -qx DM_BACKUP_OPERATION=write events
	grep -qx DM_BACKUP_ACTION=report events
	grep -qx DM_BACKUP_ERROR=EIO events
	same "failed writes" "8 EIO" "$(status x 11) $(status x 12)"
	kill "$listener"
}
it "tells udev of writes that fail, at most once a second and always of the last" failed_writes

writes_in_flight() { # writes_in_flight NAME NR
	local writes
	read -r _ writes <"$(sysfs "$1")/inflight"
	[ "$writes" = "$2" ]
}

has_no_inactive_table() { ! dmsetup info "$1" | grep -q INACTIVE; }

# While the resume of a linear table waits for a write, the backup's line is loaded again.
passed_by() {
	local a t line writer resume
	modprobe dm-delay
	a=$(memdev a 8) t=$(memdev t 8)
	pattern "$a" A
	table low "0 16384 delay $a 0 0 $a 0 100000"
	line="0 16384 backupcow /dev/mapper/low 0 $t 0 128 2 speed 4096"
	table x "$line"
	dd if=/dev/zero of=/dev/mapper/x bs=4k count=1 oflag=direct status=none &
	writer=$!
	eventually 60 writes_in_flight x 1
	echo "0 16384 linear /dev/mapper/low 0" | dmsetup reload x
	dmsetup resume x &
	resume=$!
	eventually 60 has_no_inactive_table x
	echo "$line" | dmsetup reload x
	kill -0 "$writer" || { echo "the write is over: nothing was in between" && return 1; }
	reload low "0 16384 linear $a 0" # which lets the write go
	wait "$writer" "$resume"
	dd if=/dev/zero of=/dev/mapper/x bs=4k count=1 seek=1024 oflag=direct status=none
	dmsetup resume x
	eventually 60 state_is x concluded
	same "error" ECANCELED "$(status x 4)"
	reload x "0 16384 linear /dev/mapper/low 0"
	reload x "$line"
	same "state of a new one" running "$(status x 1)"
}
it "ends when a table of another kind is live, though one of its own is loaded" passed_by

too_large() {
	table origin "0 137438953472 zero"
	table target "0 137438953472 zero"
	fails dmsetup create x --table "0 137438953472 backupcow /dev/mapper/origin 0 /dev/mapper/target 0 8"
	log_says "choose larger clusters"
}
it "says so when a device is too large for its cluster size" too_large

finish
