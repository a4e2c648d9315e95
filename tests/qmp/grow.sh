#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# qdm grow, on the ways on which a volume is used: whichever comes first of line, file system and
# mount, the volume grows for those who fill it and for nobody else. On ext4 and xfs, which spread
# what mkfs writes in different ways. How quickly it grows is shown in extend-live.
#
#	ext4 or xfs
#	vg-lv-grow	wthreshold, as qdm grow makes it
#	vg-lv
#	memory

# shellcheck source=../dm/lib.sh
. ./lib.sh
TIME_LIMIT=300 # a growth runs four programs of LVM's

# What one kernel shows the others need not show again.
it_once() { [ "$(kernel)" != 6.12 ] || it "$@"; }

# An answer under way would hold the devices that are to be taken away.
clean_up() {
	rm -rf /etc/qdm/extend.d /etc/qdm/extend.conf /etc/lvm/lvmlocal.conf
	umount /mnt/data 2>/dev/null || true
	! [ -e /dev/mapper/vg-lv-grow ] || dmsetup remove --retry vg-lv-grow || true
	flock /run/qdm-extend.vg-lv-grow.answer rm -f /run/qdm-extend.vg-lv-grow.lock
}

# xfs is never smaller than 300 MiB, and no kernel makes a btrfs as long as less than 256.
START=64
volume() { # volume FS
	trap clean_up EXIT
	case $1 in
	xfs) START=320 ;;
	btrfs) START=256 ;;
	esac
	[ "$1" != btrfs ] || modprobe -q btrfs || skip "no btrfs"
	volume_group 1600
	wipefs -qa /dev/vg/lv
	[ "$START" = 64 ] || lvextend -qq --size "${START}M" vg/lv
	mkdir -p /mnt/data
}

make_fs() { # make_fs FS: that writes all it may
	case $1 in
	ext4) mkfs.ext4 -q -m 0 -E nodiscard /dev/mapper/vg-lv-grow ;;
	xfs) mkfs.xfs -q -f -K /dev/mapper/vg-lv-grow ;;
	btrfs) mkfs.btrfs -q -f -K -M -d single -m single /dev/mapper/vg-lv-grow ;;
	esac
}
mount_it() { mount /dev/mapper/vg-lv-grow /mnt/data; }

size() { echo $(($(blockdev --getsize64 /dev/mapper/vg-lv-grow) >> 20)); }
has_size() { [ "$(size)" = "$1" ]; }
state() { qdm show vg-lv-grow state; }
has_state() { [ "$(state)" = "$1" ]; }
available() { df --output=avail -m /mnt/data | tail -n 1; }
has_free() { [ "$(available)" -ge "$1" ]; }
# All that has been written by now was answered, and the next write that matters will be.
is_answered() { is_quiet && has_state armed; }
is_quiet() { flock --nonblock /run/qdm-extend.vg-lv-grow.answer true; }

# fill UNTIL-MIB RESERVE: a file that is longer in the end than the volume was; a writer that waits
# for no time but for the volume, so that no machine is too slow
fill() {
	local at
	for ((at = 0; at < $1; at += 8)); do
		dd if=/dev/zero of=/mnt/data/file bs=1M count=8 seek="$at" oflag=direct conv=notrunc status=none
		eventually 60 has_free "$2"
	done
}
# That much is used up at once.
leave() { fallocate --length "$(($(available) - $1))M" /mnt/data/reserved; }

# The first way: nobody is there to answer when mkfs passes the threshold.
line_comes_later() {
	volume "$1"
	qdm exec "{'execute': 'blockdev-add', 'arguments': {'driver': 'write-threshold',
		'node-name': 'vg-lv-grow', 'file': '/dev/vg/lv', 'write-threshold': $(((START - 24) << 20))}}"
	make_fs "$1"
	mount_it
	eventually 10 has_state fired
	qdm doctor | grep "^note: the threshold of 'vg-lv-grow' has fired"
	echo "vg-* 64M - 24M" >/etc/qdm/extend.conf
	fails qdm doctor >said
	grep "^trouble: the threshold of 'vg-lv-grow' has fired, and was not answered" said
	/usr/lib/qdm/qdm-extend vg-lv-grow
	eventually 60 has_state armed
	same "size" "$START" "$(size)"
	leave 48
	/usr/lib/qdm/qdm-extend vg-lv-grow # as the timer does: nothing was written yet
	fill 64 24
	[ "$(size)" -gt "$START" ]
	eventually 60 is_answered
	qdm doctor
}
it "answers a threshold that mkfs on ext4 has passed when its line comes later" line_comes_later ext4
it_once "answers a threshold that mkfs on xfs has passed when its line comes later" line_comes_later xfs

