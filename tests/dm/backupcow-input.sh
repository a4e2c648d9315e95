#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What backupcow refuses, and that it says why and changes nothing; and what
# belongs to the job rather than to one table.

. ./lib.sh
without_udev

field() { # field NAME NR: a word of the target's status, the first is 1
	dmsetup status "$1" | cut -d' ' -f$(($2 + 3))
}

state_is() { # state_is NAME STATE
	[ "$(field "$1" 1)" = "$2" ]
}

start() { # a device in use, and a target
	cd /tmp
	ORIGIN=$(memdev origin 16) TARGET=$(memdev target 16)
	table top "0 32768 linear $ORIGIN 0"
	dmsetup table top >before
}

refuses() { # refuses TEXT LINE: LINE is refused with TEXT, nothing changes
	if dmsetup reload top --table "0 32768 $2" 2>error; then
		echo "accepted: $2" && return 1
	fi
	log_says "$1" || { echo "not said: $1" && dmesg | tail -3 && return 1; }
	same "live table" "$(cat before)" "$(dmsetup table top)"
	same "inactive table" "" "$(dmsetup table --inactive top)"
}

refuses_bad_words() {
	start
	local good="backupcow $ORIGIN 0 $TARGET 0 128"
	refuses "4 words, needed are" "backupcow $ORIGIN 0 $TARGET 0"
	refuses "cannot open device '/dev/nowhere'" \
		"backupcow /dev/nowhere 0 $TARGET 0 128"
	refuses "cannot open device '/dev/nowhere'" \
		"backupcow $ORIGIN 0 /dev/nowhere 0 128"
	refuses "the offset in sectors must be a whole number" \
		"backupcow $ORIGIN x $TARGET 0 128"
	refuses "not '-1'" "backupcow $ORIGIN 0 $TARGET -1 128"
	refuses "not 4" "backupcow $ORIGIN 0 $TARGET 0 4"
	refuses "power of two within [8, 131072] sectors, not 100" \
		"backupcow $ORIGIN 0 $TARGET 0 100"
	refuses "not 262144" "backupcow $ORIGIN 0 $TARGET 0 262144"
	refuses "unknown option 'sink'" "$good 2 sink full"
	refuses "sync cannot be 'top', allowed are full none" "$good 2 sync top"
	refuses "sync bitmap needs dirty bitmaps" "$good 2 sync bitmap"
	refuses "unknown option 'bitmap'" "$good 2 bitmap b"
	refuses "max-workers must be within [1, 1024], not 0" \
		"$good 2 max-workers 0"
	refuses "speed needs a value" "$good 1 speed"
	refuses "4 option words announced, 2 follow" "$good 4 speed 1"
	refuses "speed is given twice" "$good 4 speed 1 speed 2"
	refuses "on-cbw-error cannot be 'panic'" "$good 2 on-cbw-error panic"
}
it "refuses bad words, names them and changes nothing" refuses_bad_words

refuses_itself() { # newer kernels do not even open it
	refuses "'/dev/mapper/top' is the device itself" "$1" ||
		log_says "cannot open device '/dev/mapper/top'"
}

refuses_bad_devices() {
	start
	local small
	small=$(memdev small 8)
	refuses "has 16384 sectors, too few for 32768" \
		"backupcow $ORIGIN 0 $small 0 128"
	refuses "has 32768 sectors, too few for 32768 from 8 on" \
		"backupcow $ORIGIN 0 $TARGET 8 128"
	refuses "overlaps the origin" "backupcow $ORIGIN 0 $ORIGIN 0 128"
	refuses_itself "backupcow $ORIGIN 0 /dev/mapper/top 0 128"
	refuses_itself "backupcow /dev/mapper/top 0 $TARGET 0 128"
	table user "0 8192 linear $TARGET 4096"
	refuses "target '$TARGET' is in use by another device-mapper device" \
		"backupcow $ORIGIN 0 $TARGET 0 128"
	dmsetup remove --retry user
	blockdev --setro "$TARGET"
	refuses "is read-only" "backupcow $ORIGIN 0 $TARGET 0 128"
	blockdev --setrw "$TARGET"
}
it "refuses targets that cannot hold the backup" refuses_bad_devices

