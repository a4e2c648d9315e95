#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A guard line stands where a linear line stood, on devices of every kind that are in
# use. So nothing may change by it: not what the device can do, not its data, not what
# dmsetup prints.

. ./lib.sh
without_udev

program flagged flagged.c
FLAGGED=$PWD/flagged
MIB=1048576

over() { # over DEVICE: a linear and a guard on all of it
	local sectors
	sectors=$(blockdev --getsz "$1")
	table lin "0 $sectors linear $1 0"
	table grd "0 $sectors qguard $1 0"
}

as_linear() {
	attributes lin >linear
	attributes grd >guard
	test -s linear
	diff linear guard
}

attribute() { cat "$(sysfs grd)/$1"; }

its_line() {
	nulldev a
	table grd "0 1024 qguard $LOWER 64"
	same table "0 1024 qguard $(lsblk -dno MAJ:MIN "$LOWER" | tr -d ' ') 64" "$(dmsetup table grd)"
	same status "0 1024 qguard " "$(dmsetup status grd)"
	dd if=/dev/urandom of=/dev/mapper/grd bs=4k count=1 oflag=direct status=none
	cmp -n 4096 -i 0:32768 /dev/mapper/grd "$LOWER"
}
it "maps from its offset on, and its table can be loaded again" its_line

refuses() {
	nulldev a
	fails table grd "0 1024 qguard $LOWER"
	log_says "1 words, needed are: <dev> <offset>"
	fails table grd "0 1024 qguard $LOWER 0 2 guard required"
	log_says "5 words, needed are: <dev> <offset>"
	fails table grd "0 1024 qguard $LOWER 65000"
	log_says "has 65536 sectors, too few for 1024 from 65000 on"
	fails table grd "0 1024 qguard /dev/nosuch 0"
	log_says "cannot open device '/dev/nosuch'"
}
it "names the word that is wrong" refuses

discards() {
	scsidev lbpu=1 lbpws=1
	over "$LOWER"
	as_linear
	test "$(attribute queue/write_zeroes_max_bytes)" -gt 0
	test "$(attribute queue/discard_max_bytes)" -gt 0
	dd if=/dev/urandom of=/dev/mapper/grd bs=1M count=3 oflag=direct status=none
	blkdiscard -z -o 0 -l "$MIB" /dev/mapper/grd
	blkdiscard -o "$MIB" -l "$MIB" /dev/mapper/grd
	cmp -n $((2 * MIB)) "$LOWER" /dev/zero
	fails cmp -s -i $((2 * MIB)) -n "$MIB" "$LOWER" /dev/zero
}
it "passes write-zeroes and discards to a SCSI disk" discards

integrity() {
	[ "$(kernel)" != debug ] || skip "the debug kernel is built without block integrity"
	scsidev dif=1 dix=1
	over "$LOWER"
	as_linear
	grep T10-DIF-TYPE1 "$(sysfs grd)/integrity/format"
	dd if=/dev/urandom of=data bs=1M count=2 status=none
	dd if=data of=/dev/mapper/grd bs=256k oflag=direct status=none
	cmp -n $((2 * MIB)) data /dev/mapper/grd
}
it "passes a disk's integrity profile" integrity

atomic() {
	[ "$(kernel)" = latest ] || skip "device-mapper knows no atomic writes before 6.14"
	scsidev atomic_wr=1
	over "$LOWER"
	as_linear
	test "$(attribute queue/atomic_write_max_bytes)" -ge 4096
	"$FLAGGED" atomic /dev/mapper/grd "$MIB"
}
it "passes atomic writes" atomic

polled() {
	nulldev a poll_queues=1 discard=1
	over "$LOWER"
	as_linear
	same "io_poll" 1 "$(attribute queue/io_poll)"
	"$FLAGGED" nowait /dev/mapper/grd "$MIB"
	"$FLAGGED" polled /dev/mapper/grd "$MIB"
}
# The debug kernel finds fault with null_blk, which allocates memory under a lock when polled.
it_on_stock "passes I/O that must not wait, and polled I/O" polled

zones() { blkzone report "$1" | grep -o 'start.*'; }

zoned() {
	nulldev a zoned=1 zone_size=4 zone_nr_conv=2
	over "$LOWER"
	as_linear
	same "model" host-managed "$(attribute queue/zoned)"
	dd if=/dev/urandom of=/dev/mapper/grd bs=1M count=1 seek=12 oflag=direct conv=notrunc status=none
	diff <(zones /dev/mapper/grd) <(zones "$LOWER")
	zones /dev/mapper/grd | grep 'start: 0x000006000.*wptr 0x000800'
	fails dd if=/dev/zero of=/dev/mapper/grd bs=4k count=1 seek=3840 oflag=direct conv=notrunc status=none
	blkzone reset -o $((12 * 2048)) -c 1 /dev/mapper/grd
	zones "$LOWER" | grep 'start: 0x000006000.*wptr 0x000000'
}
it "passes a zoned device's zones" zoned

dax() {
	[ "$(kernel)" != debug ] || skip "the debug kernel is built without persistent memory"
	modprobe nd_e820
	modprobe nd_pmem
	eventually 10 test -b /dev/pmem0
	over /dev/pmem0
	as_linear
	same "dax" 1 "$(attribute queue/dax)"
	dmsetup remove lin
	mkfs.ext4 -q -b 4096 -E nodiscard,lazy_itable_init=0 /dev/mapper/grd
	mkdir -p /tmp/dax
	mount -o dax=always /dev/mapper/grd /tmp/dax
	dd if=/dev/urandom of=/tmp/dax/file bs=1M count=4 status=none
	reload grd "0 $(blockdev --getsz /dev/pmem0) linear /dev/pmem0 0"
	reload grd "0 $(blockdev --getsz /dev/pmem0) qguard /dev/pmem0 0"
	same "dax after two reloads" 1 "$(attribute queue/dax)"
	umount /tmp/dax
	e2fsck -fn /dev/mapper/grd
}
it "passes DAX, also under a file system that stays mounted" dax

SCSI_ID="/usr/lib/udev/scsi_id --whitelisted --export"
ioctls() {
	scsidev
	table whole "0 $(blockdev --getsz "$LOWER") qguard $LOWER 0"
	$SCSI_ID --device=/dev/mapper/whole | grep scsi_debug
}
it "passes a SCSI command" ioctls

in_use() {
	local root
	root=$(memdev m 32)
	table dev "0 65536 linear $root 0"
	load dev --filename=/dev/mapper/dev --rw=randwrite --bs=4k --iodepth=8 --size=16m
	for _ in {1..10}; do
		reload dev "0 65536 qguard $root 0"
		reload dev "0 65536 linear $root 0"
	done
	load_ends
}
it "takes a linear line's place and gives it back under load, 10 times" in_use

finish
