#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a backup may write to. Whatever somebody else uses is refused, by whichever way it is
# used, before a byte of it is changed.

# shellcheck source=../dm/lib.sh
. ./lib.sh

# refused TEXT CMD...: in these words (a pattern), and the graph is as before
refused() {
	local text=$1 before said
	shift
	before=$(dmsetup table)
	said=$("$@" 2>&1) && echo "accepted: $*" && return 1
	[[ $said == *$text* ]] || { echo "expected \"$text\", got \"$said\"" && return 1; }
	same "graph after $*" "$before" "$(dmsetup table)"
}

# neither DESTINATION TEXT: not by the verb, forced or not, nor by QMP
neither() {
	refused "destination '$1' $2" qdm backup vg-lv "$1"
	refused "destination '$1' $2" qdm backup --force vg-lv "$1"
	refused "destination '$1' $2" by_qmp vg-lv "$1"
	refused "destination '$1' $2" qdm insert backup --force vg-lv "$1"
}

by_qmp() { # by_qmp DEVICE DESTINATION
	qdm exec "{'execute': 'blockdev-backup', 'arguments': {'device': '$1', 'target': '$2', 'sync': 'full'}}"
}

works() { # works OPTION... DESTINATION: and it is a copy then
	qdm backup --wait "${@:1:$#-1}" vg-lv "${@: -1}"
	cmp --bytes=$((64 << 20)) /dev/mapper/vg-lv "${@: -1}"
}

open_in_program() {
	local disk
	volume_group 320
	lvcreate -qqy -Wn -L 64M -n vm1 vg
	disk=$(memdev disk 64)
	exec 7<>/dev/vg/vm1 8<>"$disk"
	fails lvremove -y vg/vm1
	neither /dev/vg/vm1 "is open in * (pid $BASHPID)"
	neither "$disk" "is open in * (pid $BASHPID)"
	exec 7>&- 8>&-
	works /dev/vg/vm1
	works "$disk"
}
it "refuses a destination that a program has open, and names the program" open_in_program

mounted_somewhere() {
	local disk pid
	volume_group 128
	disk=$(memdev disk 64)
	mkfs.ext4 -q "$disk"
	mkdir -p "/tmp/mnt a"
	mount "$disk" "/tmp/mnt a"
	neither "$disk" "is mounted on '/tmp/mnt a'"
	umount "/tmp/mnt a"
	unshare -m bash -c "mount $disk '/tmp/mnt a' && touch /tmp/ready && exec sleep 1000" &
	pid=$!
	eventually 10 test -e /tmp/ready
	neither "$disk" "is mounted on '/tmp/mnt a' in the mount namespace of sleep (pid $pid)"
	kill "$pid"
}
it "refuses a destination that is mounted, also in another mount namespace" mounted_somewhere

in_btrfs() {
	local one two
	volume_group 128
	one=$(memdev one 128) two=$(memdev two 128)
	modprobe -q btrfs || skip "no btrfs"
	mkfs.btrfs -q -f "$one" "$two"
	mkdir -p /tmp/mnt
	mount "$one" /tmp/mnt
	refused "is mounted on '/tmp/mnt'" qdm backup --force vg-lv "$one"
	refused "is a device of a mounted btrfs" qdm backup --force vg-lv "$two"
	umount /tmp/mnt
}
it "refuses the second device of a mounted btrfs" in_btrfs

used_by_kernel() {
	local disk array=/sys/block/md127/md
	volume_group 128
	disk=$(memdev disk 64)
	mkswap -q "$disk"
	swapon "$disk"
	neither "$disk" "is swap space"
	swapoff "$disk"
	modprobe md_mod
	modprobe raid1
	echo md127 >/sys/module/md_mod/parameters/new_array
	echo none >"$array"/metadata_version
	echo raid1 >"$array"/level
	echo 1 >"$array"/raid_disks
	cat "/sys/class/block/${disk##*/}/dev" >"$array"/new_dev
	neither "$disk" "is part of '/dev/md127'"
	echo clear >"$array"/array_state
	losetup /dev/loop5 "$disk"
	neither "$disk" "is in use as '/dev/loop5'"
	losetup -d /dev/loop5
	works --force "$disk"
}
it "refuses a destination that is swap space, a member of an array, or what a loop device shows" used_by_kernel

volume_in_loop() {
	volume_group 320
	lvcreate -qqy -Wn -L 64M -n data vg
	losetup /dev/loop5 /dev/vg/data
	mkfs.ext4 -q /dev/loop5
	mkdir -p /tmp/mnt
	mount /dev/loop5 /tmp/mnt
	neither /dev/vg/data "is in use as '/dev/loop5'"
	umount /tmp/mnt
	losetup -d /dev/loop5
}
it "refuses a volume under a loop device that is mounted" volume_in_loop

physical_volume() {
	local disk before
	disk=$(memdev from 64)
	volume_group 128
	vgchange -qq -an vg
	table vg-lv "0 131072 linear $disk 0"
	before=$(sha256sum /tmp/pv)
	neither /dev/loop0 "is a physical volume of group 'vg'"
	same "the physical volume" "$before" "$(sha256sum /tmp/pv)"
	vgremove -qq -f vg
	refused "holds other data" qdm backup vg-lv /dev/loop0
	works --force /dev/loop0
}
it "refuses a physical volume of a group that is not active" physical_volume

