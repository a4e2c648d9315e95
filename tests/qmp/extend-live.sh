#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# That a volume grows in time under a writer of a given speed is a matter of time, so it is
# shown by the clock of the deterministic lane: 2 MiB a second against a reserve of 48 MiB,
# where an extension takes half a second. What else qdm-extend does is in the topic extend.

# shellcheck source=../dm/lib.sh
. ./lib.sh
needs_lane icount

grown() { [ "$(blockdev --getsize64 /dev/mapper/data)" -ge $((128 << 20)) ]; }

grows_in_time() {
	trap 'flock /run/qdm-extend.data.lock rm -f /etc/qdm/extend.conf' EXIT
	volume_group 320
	qdm exec "{'execute': 'blockdev-add', 'arguments': {'driver': 'write-threshold',
		'node-name': 'data', 'file': '/dev/vg/lv', 'write-threshold': $((16 << 20))}}"
	mkdir -p /mnt/data /etc/qdm
	mount /dev/mapper/data /mnt/data
	echo "data 64M 1T 48M" >/etc/qdm/extend.conf
	fio --name=w --filename=/mnt/data/file --size=80m --bs=64k --rw=write --rate=2m --fallocate=none \
		--direct=1 --ioengine=libaio --iodepth=4 --verify=crc32c --output=fio.log ||
		{ cat fio.log && qdm tree && return 1; }
	eventually 20 grown
	same "volume and node" "$(blockdev --getsize64 /dev/vg/lv)" "$(blockdev --getsize64 /dev/mapper/data)"
	umount /mnt/data
	fsck.ext4 -fn /dev/mapper/data
}
it "grows a volume under a writer that sees no ENOSPC" grows_in_time

finish
