#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a write threshold must not take from the device it lies on: everything
# that dm-linear passes on it passes on too. Beside each way to write is
# whether it counts.

. ./lib.sh
without_udev

program flagged flagged.c
FLAGGED=$PWD/flagged
MIB=1048576

field() { # field NAME NR: a word of the target's status, the first is 1
	dmsetup status "$1" | cut -d' ' -f$(($2 + 3))
}

over() { # over DEVICE [THRESHOLD]: a linear and a threshold on all of it
	local sectors
	sectors=$(blockdev --getsz "$1")
	table lin "0 $sectors linear $1 0"
	table thr "0 $sectors wthreshold $1 0 ${2:-$((4 * MIB))}"
}

as_linear() {
	attributes lin >linear
	attributes thr >threshold
	test -s linear
	diff linear threshold
}

attribute() { cat "$(sysfs thr)/$1"; }

discards() {
	nulldev a discard=1
	over "$LOWER"
	as_linear
	test "$(attribute queue/discard_max_bytes)" -gt 0
	dd if=/dev/urandom of=/dev/mapper/thr bs=1M count=2 oflag=direct status=none
	blkdiscard -l "$MIB" /dev/mapper/thr
	cmp -n "$MIB" "$LOWER" /dev/zero
	fails cmp -s -i "$MIB" -n "$MIB" "$LOWER" /dev/zero
}
it "passes discards" discards

write_zeroes() {
	scsidev lbpu=1 lbpws=1
	over "$LOWER"
	as_linear
	test "$(attribute queue/write_zeroes_max_bytes)" -gt 0
	test "$(attribute queue/discard_max_bytes)" -gt 0
	dd if=/dev/urandom of=/dev/mapper/thr bs=1M count=8 oflag=direct status=none
	same "mark" $((8 * MIB)) "$(field thr 4)"
	dmsetup message thr 0 set-threshold $((8 * MIB))
	blkdiscard -z -o 0 -l "$MIB" /dev/mapper/thr
	cmp -n "$MIB" "$LOWER" /dev/zero
	blkdiscard -o $((8 * MIB)) -l 4096 /dev/mapper/thr
	same "state" armed "$(field thr 1)"
	blkdiscard -z -o $((8 * MIB)) -l 4096 /dev/mapper/thr
	same "state" fired "$(field thr 1)"
}
it "passes write-zeroes and discards to a SCSI disk" write_zeroes

integrity() {
	[ "$(kernel)" != debug ] || skip "the debug kernel is built without block integrity"
	scsidev dif=1 dix=1
	over "$LOWER"
	as_linear
	grep T10-DIF-TYPE1 "$(sysfs thr)/integrity/format"
	dd if=/dev/urandom of=data bs=1M count=2 status=none
	dd if=data of=/dev/mapper/thr bs=256k oflag=direct status=none
	cmp -n $((2 * MIB)) data /dev/mapper/thr
}
it "passes a disk's integrity profile" integrity

atomic() {
	[ "$(kernel)" = latest ] || skip "device-mapper knows no atomic writes before 6.14"
	scsidev atomic_wr=1
	over "$LOWER" "$MIB"
	as_linear
	test "$(attribute queue/atomic_write_max_bytes)" -ge 4096
	"$FLAGGED" atomic /dev/mapper/thr "$MIB"
	same "state" fired "$(field thr 1)"
}
it "passes atomic writes, and they count" atomic

no_waiting() {
	nulldev a
	over "$LOWER" "$MIB"
	"$FLAGGED" nowait /dev/mapper/thr "$MIB"
	same "state" fired "$(field thr 1)"
}
it "passes I/O that must not wait, and it counts" no_waiting

polled() {
	nulldev a poll_queues=1
	over "$LOWER" "$MIB"
	as_linear
	same "io_poll" 1 "$(attribute queue/io_poll)"
	fio --name=p --filename=/dev/mapper/thr --rw=randwrite --bs=4k --direct=1 --ioengine=io_uring \
		--hipri=1 --iodepth=4 --size=4m --output=fio.log || { cat fio.log && return 1; }
	"$FLAGGED" polled /dev/mapper/thr $((8 * MIB))
	same "state" fired "$(field thr 1)"
}
# The debug kernel finds fault with null_blk, which allocates memory under a lock when polled.
it_on_stock "passes polled I/O, and it counts" polled

zones() { blkzone report "$1" | grep -o 'start.*'; }

