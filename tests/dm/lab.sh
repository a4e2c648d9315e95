#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The laboratory itself: if one of these fails, no other result means anything.
. ./lib.sh

right_kernel() {
	case $(kernel) in
	6.1 | 6.12) [[ $(uname -r) == "$(kernel)".* ]] ;;
	debug) [[ $(uname -r) == 6.1.* ]] && test -e /sys/kernel/debug/kmemleak ;;
	latest) [ "$(printf '6.13\n%s\n' "$(uname -r)" | sort -V | head -1)" = 6.13 ] ;;
	esac
}
it "runs the kernel that was asked for" right_kernel

processors() {
	case $(lane) in
	smp) [ "$(nproc)" -ge 2 ] ;;
	icount) same processors 1 "$(nproc)" ;;
	esac
}
it "has the processors of its lane" processors

modules_load() {
	local module
	for module in qthrottle backupcow wthreshold qguard; do
		modprobe "dm-$module"
		eventually 5 sh -c "dmsetup targets | grep -q '^$module '"
	done
}
it "loads the modules by name" modules_load

autoload() {
	modprobe -r dm-wthreshold
	table t "0 2048 wthreshold $(memdev a 1) 0"
	dmsetup targets | grep -q '^wthreshold '
}
it "loads a target by the first table that names it" autoload

udev_answers() {
	table t "0 2048 linear $(memdev a 1) 0"
	udevadm settle
	test -L /dev/mapper/t
	mkfs.ext4 -q -U 11111111-1111-1111-1111-111111111111 /dev/mapper/t
	udevadm trigger --settle --action=change "$(udevadm info -q path /dev/mapper/t | sed 's,^,/sys,')"
	eventually 10 test -L /dev/disk/by-uuid/11111111-1111-1111-1111-111111111111
}
it "has a udevd that makes the links of a dm device" udev_answers

lvm_grows() {
	pvcreate -q "$(memdev a 128)"
	vgcreate -q vg "$(memdev a 128)"
	lvcreate -q -L 32M -n lv vg
	mkfs.ext4 -q /dev/vg/lv
	mkdir -p /tmp/lv
	mount /dev/vg/lv /tmp/lv
	lvextend -q -r -L +32M vg/lv
	[ "$(df -m --output=size /tmp/lv | tail -1)" -gt 48 ]
	umount /tmp/lv
	vgchange -q -an vg
}
it_on_stock "extends an LVM volume with ext4 while it is mounted" lvm_grows

fio_engine() {
	fio --name=t --filename="$(memdev a 16)" --size=4M --rw=randrw --bs=4k --direct=1 \
		--iodepth=8 --ioengine="$1" --verify=crc32c --output=fio.log
}
uring() { fio_engine io_uring; }
aio() { fio_engine libaio; }
it_on_stock "runs fio with io_uring" uring
it_on_stock "runs fio with libaio" aio

memdev_discards() {
	local dev
	dev=$(memdev a 16)
	dd if=/dev/urandom of="$dev" bs=1M count=2 oflag=direct status=none
	blkdiscard -o 0 -l 1048576 "$dev"
	cmp -n 1048576 "$dev" /dev/zero
	fails cmp -s -n 1048576 -i 1048576 "$dev" /dev/zero
}
it_on_stock "has memory-backed devices that can discard" memdev_discards

cleans_up() {
	table left "0 2048 zero"
	modprobe loop
	truncate --size 1M /tmp/left
	losetup --find /tmp/left
	memdev left 1
	mkdir /tmp/mounted
	mount -t tmpfs /dev/loop0 /tmp/mounted
}
it "lets a test leave things behind" cleans_up
no_loops() { [ -z "$(losetup --noheadings --list)" ]; }
nothing_left() {
	[ ! -e /dev/mapper/left ] && [ ! -e /sys/kernel/config/nullb/qm-left ]
	[ ! -e /tmp/left ]
	eventually 10 no_loops # udev may have let go of it only now
	fails grep -q /tmp/mounted /proc/mounts
}
it "and takes them away" nothing_left

finish