# luks DEVICE: a header as cryptsetup writes it
luks() {
	{
		printf 'LUKS\xba\xbe\0\1'
		head -c 160 /dev/zero
		printf 11111111-2222-3333-4444-555555555555
		head -c 308 /dev/zero
	} | dd of="$1" bs=512 conv=notrunc oflag=direct iflag=fullblock status=none
}

holds_data() {
	local disk
	volume_group 128
	disk=$(memdev disk 96)
	luks "$disk"
	refused "device (crypto_LUKS, UUID 11111111-2222-3333-4444-555555555555); --force overwrites it" \
		qdm backup vg-lv "$disk"
	refused "crypto_LUKS" qdm insert backup vg-lv "$disk"
	dd if=/dev/zero of="$disk" bs=1M count=1 oflag=direct status=none
	sgdisk --new 1:2048:+16M "$disk" >/dev/null
	udevadm settle
	refused "device (gpt partition table, UUID" qdm backup vg-lv "$disk"
	sgdisk --zap-all "$disk" >/dev/null
	udevadm settle
	mkfs.ext4 -q -F "$disk"
	refused "device (ext4, UUID" qdm backup vg-lv "$disk"
	works --force "$disk"
	# the night after that
	works "$disk"
	# and once more, while a file system that was made anew is backed up
	mkfs.ext4 -q -F /dev/vg/lv
	refused "device (ext4, UUID" qdm backup vg-lv "$disk"
	by_qmp vg-lv "$disk"
}
it "refuses to overwrite other data than an earlier backup without --force" holds_data

circles() {
	volume_group 320
	mkdir -p /tmp/mnt
	mount /dev/vg/lv /tmp/mnt
	truncate -s 64M /tmp/mnt/x
	losetup /dev/loop5 /tmp/mnt/x
	neither /dev/loop5 "is the file '/tmp/mnt/x', which is on top of the backed-up device"
	# by way of another device
	table over "0 131072 linear /dev/loop5 0"
	neither /dev/mapper/over "is on top of the backed-up device"
	dmsetup remove over
	losetup -d /dev/loop5
	qdm throttle vg-lv iops-total=100000
	losetup /dev/loop5 /tmp/mnt/x
	neither /dev/loop5 "is the file '/tmp/mnt/x', which is on top of the backed-up device"
	losetup -d /dev/loop5
	umount /tmp/mnt
}
it "refuses a destination whose data is a file on what is backed up" circles

exchanged() {
	volume_group 320
	neither /dev/loop0 "is beneath the backed-up device and would be overwritten"
	refused "Source and target cannot be the same" qdm backup --force vg-lv /dev/dm-0
	# a group on a volume of the group
	lvcreate -qqy -Wn -L 128M -n pv vg
	pvcreate -qqy /dev/vg/pv --config 'devices/scan_lvs=1'
	table upper "0 131072 linear /dev/vg/pv 2048"
	refused "is beneath the backed-up device and would be overwritten" qdm backup --force upper /dev/vg/pv
	refused "is beneath the backed-up device and would be overwritten" qdm backup --force upper /dev/loop0
	refused "is on top of the backed-up device" qdm backup --force vg-pv /dev/mapper/upper
}
it "refuses a destination on which the device lies itself, and the exchange of the two" exchanged

# What lvrename of two volumes does, while LVM's lock is held.
renamed_while_waiting() {
	local before device pid status=0
	volume_group 320
	lvcreate -qqy -Wn -L 64M -n spare vg
	lvcreate -qqy -Wn -L 64M -n precious vg
	noisy /dev/vg/precious 64
	device=$(readlink -f /dev/vg/precious)
	before=$(sha256sum "$device")
	mkdir -p /run/lock/lvm
	exec 8>/run/lock/lvm/V_vg
	flock 8
	qdm backup --wait vg-lv /dev/vg/spare >/tmp/said 2>&1 8>&- &
	pid=$!
	eventually 20 grep -q "waiting for LVM's lock" /tmp/said
	dmsetup rename vg-spare vg-old
	dmsetup rename vg-precious vg-spare
	ln -sfn ../mapper/vg-spare /dev/vg/spare
	udevadm settle
	flock -u 8
	exec 8>&-
	wait "$pid" || status=$?
	cat /tmp/said
	same "status" 1 "$status"
	grep -q "'/dev/vg/spare' became another device while waiting; nothing was done" /tmp/said
	same "the precious volume" "$before" "$(sha256sum "$device")"
}
it "backs up to no volume that gets the destination's name while LVM's lock is waited for" renamed_while_waiting

look_often() { # look_often NAME...: as udev, blkid and pvs do at each device
	local name
	while [ ! -e /tmp/done ]; do
		for name in "$@"; do
			dd if="/dev/mapper/$name" of=/dev/null bs=4k count=1 status=none 2>/dev/null
		done
	done
}

passers_by() {
	local round
	volume_group 128
	look_often vg-lv-throttle vg-lv-root t &
	look_often vg-lv-root t vg-lv-throttle &
	qdm group add g iops-total=100000
	for round in {1..10}; do
		qdm throttle vg-lv iops-total=100000
		qdm throttle vg-lv off
		qdm exec "{'execute': 'blockdev-add', 'arguments': {'driver': 'throttle', 'node-name': 't', 'throttle-group': 'g', 'file': 'vg-lv'}}"
		qdm exec "{'execute': 'blockdev-del', 'arguments': {'node-name': 't'}}"
		same "devices left in round $round" "vg-lv" "$(dmsetup info -c --noheadings -o name)"
	done
	touch /tmp/done
	wait
}
it "makes, removes and deletes nodes while others look at them" passers_by

finish
