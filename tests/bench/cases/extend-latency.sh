#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A volume of 64 MiB that grows to 1 GiB under a writer who fills it as fast as the disk takes
# it: from the write that crosses the threshold to the longer volume, through event, udev,
# qdm-extend, lvextend and the node's new table. The writer fails if it ever comes to the end.
#
# dmeventd is what there is for snapshots: it looks at them every 10 seconds. The same writer
# overwrites the origin of a snapshot with 64 MiB for old data, which is to grow at 50 %.
# Whether it does, and when the snapshot is lost if not, is the result.
#
# The disk takes SPEED MiB/s, and holds nothing but LVM's metadata: that lies in memory.
# bench: by name
# bench: seconds 1800
# shellcheck disable=SC2034
KEEP_UDEV=1
# shellcheck source=../guest.sh
. ./guest.sh

UNIT="seconds of guest time from the crossing write to the extended volume"
SPEED=${SPEED:-24}
START_MIB=64 TOTAL_MIB=1024 RESERVE_MIB=40

disk() {
	local head body
	head=$(nulldev head 4 memory_backed=1)
	body=$(nulldev body 2400 "mbps=$SPEED")
	printf '%s\n' "0 8192 linear $head 0" "8192 $(sectors "$body") linear $body 0" | dmsetup create disk
	MEMORY=$(nulldev memory 512 memory_backed=1)
	# LVM takes no device whose driver it does not know, and must not find its label twice.
	printf '%s\n' 'devices { types = [ "nullb", 16 ]' 'global_filter = [ "r|^/dev/head$|" ] }' \
		'activation { snapshot_autoextend_threshold = 50' \
		'snapshot_autoextend_percent = 100' 'monitoring = 1 }' >/etc/lvm/lvmlocal.conf
	udevadm settle
	pvcreate -qqy /dev/mapper/disk "$MEMORY"
	vgcreate -qq vg /dev/mapper/disk "$MEMORY"
}

percentiles() { sort -n | awk '{ v[NR] = $1 / 1e9 } END { printf "%.6f %.6f %.6f %d", v[int(NR * 0.5) + 1], v[int(NR * 0.99) + 1], v[NR], NR }'; }

make_volume() {
	if [ "$1" = linear ]; then
		lvcreate -qqy -Zn -Wn -L ${START_MIB}M -n lv vg /dev/mapper/disk
		return
	fi
	lvcreate -qqy -Zn -Wn -L 8M -n meta vg "$MEMORY"
	lvcreate -qqy -Zn -Wn -L $((TOTAL_MIB + 64))M -n pool vg /dev/mapper/disk
	lvconvert -qqy -Zn --type thin-pool --poolmetadata vg/meta vg/pool
	lvcreate -qqy -V ${START_MIB}M -T vg/pool -n lv
}

add_node() {
	qdm exec "{'execute': 'blockdev-add', 'arguments': {'driver': 'write-threshold', 'node-name': 'data',
		'file': '/dev/vg/lv', 'write-threshold': $(((START_MIB - RESERVE_MIB) << 20))}}" >/dev/null
	mkdir -p /etc/qdm
	echo "data ${START_MIB}M ${TOTAL_MIB}M ${RESERVE_MIB}M" >/etc/qdm/extend.conf
	udevadm settle
}

grow() { # grow KIND
	local got
	make_volume "$1"
	add_node
	./grower /dev/mapper/data $TOTAL_MIB $RESERVE_MIB >/tmp/latencies
	read -ra got <<<"$(percentiles </tmp/latencies)"
	note "$1: ${got[3]} growths, no ENOSPC, p50 ${got[0]}, p99 ${got[1]}, longest ${got[2]} s"
	sample wthreshold "\"volume\":\"$1\",\"percentile\":50" "$UNIT" "${got[0]}"
	sample wthreshold "\"volume\":\"$1\",\"percentile\":99" "$UNIT" "${got[1]}"
	udevadm settle
	flock /run/qdm-extend.data.lock true
	qdm exec "{'execute': 'blockdev-del', 'arguments': {'node-name': 'data'}}" >/dev/null
	lvremove -qqy vg/lv
	[ "$1" = linear ] || lvremove -qqy vg/pool
}

# Sets USED, of old data in thousandths of the snapshot, or "lost".
look_at_snapshot() {
	local words
	read -ra words <<<"$(dmsetup status vg-snap)"
	case ${words[3]} in
	*/*) USED=$((${words[3]%/*} * 1000 / ${words[3]#*/})) COW=${words[3]#*/} ;;
	*) USED=lost ;;
	esac
}

seconds() { read -r NOW _ </proc/uptime; }

poll_snapshot() {
	local crossed='' first
	look_at_snapshot
	first=$COW
	while kill -0 "$1" 2>/dev/null; do
		look_at_snapshot
		seconds
		[ "$USED" != lost ] || { LOST=$NOW && return; }
		[ "$COW" = "$first" ] || { EXTENDED=$(calc "$NOW - $crossed") && return; }
		[ -n "$crossed" ] || [ "$USED" -lt 500 ] || crossed=$NOW
		sleep 0.1
	done
}

snapshot() { # snapshot SPEED
	local begun writer
	LOST='' EXTENDED=''
	lvcreate -qqy -Zn -Wn -L ${TOTAL_MIB}M -n origin vg /dev/mapper/disk
	lvcreate -qqy -s -L ${START_MIB}M -n snap vg/origin "$MEMORY"
	udevadm settle
	seconds
	begun=$NOW
	./grower /dev/mapper/vg-origin $TOTAL_MIB 0 &
	writer=$!
	poll_snapshot $writer
	seconds
	kill $writer 2>/dev/null || true
	wait $writer || true
	if [ -n "$EXTENDED" ]; then
		note "snapshot, disk of $1 MiB/s: extended $EXTENDED s after it was half full"
		sample dmeventd "\"volume\":\"snapshot\",\"speed\":$1" "$UNIT" "$EXTENDED"
	else
		note "snapshot, disk of $1 MiB/s: lost ${LOST:+after $(calc "$LOST - $begun") s}"
		sample dmeventd "\"volume\":\"snapshot\",\"speed\":$1" "seconds of guest time until the snapshot is lost" "$(calc "${LOST:-$NOW} - $begun")"
	fi
	lvremove -qqy vg/origin
}


disk
for ((round = 0; round < ROUNDS; round++)); do
	grow linear
	grow thin
done
snapshot "$SPEED"
