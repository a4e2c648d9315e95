#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Devices are called as their makers like: LVM doubles dashes, CSI puts UUIDs in, Docker
# begins with numbers and colons, and dmsetup takes 127 characters of any kind. The plain
# verbs work on all of them, from the insertion to the removal.

# shellcheck source=../dm/lib.sh
. ./lib.sh

MIB=1048576

only() { # only NAME: nothing else is there, and its table is its own
	same "devices, with the destination" 2 "$(dmsetup ls | wc -l)"
	dmsetup table "$1" | grep -q "^0 32768 linear "
}

# Each round leaves the device as it was.
round_trip() { # round_trip NAME
	local name=$1 filter
	qdm throttle "$name" iops-total=5000 | grep -q "iops-total=5000/s"
	qdm throttle "$name" iops-total=6000 | grep -q "iops-total=6000/s"
	filter=$(qdm insert threshold "$name" 8M)
	filter=${filter%%: *}
	qdm threshold "$name" 12M | grep -q "armed at 12M"
	qdm tree | grep -qF "$name"
	qdm list | grep -qF "$name"
	fails grep -qE "trouble|repair" <<<"$(qdm doctor)"
	qdm remove "$filter"
	qdm throttle "$name" off
	only "$name"
	qdm backup --wait "$name" /dev/mapper/target
	only "$name"
	cmp -n "$MIB" "/dev/dm-$(dmsetup info -c --noheadings -o minor "$name" | tr -d ' ')" /dev/mapper/target
}

made_by_hand() { # made_by_hand NAME
	local dev
	dev=$(memdev mem 48)
	table target "0 32768 linear $dev 32768"
	dmsetup create "$1" --table "0 32768 linear $dev 0"
	udevadm settle
	noisy "$dev" 4
	round_trip "$1"
}

LONG=$(printf "vg-a--long--name%.0s" {1..8})
it "works on a device with Docker's name" made_by_hand docker-8:1-123-pool
it "works on a device whose name begins with a digit" made_by_hand 1st+2nd=3rd@home
it "works on a device whose name has blanks" made_by_hand "my own disk"
it "works on a device whose name has quotes and more" made_by_hand "it's #1 (new)"
it "works on a device whose name has 127 characters" made_by_hand "${LONG:0:127}"

volume_of_csi() {
	local name=pvc-3665e1fd-1234-4abc-8def-0123456789ab
	volume_group 160
	lvrename -qq vg lv "$name"
	lvcreate -qqy -Wn --size 64M --name spare vg
	udevadm settle
	name=vg-${name//-/--}
	qdm throttle "$name" iops-total=5000
	qdm throttle "$name" iops-total=6000 | grep -q "iops-total=6000/s"
	qdm throttle "$name" off
	qdm backup --wait "$name" /dev/vg/spare
	cmp "/dev/mapper/$name" /dev/vg/spare
	same "devices" 2 "$(dmsetup ls | wc -l)"
}
it "works on a volume with the name that CSI gives" volume_of_csi

finish
