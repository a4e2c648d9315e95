#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The tutorial and the tasks of the documentation, typed as they are written: what a page promises
# is held against what the commands do.

# shellcheck source=../dm/lib.sh
. ./lib.sh
TIME_LIMIT=600 # LVM runs many programs, dear ones in an emulated guest

# commands PAGE FROM TO: all that is typed between these two headings; what is printed is left out
commands() {
	echo "set -eu"
	sed -n "/^$2\$/,/^$3\$/ s/^\t# //p" "$PWD/$1.rst"
}

# typed PAGE FROM TO: all of it is typed into one shell, from an empty folder
typed() {
	commands "$@" >/run/qdm/typed
	[ "$(wc -l </run/qdm/typed)" -gt 1 ]
	bash -x /run/qdm/typed
}

# Topics before this one end while udev is at work: links of a group that is gone, and
# semaphores of processes that were killed, are theirs.
begin_anew() {
	udevadm settle
	rm -rf /dev/vg
	dmsetup -y udevcomplete_all
}

undo() {
	umount /mnt/copy /mnt/data 2>/dev/null || true
	rm -rf /etc/qdm/extend.d
}

tutorial() {
	trap undo EXIT
	begin_anew
	modprobe loop
	typed tutorial "A volume" "Clean up" | tee said
	grep -x "before the backup" said
	same "the volume's file" "after the backup" "$(cat /mnt/data/file)"
	same "the volume's table" linear "$(dmsetup table vg-lv | cut -d' ' -f3)"
	disk=$(losetup --list --noheadings --output name --associated /tmp/disk | tr -d ' ')
	export disk
	typed tutorial "Clean up" none
	fails test -e /tmp/disk
	fails dmsetup info vg-lv
}
it "the tutorial does what it says, and leaves nothing" tutorial

data_volume() { # on which the tasks begin
	trap undo EXIT
	begin_anew
	volume_group 320
	lvcreate -qqy -Wn -L 64M -n copy vg
	mkdir -p /mnt/data
	mount /dev/vg/lv /mnt/data
	echo "before the backup" >/mnt/data/file
}

throttle() {
	data_volume
	typed tasks Throttle "Back up and restore"
	same "the volume's table" linear "$(dmsetup table vg-lv | cut -d' ' -f3)"
	same "groups" "" "$(ls /sys/kernel/config/qthrottle)"
}
it "throttles one device and several as in the tasks, and takes the limits away" throttle

restore() {
	data_volume
	typed tasks "To a device" "Restore files"
	echo "after the backup" >/mnt/data/file
	typed tasks "Restore files" "Restore the volume"
	same "the file that was restored" "before the backup" "$(cat /mnt/data/file)"
	rm /mnt/data/file
	dd if=/dev/urandom of=/mnt/data/other bs=1M count=8 status=none
	typed tasks "Restore the volume" "Several volumes at one instant"
	same "the file of the volume that was restored" "before the backup" "$(cat /mnt/data/file)"
	fails test -e /mnt/data/other
	umount /mnt/data
	e2fsck -fn /dev/vg/lv
}
it "backs a volume up and restores a file and all of it as in the tasks" restore

grow() {
	data_volume
	typed tasks Grow "When something is wrong"
	same "what is mounted" /dev/mapper/vg-lv-grow "$(findmnt -no SOURCE /mnt/data)"
	typed tasks "When something is wrong" none
}
it "makes a volume that grows as in the tasks" grow

finish