refuses_targets_in_use() {
	start
	local exchanged
	exchanged="backupcow $TARGET 0 $ORIGIN 0 128"
	refuses "destination '$ORIGIN' is what the device itself lies on" "$exchanged"
	reload top "0 32768 backupcow $ORIGIN 0 $TARGET 0 128"
	eventually 60 state_is top concluded
	dmsetup table top >before
	refuses "destination '$ORIGIN' is what the device itself lies on" "$exchanged"
	reload top "0 32768 linear $TARGET 0"
	dmsetup table top >before
	refuses "destination '$TARGET' is what the device itself lies on" \
		"backupcow $ORIGIN 0 $TARGET 0 128"
	reload top "0 32768 linear $ORIGIN 0"
	dmsetup table top >before
	exec {program}<"$TARGET"
	refuses "destination '$TARGET' is open in another program" \
		"backupcow $ORIGIN 0 $TARGET 0 128"
	reload top "0 32768 backupcow $ORIGIN 0 $TARGET 0 128 4 share on sync none"
	dmsetup table top >before
	reload top "0 32768 backupcow $ORIGIN 0 $TARGET 0 128 2 sync none" # which begins nothing
	reload top "0 32768 linear $ORIGIN 0"
	exec {program}<&-
	dmsetup table top >before
	mkfs.ext4 -q "$TARGET"
	mkdir mnt
	mount "$TARGET" mnt
	refuses "destination '$TARGET' is in use: mounted, swapped to, or claimed by another driver" \
		"backupcow $ORIGIN 0 $TARGET 0 128"
	umount mnt
	(pause 1) <"$TARGET" &
	pause 0.3
	reload top "0 32768 backupcow $ORIGIN 0 $TARGET 0 128 2 sync none" # waits for it
	wait
}
it "refuses targets that the device lies on, or that anything else has open" refuses_targets_in_use

partition() { # partition DISK: 32768 sectors from 8 on, and 8192 from 40000 on
	{
		head -c 446 /dev/zero
		printf '\0\0\0\0\x83\0\0\0\x08\0\0\0\0\x80\0\0'
		printf '\0\0\0\0\x83\0\0\0\x40\x9c\0\0\0\x20\0\0'
		head -c 32 /dev/zero
		printf '\x55\xaa'
	} | dd of="$1" bs=512 iflag=fullblock oflag=direct status=none
	blockdev --rereadpt "$1"
	eventually 10 test -b "${1}2"
}

refuses_partitions_of_disks_in_use() {
	start
	local disk program
	disk=$(memdev disk 40)
	partition "$disk"
	exec {program}<"$disk"
	refuses "destination '${disk}1' is open in another program" \
		"backupcow $ORIGIN 0 ${disk}1 0 128"
	exec {program}<&-
	table other "0 8192 linear ${disk}2 0"
	exec {program}<"${disk}2"
	reload top "0 32768 backupcow $ORIGIN 0 ${disk}1 0 128"
	exec {program}<&-
	eventually 60 state_is top concluded
}
it "refuses a partition whose disk is open in another program" refuses_partitions_of_disks_in_use

goes_on_beside_its_copy() {
	start
	reload top "0 32768 backupcow $ORIGIN 0 $TARGET 0 128"
	eventually 60 state_is top concluded
	table copy "0 32768 linear $TARGET 0"
	reload top "0 32768 backupcow $ORIGIN 0 $TARGET 0 128 2 speed 1"
	state_is top concluded
	dmsetup table top >before
	refuses "target '$TARGET' is in use by another device-mapper device" \
		"backupcow $ORIGIN 0 $TARGET 0 128 2 run 1"
}
it "takes the line of a backup that is over though its copy is in use" goes_on_beside_its_copy

takes_its_own_for_no_others() {
	start
	local i
	for i in 1 2 3; do dmsetup reload top --table "0 32768 backupcow $ORIGIN 0 $TARGET 0 128 2 run $i"; done
	dmsetup resume top
	eventually 60 state_is top concluded
	dmsetup reload top --table "0 16384 backupcow $ORIGIN 0 $TARGET 0 128 2 run 4
16384 16384 backupcow $ORIGIN 16384 $TARGET 16384 128 2 run 4"
}
it "takes no handle of its own for another program's" takes_its_own_for_no_others

refuses_a_shared_target() {
	start
	table other "0 8192 linear $ORIGIN 0"
	reload other "0 8192 backupcow $ORIGIN 0 $TARGET 24576 128 2 sync none"
	refuses "the target is in use: another backup writes to it" \
		"backupcow $ORIGIN 0 $TARGET 0 128"
	reload other "0 8192 linear $ORIGIN 0"
	dmsetup remove --retry other
	table other "0 8192 backupcow $ORIGIN 0 $TARGET 24576 128 2 sync none"
	reload top "0 24576 backupcow $ORIGIN 0 $TARGET 0 128"
	eventually 60 state_is top concluded
	dmsetup remove --retry other
	reload top "0 32768 linear $ORIGIN 0"
	reload top "0 32768 backupcow $ORIGIN 0 $TARGET 0 128"
	eventually 60 state_is top concluded
}
it "refuses a target that another backup writes to" refuses_a_shared_target

