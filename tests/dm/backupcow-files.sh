#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# File systems with real files, backed up while they are in use: the target
# holds every file as it was when the filter was inserted, and checks clean.

. ./lib.sh
without_udev

state_is() { # state_is NAME STATE
	[ "$(dmsetup status --target backupcow "$1" | cut -d' ' -f4)" = "$2" ]
}

manifest() { # manifest DIR
	(cd "$1" && md5sum ./*/* | sort)
}

make_ext4() { mkfs.ext4 -q "$1"; }
check_ext4() { fsck.ext4 -fn "$1"; }

# Its smallest size is waived for those who test it, which is what these words say.
make_xfs() { TEST_DIR=1 TEST_DEV=1 QA_CHECK_FS=1 mkfs.xfs -q -f "$1"; }
check_xfs() { xfs_repair -n "$1"; }

# files DIR LINES: 6 MiB in files of that many lines of noise, by one program
files() {
	mkdir "$1"
	split -a 3 -l "$2" noise "$1/"
}

start() { # start TYPE: files on /dev/mapper/top, mounted at live
	cd /tmp
	mkdir live copy
	ORIGIN=$(memdev origin 64) TARGET=$(memdev target 64)
	SECTORS=131072
	table top "0 $SECTORS linear $ORIGIN 0"
	"make_$1" /dev/mapper/top
	mount -t "$1" /dev/mapper/top live
	head -c 6M /dev/urandom >noise
	files live/old 150
	files live/kept 400
}

trample() { # nothing of the old files stays as it was
	local file
	rm -r live/old
	for file in live/kept/*; do
		echo "overwritten" 1<>"$file"
		echo "appended" >>"$file"
	done
	files live/new 1000
	sync
	fstrim live
}

is_backed_up() { # is_backed_up TYPE CLUSTER [OPTIONS]
	start "$1"
	manifest live >files
	[ "$(wc -l <files)" -ge 150 ]
	dmsetup suspend top
	dmsetup reload top --table "0 $SECTORS backupcow $ORIGIN 0 $TARGET 0 ${*:2}"
	dmsetup resume top
	trample
	eventually 120 state_is top concluded
	dmsetup status top
	umount live
	dmsetup remove --retry top
	mount -t "$1" "$TARGET" copy
	manifest copy | cmp files
	umount copy
	"check_$1" "$TARGET"
	"check_$1" "$ORIGIN"
}
it "keeps an ext4 with its files, on a thin target" \
	is_backed_up ext4 8 4 detect-zeroes unmap on-cbw-error break-snapshot
# The debug kernel has no xfs.
it_on_stock "keeps an xfs with its files" is_backed_up xfs 128 2 speed 16777216

finish