# The second: the file system is mounted some time after it was made.
mount_comes_later() {
	volume "$1"
	qdm grow /dev/vg/lv --step 64M --reserve 24M
	make_fs "$1"
	eventually 60 is_answered
	same "size after mkfs" "$START" "$(size)"
	mount_it
	leave 48
	fill 64 24
	same "size" $((START + 64)) "$(size)"
	same "volume and node" "$(blockdev --getsize64 /dev/vg/lv)" "$(blockdev --getsize64 /dev/mapper/vg-lv-grow)"
	qdm grow --json | jq -e '.[0] | ."node-name" == "vg-lv-grow" and .step == 67108864 and .free >= 25165824'
}
it_once "grows an ext4 that is mounted long after it was made" mount_comes_later ext4
it "grows an xfs that is mounted long after it was made" mount_comes_later xfs
it_once "grows a btrfs that is mounted long after it was made" mount_comes_later btrfs

# Longer by hand before it is mounted: the file system follows with the first write.
follows_at_mount() {
	volume "$1"
	qdm grow /dev/vg/lv --step 64M --reserve 24M
	make_fs "$1"
	lvextend -qq --size +64M vg/lv
	/usr/lib/qdm/qdm-extend vg-lv-grow
	same "size" $((START + 64)) "$(size)"
	qdm doctor | grep '^note: the file system on .vg-lv-grow. has .* will when it is mounted'
	mount_it
	dd if=/dev/zero of=/mnt/data/file bs=1M count=1 oflag=direct status=none
	eventually 60 follows
	qdm doctor
}
follows() { [ "$(df --output=size -m /mnt/data | tail -n 1)" -gt $((START * 8 / 10 + 40)) ]; }
it_once "grows the file system when it is mounted, ext4" follows_at_mount ext4
it "grows the file system when it is mounted, xfs" follows_at_mount xfs

# Nobody can write to it, however far it was written.
is_read_only() {
	volume ext4
	qdm grow /dev/vg/lv --step 64M --reserve 24M
	make_fs ext4
	eventually 60 is_answered
	mount -o ro /dev/mapper/vg-lv-grow /mnt/data
	qdm grow --now vg-lv-grow
	same "size" "$START" "$(size)"
	lvextend -qq --size +64M vg/lv
	qdm grow --now vg-lv-grow
	same "size, made longer by hand" $((START + 64)) "$(size)"
	mount -o remount,rw /mnt/data
	qdm grow --now vg-lv-grow
	follows
}
it_once "leaves a file system as it is that is mounted read-only" is_read_only

# The third: fstrim reaches everything that is free.
is_trimmed() {
	volume "$1"
	qdm grow /dev/vg/lv --step 64M --reserve 24M
	make_fs "$1"
	mount_it
	for _ in 1 2 3; do
		dd if=/dev/zero of=/mnt/data/file bs=1M count=2 oflag=direct status=none
		rm /mnt/data/file
		fstrim /mnt/data || echo "no discards here"
		eventually 60 is_answered
	done
	same "size" "$START" "$(size)"
}
it "leaves an empty ext4 as it is under fstrim" is_trimmed ext4
it_once "leaves an empty xfs as it is under fstrim" is_trimmed xfs

# The fourth: what growing writes lies within the new reserve.
grows_once() {
	START=256
	volume "$1"
	qdm grow /dev/vg/lv --step 256M --reserve 128M
	make_fs "$1"
	mount_it
	dd if=/dev/zero of=/mnt/data/file bs=1M count=4 oflag=direct status=none
	eventually 60 is_answered
	same "size while it is empty" "$START" "$(size)"
	leave 124
	dd if=/dev/zero of=/mnt/data/file bs=1M count=4 oflag=direct status=none
	eventually 60 has_size $((START + 256))
	eventually 60 is_answered
	same "size in the end" $((START + 256)) "$(size)"
}
it "grows ext4 by one step when its resizing writes within the reserve" grows_once ext4
it_once "grows xfs by one step when its resizing writes within the reserve" grows_once xfs

# A mount that nobody sees but those in the container.
in_container() {
	volume "$1"
	qdm grow /dev/vg/lv --step 64M --reserve 24M
	make_fs "$1"
	unshare --mount --propagation private sh -c 'mount /dev/mapper/vg-lv-grow /mnt/data && touch /tmp/mounted && exec sleep 600' &
	CONTAINER=$!
	eventually 20 test -e /tmp/mounted
	fails grep -q /mnt/data /proc/mounts
	nsenter --target "$CONTAINER" --mount fallocate --length \
		"$(($(nsenter --target "$CONTAINER" --mount df --output=avail -m /mnt/data | tail -n 1) - 22))M" /mnt/data/reserved
	nsenter --target "$CONTAINER" --mount dd if=/dev/zero of=/mnt/data/file bs=1M count=2 oflag=direct status=none
	eventually 60 has_size $((START + 64))
	eventually 60 has_room_inside
	kill "$CONTAINER"
	wait
}
has_room_inside() { [ "$(nsenter --target "$CONTAINER" --mount df --output=avail -m /mnt/data | tail -n 1)" -gt 60 ]; }
it_once "grows an ext4 that is mounted in another namespace" in_container ext4
it "grows an xfs that is mounted in another namespace" in_container xfs