# Its own device has two backups there, one that has ended and one that is only loaded.
counts_devices() {
	local third
	start
	third=$(memdev third 16)
	table own "0 8192 backupcow $third 0 $TARGET 0 128"
	eventually 60 state_is own concluded
	dmsetup reload own --table "0 8192 backupcow $third 0 $TARGET 0 64"
	table user "0 8 linear $TARGET 16384"
	refuses "target '$TARGET' is in use by another device-mapper device" \
		"backupcow $ORIGIN 0 $TARGET 0 128"
	dmsetup remove --retry user
	dmsetup reload top --table "0 8192 backupcow $ORIGIN 0 $TARGET 8192 128"
}
it "takes two backups of one device for one user of their target" counts_devices

refuses_overlap() {
	local disk
	cd /tmp
	disk=$(memdev disk 40)
	table top "0 32768 linear $disk 0"
	dmsetup table top >before
	refuses "overlaps the origin" "backupcow $disk 0 $disk 32760 128"
	reload top "0 32768 backupcow $disk 0 $disk 32768 128"
	eventually 60 state_is top concluded
	cmp -n 16777216 "$disk" <(tail -c +16777217 "$disk")
}
it "refuses a target that shares a sector with the origin, and no other" \
	refuses_overlap

refuses_large_blocks() {
	cd /tmp
	modprobe sd_mod
	modprobe scsi_debug dev_size_mb=32 sector_size=4096 ||
		skip "scsi_debug is not there"
	local fine coarse disks="/sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*/block"
	eventually 60 compgen -G "$disks/*"
	coarse=/dev/$(basename "$(compgen -G "$disks/*")")
	truncate -s 16M fine.img
	modprobe loop
	fine=$(losetup --find --show fine.img)
	table top "0 32768 linear $fine 0"
	dmsetup table top >before
	refuses "logical blocks of 4096 bytes, larger than the origin's 512" \
		"backupcow $fine 0 $coarse 0 128"
	dmsetup remove --retry top
	losetup -d "$fine"
	rmmod scsi_debug
}
it "refuses a target with larger logical blocks" refuses_large_blocks

refuses_small_clusters() {
	local dir=/sys/kernel/config/nullb/coarse
	start
	mkdir "$dir"
	echo 65536 >"$dir/blocksize"
	echo 16 >"$dir/size"
	if ! echo 1 >"$dir/power" 2>/dev/null || [ "$(cat "$dir/blocksize")" != 65536 ]; then
		rmdir "$dir"
		skip "this kernel has no logical blocks larger than a page"
	fi
	dmsetup remove --retry top
	table top "0 32768 linear /dev/coarse 0"
	dmsetup table top >before
	refuses "a cluster of 64 sectors is smaller than the logical block of '/dev/coarse', 65536 bytes" \
		"backupcow /dev/coarse 0 $TARGET 0 64"
	reload top "0 32768 backupcow /dev/coarse 0 $TARGET 0 128"
	eventually 60 state_is top concluded
	dmsetup remove --retry top
	rmdir "$dir"
}
it "refuses clusters smaller than the origin's logical blocks" refuses_small_clusters

refuses_zones() {
	local zoned=/sys/kernel/config/nullb/zoned node
	start
	mkdir "$zoned"
	echo 64 >"$zoned/size"
	echo 1 >"$zoned/memory_backed"
	echo 1 >"$zoned/zoned"
	echo 4 >"$zoned/zone_size"
	echo 1 >"$zoned/power"
	node=/dev/zoned
	[ -e /sys/block/zoned ] || node=/dev/nullb$(cat "$zoned/index")
	eventually 60 test -b "$node"
	refuses "'$node' is a zoned device" \
		"backupcow $ORIGIN 0 $node 0 128"
	dmsetup remove --retry top
	echo 0 >"$zoned/power"
	rmdir "$zoned"
}
it "refuses zoned devices" refuses_zones

keeps_one_job() {
	start
	local other
	other=$(memdev other 16)
	reload top "0 32768 backupcow $ORIGIN 0 $TARGET 0 128 2 sync none"
	dmsetup table top >before
	refuses "a backup to" "backupcow $ORIGIN 0 $other 0 128"
	refuses "in clusters of 128 sectors is under way" \
		"backupcow $ORIGIN 0 $TARGET 0 64"
	dd if=/dev/urandom of=/dev/mapper/top bs=64k count=3 oflag=direct status=none
	same "clusters" 3/256 "$(field top 2)"
	dmsetup rename top bottom
	reload bottom "0 32768 backupcow $ORIGIN 0 $TARGET 0 128 4 sync none speed 4096"
	same "clusters" 3/256 "$(field bottom 2)"
	fails rmmod dm_backupcow
	dmsetup message bottom 0 cancel
	eventually 60 state_is bottom concluded
	reload bottom "0 32768 backupcow $ORIGIN 0 $other 0 64"
	eventually 60 state_is bottom concluded
	same "clusters" 512/512 "$(field bottom 2)"
	cmp "$ORIGIN" "$other"
}
it "keeps the job over reloads and renames, and refuses another one" keeps_one_job

begins_a_run() {
	start
	local line="0 32768 backupcow $ORIGIN 0 $TARGET 0 128"
	reload top "$line"
	eventually 60 state_is top concluded
	same "run" "0 new" "$(field top 13) $(field top 14)"
	noisy /dev/mapper/top 16
	reload top "$line"
	same "run" "0 kept" "$(field top 13) $(field top 14)"
	log_says "begins no backup: run 0 to this destination has concluded, another run number begins a new one"
	fails cmp -s "$ORIGIN" "$TARGET"
	reload top "$line 4 run 18446744073709551615 sync none"
	same "state" running "$(field top 1)"
	same "run" "18446744073709551615 new" "$(field top 13) $(field top 14)"
	dmsetup table top >before
	refuses "run 18446744073709551615 of this backup is under way: cancel it first, run 7 cannot begin" \
		"backupcow $ORIGIN 0 $TARGET 0 128 2 run 7"
	refuses "run must be a whole number" "backupcow $ORIGIN 0 $TARGET 0 128 2 run -1"
	reload top "$line 2 run 18446744073709551615"
	same "run" "18446744073709551615 kept" "$(field top 13) $(field top 14)"
	log_says "continues run 18446744073709551615 of its backup"
	eventually 60 state_is top concluded
	cmp "$ORIGIN" "$TARGET"
	dmsetup reload top --table "$line 2 run 1"
	dmsetup clear top
	same "run" "18446744073709551615 kept" "$(field top 13) $(field top 14)"
}
it "begins a new backup by another run number, and says when a line begins none" begins_a_run

inactive_changes_nothing() {
	start
	reload top "0 32768 backupcow $ORIGIN 0 $TARGET 0 128 2 sync none"
	dmsetup reload top --table "0 32768 backupcow $ORIGIN 0 - 0 128"
	dmsetup clear top
	same "state" running "$(field top 1)"
	dmsetup reload top --table "0 32768 linear $ORIGIN 0"
	dmsetup clear top
	dd if=/dev/urandom of=/dev/mapper/top bs=64k count=1 oflag=direct status=none
	same "clusters" 1/256 "$(field top 2)"
	reload top "0 32768 backupcow $ORIGIN 0 - 0 128"
	same "state" none "$(field top 1)"
	dmsetup reload top --table "0 32768 backupcow $ORIGIN 0 $TARGET 0 128"
	dmsetup clear top
	same "state" none "$(field top 1)"
	dmsetup remove --retry top
	eventually 60 rmmod dm_backupcow
}
it "an inactive table that is cleared has changed nothing" inactive_changes_nothing

grows_on() {
	cd /tmp
	ORIGIN=$(memdev origin 16) TARGET=$(memdev target-of-8 8)
	table top "0 16384 backupcow $ORIGIN 0 $TARGET 0 128 2 sync none"
	dmsetup table top >before
	reload top "0 32768 backupcow $ORIGIN 0 $TARGET 0 128 2 sync none"
	noisy /dev/mapper/top 16
	same "bytes" 8388608/8388608 "$(field top 3)"
	cmp -n 8388608 "$TARGET" /dev/zero
	fails dmsetup reload top \
		--table "0 8192 backupcow $ORIGIN 0 $TARGET 0 128 2 sync none"
	log_says "the device cannot shrink to 8192"
	dmsetup message top 0 cancel
	eventually 60 state_is top concluded
	fails dmsetup reload top --table "0 32768 backupcow $ORIGIN 0 $TARGET 0 64"
	log_says "has 16384 sectors, too few for 32768"
}
it "goes on when the device grows, and refuses that it shrinks" grows_on

finish
