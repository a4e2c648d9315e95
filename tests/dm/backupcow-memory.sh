#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The memory of backups: it is bounded, whatever the load, one job cannot take
# it all, and a backup gets on where memory is short.

. ./lib.sh
without_udev
modprobe dm-backupcow

field() { # field NAME NR: a word of the target's status, the first is 1
	dmsetup status "$1" | cut -d' ' -f$(($2 + 3))
}

state_is() { # state_is NAME STATE
	[ "$(field "$1" 1)" = "$2" ]
}

allow() { # allow MIB: the bound over all jobs
	echo "$1" >/sys/module/dm_backupcow/parameters/max_copy_memory_mib
}

pair() { # pair NAME MIB [LINE]: an origin, and /dev/mapper/NAME-sink to copy to
	local line=${3:-linear TARGET 0}
	SECTORS=$(($2 * 2048))
	ORIGIN=$(memdev "$1-origin" "$2")
	TARGET=$(memdev "$1-target" "$2")
	table "$1-sink" "0 $SECTORS ${line//TARGET/$TARGET}"
	BACKUP="0 $SECTORS backupcow $ORIGIN 0 /dev/mapper/$1-sink 0"
}

writers_wait() { # writers_wait NAME
	[ "$(field "$1" 8)" -gt 0 ]
}

hang_up() { # hang_up NAME: a backup takes what it can get, its target hangs
	pair "$1" 16
	table "$1" "$BACKUP 128 4 sync none on-cbw-error break-snapshot"
	dmsetup suspend --noflush "$1-sink"
	dd if=/dev/zero of="/dev/mapper/$1" bs=1M oflag=direct status=none &
	eventually 60 writers_wait "$1"
}

holds_more() { [ "$(field "$1" 9)" -ge "$2" ]; } # holds_more NAME BYTES

takes_a_share() {
	allow 4
	hang_up a
	[ "$(field a 9)" -le $((2 << 20)) ]
	hang_up b
	eventually 20 holds_more b $((512 << 10))
	pair c 8
	noisy "$ORIGIN" 8
	table c "$BACKUP 128"
	eventually 60 state_is c concluded
	cmp "$ORIGIN" "$TARGET"
	dmsetup resume a-sink
	dmsetup resume b-sink
	wait
}
it "a backup whose target hangs leaves memory to the others" takes_a_share

holds_nothing() { [ "$(field "$1" 9)" = 0 ]; } # holds_nothing NAME

gives_back() {
	allow 64
	pair b 8
	table b "$BACKUP 128 2 sync none"
	dd if=/dev/zero of=/dev/mapper/b bs=4k count=1 oflag=direct status=none
	eventually 20 holds_nothing b
}
it "holds no memory for long when copies come one at a time" gives_back

held_by_all() { # HELD, by 8 jobs, not quite at one instant
	HELD=$(dmsetup status --target backupcow | awk '{ held += $13 } END { print held }')
}

unreclaimable() { awk '$1 == "SUnreclaim:" { print $2 }' /proc/meminfo; }

writes_to_all() { # eight that write through the page cache
	local name
	for name in 1 2 3 4 5 6 7 8; do
		dd if=/dev/zero of="/dev/mapper/j$name" bs=1M conv=fsync status=none 2>/dev/null &
	done
}

stays_below() {
	local name most=0 slab begin
	allow 8
	for name in 1 2 3 4 5 6 7 8; do
		pair "j$name" 8 "delay TARGET 0 0 TARGET 0 20"
		table "j$name" "$BACKUP 8 4 sync none on-cbw-error break-snapshot"
	done
	begin=$(unreclaimable)
	writes_to_all
	for name in {1..40}; do
		held_by_all
		slab=$(($(unreclaimable) - begin))
		echo "held $HELD bytes, slab grown by $slab KiB"
		[ "$HELD" -le $((12 << 20)) ] # they would all be held, 64 MiB and more
		[ "$slab" -le $((64 << 10)) ]
		[ "$HELD" -le "$most" ] || most=$HELD
	done
	[ "$most" -ge $((2 << 20)) ]
	wait
}
it_on_stock "eight backups in clusters of 4 KiB hold no more than is allowed" stays_below

stacks() {
	allow 64
	pair a 8
	noisy "$ORIGIN" 8
	dd if="$ORIGIN" of=/tmp/old bs=1M iflag=direct status=none
	table a "$BACKUP 8 2 sync none"
	pair b 8
	table b "0 16384 backupcow /dev/mapper/a 0 /dev/mapper/b-sink 0 128 2 on-cbw-error break-snapshot"
	dd if=/dev/zero of=/dev/mapper/b bs=64k oflag=direct status=none || true
	eventually 60 state_is b concluded
	cmp /tmp/old "$(memdev a-target 8)"
	cmp /tmp/old "$(memdev b-target 8)"
	dmsetup remove --retry b
}
it "backs up a device whose origin is being backed up" stacks

# What a pipe brings, "tail" keeps in memory until it has seen the line's end. Whoever is over
# memory.high has to wait for the swap device; over memory.max he would be killed if it is slow.
swaps() {
	[ "$(kernel)" != debug ] || skip "the debug kernel has no swap"
	local dir=/sys/fs/cgroup/swaps
	pair a 32
	mkswap "$ORIGIN" >/dev/null
	table a "$BACKUP 8 2 sync none"
	swapon /dev/mapper/a
	trap 'swapoff /dev/mapper/a' EXIT
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control
	mkdir -p "$dir"
	echo $((4 << 20)) >"$dir/memory.high"
	head -c $((6 << 20)) /dev/urandom | base64 -w0 >/tmp/line
	same "what was swapped out and in" "$(md5sum </tmp/line)" \
		"$(echo "$BASHPID" >"$dir/cgroup.procs" && head -c 99M /tmp/line | tail -n 1 | md5sum)"
	dmsetup status a
	[ "$(field a 2 | cut -d/ -f1)" -gt 100 ]
}
it "backs up a device that is swapped to" swaps

allow 64
finish
