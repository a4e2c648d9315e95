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
	(cd "$1" && find . -type f -print0 | sort -z | xargs -0 md5sum)
}

make_ext4() { mkfs.ext4 -q "$1"; }
check_ext4() { fsck.ext4 -fn "$1"; }

# Its smallest size is waived for those who test it, which is what these words say.
make_xfs() { TEST_DIR=1 TEST_DEV=1 QA_CHECK_FS=1 mkfs.xfs -q -f "$1"; }
check_xfs() { xfs_repair -n "$1"; }

start() { # start TYPE: files on /dev/mapper/top, mounted at live
	cd /tmp
	mkdir live copy
	ORIGIN=$(memdev origin 64) TARGET=$(memdev target 64)
	SECTORS=131072
	table top "0 $SECTORS linear $ORIGIN 0"
	"make_$1" /dev/mapper/top
	mount -t "$1" /dev/mapper/top live
	cp -r /usr/include/linux live/old
	cp -r /usr/include/linux live/kept
}

trample() { # nothing of the old files stays as it was
	rm -r live/old
	find live/kept -name '*.h' -exec sh -c 'for f; do date >>"$f"; done' - {} +
	head -c 8M /dev/urandom >live/new
	sync
	fstrim live
}

is_backed_up() { # is_backed_up TYPE CLUSTER [OPTIONS]
	start "$1"
	manifest live >files
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
it "keeps an ext4 with its files" is_backed_up ext4 128 2 speed 16777216
it "keeps an ext4 with its files in small clusters, thin" \
	is_backed_up ext4 8 4 detect-zeroes unmap on-cbw-error break-snapshot
it "keeps an xfs with its files" is_backed_up xfs 128 2 speed 16777216

finish
