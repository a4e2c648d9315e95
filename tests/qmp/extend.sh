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

# An extension under way would hold the devices that are to be taken away.
clean_up() { flock /run/qdm-extend.data.lock rm -f /etc/qdm/extend.conf; }

volume() { # volume MIB: of the volume group
	trap clean_up EXIT
	volume_group "$1"
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

# A throttle without limits on top of the node, and the file system on top of that.
stacked() {
	umount /mnt/data
	qdm exec "{'execute': 'object-add', 'arguments': {'qom-type': 'throttle-group', 'id': 'free'}}"
	qdm exec "{'execute': 'blockdev-add', 'arguments': {'driver': 'throttle',
		'node-name': 'top', 'throttle-group': 'free', 'file': '/dev/mapper/data'}}"
	mount /dev/mapper/top /mnt/data
}

policy() { echo "data 64M ${1:-1T} 48M" >/etc/qdm/extend.conf; }
arm() { qdm exec "{'execute': 'block-set-write-threshold', 'arguments': {'node-name': 'data', 'write-threshold': $1}}"; }
size() { echo $(($(cat "/sys/block/$(basename "$(readlink -f /dev/mapper/data)")/size") / 2048)); }
grown_to() { [ "$(size)" -ge "$1" ] && [ "$(qdm show data state)" = armed ]; }

has_room() { [ "$(df --output=size -m /mnt/data | tail -n 1)" -gt "$1" ]; }
write_verified() { # write_verified FILE MIB
	fio --name=w --filename="/mnt/data/$1" --size="$2m" --bs=64k --rw=write --fallocate=none \
		--direct=1 --ioengine=libaio --iodepth=4 --verify=crc32c --output=fio.log ||
		{ cat fio.log && qdm tree && return 1; }
}

# How much a writer gets done meanwhile is the machine's business: extend-live measures that by a
# clock that is not the machine's.
grows() {
	volume 320
	policy
	arm $((16 << 20))
	write_verified file 40
	eventually 20 grown_to 128
	eventually 20 has_room 90
	write_verified more 60
	eventually 60 grown_to 192 # which these writes have called for
	same "volume and node" "$(blockdev --getsize64 /dev/vg/lv)" "$(blockdev --getsize64 /dev/mapper/data)"
	link_is_right
	umount /mnt/data
	fsck.ext4 -fn /dev/mapper/data
}
it "grows a volume, its node and its ext4, for a writer who then has room" grows

# Its properties come in any order, and the listener writes them line by line.
failure_is_whole() {
	awk -v RS= '/DM_ACTION=EXTEND_FAILED/' events >failure
	grep -x 'DM_EXTEND_REASON=NOSPACE' failure && grep -x 'DM_NAME=data' failure
}

failures() { grep -c '^DM_ACTION=EXTEND_FAILED' events; }

says_once() {
	volume 72
	policy
	udevadm monitor --udev --property --subsystem-match=block >events &
	eventually 60 grep -q UDEV events # it listens
	dd if=/dev/zero of=/mnt/data/file bs=1M count=40 oflag=direct
	arm $((1 << 20))
	dd if=/dev/zero of=/mnt/data/file bs=1M count=1 oflag=direct conv=notrunc seek=30
	eventually 20 log_says "qdm-extend: data: cannot extend"
	eventually 60 grep -q '^DM_ACTION=EXTEND_FAILED' events
	dd if=/dev/zero of=/mnt/data/file bs=1M count=1 oflag=direct conv=notrunc seek=31
	udevadm settle
	same "lines in the log" 1 "$(kernel_log | grep -c 'qdm-extend: data: cannot extend /dev/mapper/vg-lv.*is full')"
	same "events" 1 "$(failures)"
	eventually 60 failure_is_whole
	same "size, with all that was left" 68 "$(size)"
	same "state" fired "$(qdm show data state)"
	link_is_right
}
it "says once that a volume group is full, in the log and by an event" says_once

stops_at_maximum() {
	volume 256
	policy 75M # no whole extent: 72 MiB are the most
	arm $((1 << 20))
	dd if=/dev/zero of=/mnt/data/file bs=1M count=40 oflag=direct
	eventually 20 log_says "allows no more than 78643200"
	same "size" 72 "$(size)"
	same "state" fired "$(qdm show data state)"
}
it "stops at the maximum" stops_at_maximum

leaves_others_alone() {
	volume 256
	echo "other* 32M 1T 24M" >/etc/qdm/extend.conf
	arm $((1 << 20))
	dd if=/dev/zero of=/mnt/data/file bs=1M count=40 oflag=direct
	udevadm settle
	same "size" 64 "$(size)"
	same "state" fired "$(qdm show data state)"
}
it "leaves a node alone that is not named in the configuration" leaves_others_alone

