#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The write threshold's event as udev meets it: what it carries, that it costs
# the device none of its links, and that the last of many is always told.

. ./lib.sh

MIB=1048576

field() { # field NAME NR: a word of the target's status, the first is 1
	dmsetup status "$1" | cut -d' ' -f$(($2 + 3))
}

write_at() { # write_at NAME KIB: 4 KiB there
	dd if=/dev/zero of="/dev/mapper/$1" bs=4k count=1 seek=$(($2 / 4)) \
		oflag=direct conv=notrunc status=none
}

threshold() { # threshold NAME REST: a 16 MiB device with a threshold
	table "$1" "0 32768 wthreshold $(memdev mem 16) 0 $2"
}

# A listener writes an event line by line, so each line is waited for.
heard() { # heard FILE LINE...
	local file=$1 line
	shift
	for line; do
		eventually 60 grep -qx "$line" "$file" || { cat "$file"; return 1; }
	done
}

tells_udev() {
	threshold t "$MIB"
	udevadm settle
	local listener
	udevadm monitor --kernel --property >events &
	listener=$!
	eventually 60 grep -q KERNEL events # it listens
	write_at t 2048
	heard events DM_ACTION=WRITE_THRESHOLD DM_NAME=t DM_TARGET=wthreshold DM_SEQNUM=1 \
		"DM_WRITE_THRESHOLD=$MIB" "DM_AMOUNT_EXCEEDED=$((MIB + 4096))"
	kill "$listener"
}
it "sends a uevent that says what happened" tells_udev

keeps_links() {
	threshold t "$MIB"
	mkfs.ext4 -q -F -U 11111111-2222-3333-4444-555555555555 /dev/mapper/t
	udevadm trigger --settle --action=change "/sys/block/$(basename "$(readlink -f /dev/mapper/t)")"
	eventually 60 test -e /dev/disk/by-uuid/11111111-2222-3333-4444-555555555555
	dmsetup message t 0 set-threshold "$MIB"
	write_at t 8192
	udevadm settle
	test -e /dev/disk/by-uuid/11111111-2222-3333-4444-555555555555
	test -e /dev/mapper/t
}
it "does not lose the device its links in /dev/disk" keeps_links

PAGE=$PWD/dm-wthreshold.rst

# hears_uevents PID: it has a socket bound for them, which is named by the process
hears_uevents() { awk -v pid="$1" '$2 == 15 && $3 == pid && $4 != "00000000" { found = 1 } END { exit !found }' /proc/net/netlink; }

documented_listener() {
	doc_example "$PAGE" "A listener for all devices" >listener.c
	gcc -O2 -Wall -Wextra -Werror -o listener listener.c
	threshold t "$MIB"
	./listener >heard.txt &
	eventually 60 hears_uevents $!
	write_at t 2048
	heard heard.txt DM_AMOUNT_EXCEEDED=$((MIB + 4096)) DM_NAME=t DM_ACTION=WRITE_THRESHOLD
	test "$(wc -l <listener.c)" -le 22
}
it "is heard by the listener in the documentation" documented_listener

remove_rule() {
	rm -f /run/udev/rules.d/99-example.rules /usr/local/sbin/threshold-passed /run/threshold-passed
	udevadm control --reload
}

documented_rule() {
	trap remove_rule EXIT
	mkdir -p /run/udev/rules.d /usr/local/sbin
	# Whole from the beginning: udevd looks at the folder's time, which the file's content does not change.
	doc_example "$PAGE" "A udev rule that" >/run/example.rules
	mv /run/example.rules /run/udev/rules.d/99-example.rules
	printf '#!/bin/sh\necho "$*" >/run/threshold-passed\n' >/usr/local/sbin/threshold-passed
	chmod 755 /usr/local/sbin/threshold-passed
	table data "0 32768 wthreshold $(memdev mem 16) 0"
	udevadm settle
	eventually 20 is_called
}
# udevd has been seen to go by the rules of before a reload, so it may take another.
is_called() {
	touch /run/udev/rules.d
	udevadm control --reload
	dmsetup message data 0 set-threshold "$MIB"
	write_at data 2048
	udevadm settle
	grep -qx "data $((MIB + 4096))" /run/threshold-passed
}
it "has a program called by the udev rule in the documentation" documented_rule

no_flood() {
	local listener sent merged
	threshold t "4096 2 rearm 4096"
	udevadm settle
	udevadm monitor --kernel --property >events &
	listener=$!
	eventually 60 grep -q KERNEL events # it listens
	guest_ms crosses_often
	kill "$listener"
	sent=$(grep -c '^DM_ACTION=WRITE_THRESHOLD' events)
	merged=$(awk -F= '/^DM_MERGED=/ { sum += $2 } END { print sum + 0 }' events)
	echo "$sent events in $MS ms, $merged in others"
	same "crossings" 4095 "$(field t 5)"
	same "crossings told of" 4095 $((sent + merged))
	[ "$sent" -le $((8 + MS / 100 + 1)) ]
}
crosses_often() {
	dd if=/dev/zero of=/dev/mapper/t bs=4k oflag=direct status=none || true
	heard events "DM_SEQNUM=$(field t 5)" DM_WRITE_THRESHOLD=$((16 * MIB - 4096))
}
it "tells of no more than ten crossings a second, how many there were, and of the last" no_flood

finish
