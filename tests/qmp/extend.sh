#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A write-threshold node on top of an LVM volume: its event makes the udev rule
# extend the volume, the node and the file system under a running writer.
#
#	ext4
#	data      wthreshold, fires 48 MiB before its end
#	vg-lv     64 MiB at first, grows by 64
#	memory

# shellcheck source=../dm/lib.sh
. ./lib.sh

clean_up() {
	umount /mnt/data 2>/dev/null || true
	qdm exec "{'execute': 'blockdev-del', 'arguments': {'node-name': 'data'}}" >/dev/null || true
	vgremove -qqy vg >/dev/null 2>&1 || true
	rm -f /etc/qdm/extend.conf
}

volume() { # volume MIB: of the volume group
	trap clean_up EXIT
	local disk
	modprobe loop
	truncate --size "$1M" /tmp/pv # on a loop device: LVM does not know null_blk's
	disk=$(losetup --find --show /tmp/pv)
	pvcreate -qqy "$disk"
	vgcreate -qq vg "$disk"
	lvcreate -qqy --size 64M --name lv vg
	qdm exec "{'execute': 'blockdev-add', 'arguments': {'driver': 'write-threshold',
		'node-name': 'data', 'file': '/dev/vg/lv', 'write-threshold': 0}}"
	mkfs.ext4 -q -m 0 -E lazy_itable_init=0,nodiscard /dev/mapper/data
	mkdir -p /mnt/data /etc/qdm
	mount /dev/mapper/data /mnt/data
	UUID=$(blkid -o value -s UUID -p /dev/mapper/data)
	udevadm trigger --settle /dev/mapper/data # its watch may have missed the end of mkfs
	eventually 10 link_is_right
}

# The link leads to the node, not past it to the volume.
link_is_right() { [ "$(readlink -f /dev/mapper/data)" = "$(readlink -f "/dev/disk/by-uuid/$UUID")" ]; }

policy() { echo "data 64M ${1:-1T} 48M" >/etc/qdm/extend.conf; }
arm() { qdm exec "{'execute': 'block-set-write-threshold', 'arguments': {'node-name': 'data', 'write-threshold': $1}}"; }
size() { echo $(($(cat "/sys/block/$(basename "$(readlink -f /dev/mapper/data)")/size") / 2048)); }
grown_to() { [ "$(size)" -ge "$1" ] && [ "$(qdm show data state)" = armed ]; }

grows() {
	volume 320
	policy
	arm $((16 << 20))
	fio --name=w --filename=/mnt/data/file --size=80m --bs=64k --rw=write --rate=2m --fallocate=none \
		--direct=1 --ioengine=libaio --iodepth=4 --verify=crc32c --output=fio.log ||
		{ cat fio.log && qdm tree && return 1; }
	eventually 20 grown_to 128
	same "volume and node" "$(blockdev --getsize64 /dev/vg/lv)" "$(blockdev --getsize64 /dev/mapper/data)"
	link_is_right
	umount /mnt/data
	fsck.ext4 -fn /dev/mapper/data
}
it "grows a volume, its node and its ext4 under a writer that sees no ENOSPC" grows

says_once() {
	volume 72
	policy
	dd if=/dev/zero of=/mnt/data/file bs=1M count=40 oflag=direct
	arm $((1 << 20))
	dd if=/dev/zero of=/mnt/data/file bs=1M count=1 oflag=direct conv=notrunc seek=30
	eventually 20 log_says "qdm-extend: data: cannot extend"
	sleep 3
	dd if=/dev/zero of=/mnt/data/file bs=1M count=1 oflag=direct conv=notrunc seek=31
	sleep 3
	same "lines in the log" 1 "$(kernel_log | grep -c 'qdm-extend: data: cannot extend /dev/mapper/vg-lv')"
	same "size" 64 "$(size)"
}
it "says once that a full volume group cannot grow" says_once

stops_at_maximum() {
	volume 256
	policy 72M
	arm $((1 << 20))
	dd if=/dev/zero of=/mnt/data/file bs=1M count=40 oflag=direct
	eventually 20 grown_to 72
	arm $((1 << 20))
	dd if=/dev/zero of=/mnt/data/file bs=1M count=2 oflag=direct conv=notrunc
	eventually 20 log_says "allows no more than 75497472"
	same "size" 72 "$(size)"
}
it "stops at the maximum" stops_at_maximum

leaves_others_alone() {
	volume 256
	echo "other* 32M 1T 24M" >/etc/qdm/extend.conf
	arm $((1 << 20))
	dd if=/dev/zero of=/mnt/data/file bs=1M count=40 oflag=direct
	sleep 4
	same "size" 64 "$(size)"
	same "state" fired "$(qdm show data state)"
}
it "leaves a node alone that is not named in the configuration" leaves_others_alone

has_fired() { [ "$(qdm show data state)" = fired ]; }
reads_of() { awk '{ print $1 }' "/sys/block/$(basename "$(readlink -f /dev/mapper/data)")/stat"; }

is_not_read_by_udev() {
	volume 256
	rm -f /etc/qdm/extend.conf
	local before
	dd if=/dev/zero of=/mnt/data/file bs=1M count=30 oflag=direct
	udevadm settle
	before=$(reads_of)
	arm $((1 << 20))
	dd if=/dev/zero of=/mnt/data/file bs=1M count=1 oflag=direct conv=notrunc seek=20
	eventually 10 has_fired
	udevadm settle
	same "reads by the event" "$before" "$(reads_of)"
	link_is_right
	udevadm info --query=property /dev/mapper/data | grep "^ID_FS_UUID=$UUID"
}
it "is not read by udev because of an event, and keeps its links" is_not_read_by_udev

finish