zoned() {
	nulldev a zoned=1 zone_size=4 zone_nr_conv=2
	over "$LOWER" $((13 * MIB))
	as_linear
	same "model" host-managed "$(attribute queue/zoned)"
	dd if=/dev/urandom of=/dev/mapper/thr bs=1M count=1 seek=12 oflag=direct conv=notrunc status=none
	same "state at the threshold" armed "$(field thr 1)"
	dd if=/dev/urandom of=/dev/mapper/thr bs=4k count=1 seek=3328 oflag=direct conv=notrunc status=none
	same "state past it" fired "$(field thr 1)"
	same "amount" 4096 "$(field thr 3)"
	diff <(zones /dev/mapper/thr) <(zones "$LOWER")
	zones /dev/mapper/thr | grep 'start: 0x000006000.*wptr 0x000808'
	fails dd if=/dev/zero of=/dev/mapper/thr bs=4k count=1 seek=3840 oflag=direct conv=notrunc status=none
	blkzone reset -o $((12 * 2048)) -c 1 /dev/mapper/thr
	zones "$LOWER" | grep 'start: 0x000006000.*wptr 0x000000'
}
it "passes a zoned device's zones" zoned

# Where btrfs puts data it leaves to the device: it appends to a zone.
appends() {
	local zone=$((4 * MIB)) mark end
	nulldev a size=128 zoned=1 zone_size=4 zone_nr_conv=0
	over "$LOWER" 0
	mkfs.btrfs -q -O zoned -d single -m single /dev/mapper/thr
	mkdir -p /tmp/zones
	mount /dev/mapper/thr /tmp/zones
	# After a mount metadata still follows: into the zone where it already is, not past it.
	mark=$((($(field thr 4) + zone - 1) / zone * zone))
	dmsetup message thr 0 set-threshold "$mark"
	dd if=/dev/urandom of=/tmp/data bs=64k count=20 status=none
	dd if=/tmp/data of=/tmp/zones/file bs=64k conv=fsync status=none
	same "state" fired "$(field thr 1)"
	end=$((mark + $(field thr 3)))
	same "bytes by which what fired ended beyond a zone's end" 0 $((end % zone))
	zones "$LOWER" | grep "$(printf 'start: 0x%09x.*wptr 0x000a' $((end / 512 - 8192)))"
	umount /tmp/zones
	mount /dev/mapper/thr /tmp/zones
	cmp /tmp/data /tmp/zones/file
	umount /tmp/zones
}
it_on_stock "passes zone appends, which count as filling their zone" appends

zoned_live() {
	local lines=("0 65536 linear" "0 65536 wthreshold")
	nulldev a zoned=1 zone_size=4 zone_nr_conv=0
	table live "${lines[0]} $LOWER 0"
	dd if=/dev/urandom of=/dev/mapper/live bs=1M count=1 oflag=direct conv=notrunc status=none
	reload live "${lines[1]} $LOWER 0 $((2 * MIB))"
	dd if=/dev/urandom of=/dev/mapper/live bs=1M count=1 seek=1 oflag=direct conv=notrunc status=none
	same "state" armed "$(field live 1)"
	reload live "${lines[0]} $LOWER 0"
	dd if=/dev/urandom of=/dev/mapper/live bs=1M count=1 seek=2 oflag=direct conv=notrunc status=none
	cmp -n $((3 * MIB)) /dev/mapper/live "$LOWER"
}
it "goes in and out of a zoned device in use" zoned_live

dax() {
	[ "$(kernel)" != debug ] || skip "the debug kernel is built without persistent memory"
	modprobe nd_e820
	modprobe nd_pmem
	eventually 10 test -b /dev/pmem0
	over /dev/pmem0 0
	as_linear
	same "dax" 1 "$(attribute queue/dax)"
	dmsetup remove lin
	mkfs.ext4 -q -b 4096 -E nodiscard,lazy_itable_init=0 /dev/mapper/thr
	mkdir -p /tmp/dax
	mount -o dax=always /dev/mapper/thr /tmp/dax
	dmsetup message thr 0 set-threshold 4096
	dd if=/dev/urandom of=/tmp/dax/file bs=1M count=4 status=none
	same "state" fired "$(field thr 1)"
	umount /tmp/dax
	e2fsck -fn /dev/mapper/thr
	reload thr "0 $(blockdev --getsz /dev/pmem0) linear /dev/pmem0 0"
	reload thr "0 $(blockdev --getsz /dev/pmem0) wthreshold /dev/pmem0 0"
	same "dax after two reloads" 1 "$(attribute queue/dax)"
}
it "passes DAX, and the file system's zeroing counts" dax

finish