grows_stack() {
	volume 320
	stacked
	echo "data 64M - 48M" >/etc/qdm/extend.conf
	arm $((16 << 20))
	dd if=/dev/zero of=/mnt/data/file bs=1M count=40 oflag=direct
	eventually 60 grown_to 128
	same "the node on top" "$(blockdev --getsize64 /dev/vg/lv)" "$(blockdev --getsize64 /dev/mapper/top)"
	eventually 60 has_room 90
	dd if=/dev/zero of=/mnt/data/file bs=1M count=90 oflag=direct
	eventually 60 grown_to 192
	umount /mnt/data
	fsck.ext4 -fn /dev/mapper/top
}
it "grows every filter that lies on the node, and the file system on top" grows_stack

# In the guest nobody is there to start units, so the one who would says what he was asked.
starts_unit() {
	command -v systemd-escape || skip "this Debian's guest has no systemd"
	mkdir -p /run/systemd/system /tmp/bin
	printf '#!/bin/sh\necho "$*" >>/tmp/asked\n' >/tmp/bin/systemctl
	chmod 755 /tmp/bin/systemctl
	echo "vm-1* 64M" >/etc/qdm/extend.conf
	DM_SEQNUM=7 PATH=/tmp/bin:$PATH /usr/lib/qdm/qdm-extend --start vm-1
	rmdir /run/systemd/system
	same "asked" '--no-block start qdm-grow.path qdm-grow.timer qdm-extend@vm\x2d1:7.service' "$(cat /tmp/asked)"
	same "which is" vm-1:7 "$(systemd-escape --unescape --instance 'qdm-extend@vm\x2d1:7.service')"
	cd /usr/lib/systemd/system && systemd-analyze verify --man=no 'qdm-extend@.service' qdm-grow.{path,service,timer}
}
it "starts a sound unit for each event where systemd runs" starts_unit

# Docker's names have a colon in them.
names_whole() {
	mkdir /tmp/bin
	printf '#!/bin/sh\necho "$*"\n' >/tmp/bin/qdm
	chmod 755 /tmp/bin/qdm
	same "by hand" "grow --now docker-8:1" "$(PATH=/tmp/bin:$PATH /usr/lib/qdm/qdm-extend docker-8:1)"
	same "event" "grow --event docker-8:1" "$(PATH=/tmp/bin:$PATH /usr/lib/qdm/qdm-extend --event docker-8:1:7)"
}
it "hands a name with a colon on as it is" names_whole

# The loop in the documentation, as it is written: a volume of 4 GiB grows to 5.
remove_documented() {
	dmsetup remove --retry data || true
	vgremove -qqy vg || true
}

is_armed_further() { [ "$(dmsetup status data | cut -d' ' -f4,5)" = "armed $((4 << 30))" ]; }
is_longer() { [ "$(blockdev --getsize64 /dev/mapper/data)" = $((5 << 30)) ]; }

documented_loop() {
	trap remove_documented EXIT
	local disk loop page=$PWD/dm-wthreshold.rst
	modprobe loop
	truncate --size 8G /tmp/pv
	disk=$(losetup --find --show /tmp/pv)
	pvcreate -qqy "$disk"
	vgcreate -qq vg "$disk"
	lvcreate -qqy -Wn --size 4G --name data vg
	doc_example "$page" "on top of the volume" | sed 's/^# //' >making
	bash -eu making
	doc_example "$page" "Wait for the event in a shell" >loop
	bash loop >said &
	loop=$!
	dd if=/dev/zero of=/dev/mapper/data bs=4k count=1 seek=$((3 << 18)) oflag=direct conv=notrunc
	eventually 60 is_longer
	grep '3221225472 bytes passed by 4096' said
	eventually 20 is_armed_further
	kill "$loop"
}
it "grows by the loop in the documentation" documented_loop

bad_line() { # bad_line LINE TEXT
	echo "$1" >/etc/qdm/extend.conf
	fails /usr/lib/qdm/qdm-extend data 2>said
	grep -F "$2" said
}

bad_policies() {
	trap 'dmsetup remove data; rm -f /etc/qdm/extend.conf' EXIT
	table data "0 2048 wthreshold $(memdev m 1) 0 4096"
	bad_line "data 1X" "'1X' is no size: bytes, or a number like"
	bad_line "data -1" "'-1' is no size"
	bad_line "data 1,5G" "'1,5G' is no size"
	bad_line "data 99999999999T" "'99999999999T' is no size"
	bad_line "data 0" "the step for data must be above 0"
	bad_line "data 1G 2G 3G 4 5" "more than five words"
	bad_line "data 1G - 0" "the reserve for data must be above 0"
	bad_line "data 1G - - 0" "'0' is no number of growths per hour: 1 to 100000, or any"
	bad_line "data 1G - # and so on" "is no LVM volume"
	bad_line "other" "no line in"
}
it "refuses a wrong configuration and says which word" bad_policies

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