# A file system that cannot grow is told of, once, and the volume does not run away from it.
cannot_grow() {
	volume ext4
	qdm grow /dev/vg/lv --step 64M --reserve 24M
	mkfs.ext4 -q -m 0 -O sparse_super2,^resize_inode /dev/mapper/vg-lv-grow
	mount_it
	leave 20
	udevadm monitor --udev --property --subsystem-match=block >events &
	eventually 60 grep -q UDEV events
	dd if=/dev/zero of=/mnt/data/file bs=1M count=1 oflag=direct status=none
	eventually 60 log_says "the device has grown, but not the ext4 on /mnt/data"
	eventually 60 grep -qx 'DM_EXTEND_REASON=FILESYSTEM' events
	same "size" $((START + 64)) "$(size)"
	fails qdm grow --now vg-lv-grow
	fails qdm doctor >said
	grep "^trouble: the file system on 'vg-lv-grow' has 64M of the device's 128M: it has not grown" said
	same "lines in the log" 1 "$(kernel_log | grep -c 'but not the ext4')"
}
it_once "says of a file system that cannot grow that it has not, once" cannot_grow

# Whatever LVM is told to print, and however.
hostile_lvm() {
	volume ext4
	cat >/etc/lvm/lvmlocal.conf <<-END
		global { units = "G" suffix = 1 si_unit_consistency = 0 }
		report { output_format = "json" prefixes = 1 quoted = 1 headings = 1 separator = "|" aligned = 0 buffered = 0 }
		log { verbose = 2 prefix = "#{" command_names = 1 report_command_log = 1 }
	END
	LC_ALL=de_DE.UTF-8 LANG=de_DE.UTF-8 qdm grow vg-lv --step 64M --reserve 24M --max 150M
	make_fs ext4
	mount_it
	leave 48
	fill 48 24
	same "size after the first step" 128 "$(size)"
	rm /mnt/data/file /mnt/data/reserved
	leave 20
	dd if=/dev/zero of=/mnt/data/more bs=1M count=1 oflag=direct status=none
	eventually 60 has_size 148 # whole extents of 4 MiB
	same "told" "" "$(kernel_log | grep 'qdm-extend.*lvs' || true)"
}
it_once "grows whatever lvm.conf and the language say" hostile_lvm

# LVM refuses a size that the volume has already.
others_are_faster() {
	volume ext4
	qdm exec "{'execute': 'blockdev-add', 'arguments': {'driver': 'write-threshold',
		'node-name': 'vg-lv-grow', 'file': '/dev/vg/lv', 'write-threshold': 0}}"
	make_fs ext4
	mount_it
	leave 20
	mkdir /tmp/bin
	printf '#!/bin/sh\n%s -qq --size 160M vg/lv\nexec %s "$@"\n' "$(command -v lvextend)"{,} >/tmp/bin/lvextend
	chmod 755 /tmp/bin/lvextend
	PATH=/tmp/bin:$PATH qdm grow vg-lv --step 64M --reserve 24M
	same "size" 160 "$(size)"
	follows
	same "told" "" "$(kernel_log | grep 'cannot extend' || true)"
}
it_once "goes on when somebody else was faster to extend the volume" others_are_faster

limited() {
	volume ext4
	qdm grow /dev/vg/lv --step 8M --reserve 20M --per-hour 2
	make_fs ext4
	mount_it
	leave 1
	dd if=/dev/zero of=/mnt/data/file bs=1M count=1 oflag=direct status=none || true
	eventually 60 log_says "has grown 2 times within an hour, and /etc/qdm/extend.d/vg-lv-grow.conf allows no more"
	same "size" 80 "$(size)"
	fails qdm doctor >said
	grep "^trouble: the last attempt to grow 'vg-lv-grow' failed (LIMIT)" said
	rm /mnt/data/reserved
	eventually 60 is_quiet
}
it_once "stops at the growths an hour that its line allows, and says so" limited

verb() {
	volume ext4
	fails qdm grow vg-lv 2>said
	grep "give --step and --reserve" said
	fails qdm grow vg-lv --step 1X 2>said
	grep "'1X' is no size" said
	qdm grow --dry-run vg-lv --step 64M --reserve 24M >script
	fails test -e /dev/mapper/vg-lv-grow
	fails test -e /etc/qdm/extend.d
	bash script
	same "line" "* 67108864 - 25165824 -" "$(tail -n 1 /etc/qdm/extend.d/vg-lv-grow.conf)"
	same "armed" $(((64 - 24) << 20)) "$(qdm show vg-lv-grow write-threshold)"
	qdm grow vg-lv --max 1G | grep "up to 1G"
	qdm grow vg-lv off
	same "state" off "$(state)"
	fails test -e /etc/qdm/extend.d/vg-lv-grow.conf
	fails qdm grow vg-lv 2>said
	grep "no line in" said
	dmsetup remove --retry vg-lv-grow
	mkfs.ext4 -q /dev/vg/lv
	mount /dev/vg/lv /mnt/data
	fails qdm grow vg-lv --step 64M 2>said
	grep "'vg-lv' is in use" said
}
it_once "is set, shown and turned off by one verb" verb

# As the documentation has it.
documented() {
	volume ext4
	doc_example "$PWD/qdm.rst" "one command makes the threshold" | sed 's/^# //' >tutorial
	bash -eux tutorial
	eventually 60 has_size 1088
}
it_once "grows as in the tutorial" documented

finish
