#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# LVM beside qdm, with filters under its physical volumes and under its volumes. LVM knows
# nothing of them: it must see each physical volume once, and what it does to a volume must
# leave no filter lost or in the way.

# shellcheck source=../dm/lib.sh
. ./lib.sh

KEY=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f

# A physical volume on a crypt device, as Debian's installer makes it: group vg2, volume a.
secret_group() {
	modprobe loop
	truncate -s 128M /tmp/pv2
	eventually 10 losetup /dev/loop1 /tmp/pv2
	table secret "0 262144 crypt aes-xts-plain64 $KEY 0 /dev/loop1 0"
	pvcreate -qqy /dev/mapper/secret
	vgcreate -qq vg2 /dev/mapper/secret
	lvcreate -qqy -Wn -L 16M -n a vg2
}

# silent COMMAND...: it succeeds and has nothing to say against the group
silent() {
	"$@" >said 2>&1 || { cat said && return 1; }
	fails grep -iE 'warning|duplicate' said
}

works_above() {
	silent lvcreate -y -Wn -L 16M -n "b$RANDOM" vg2
	silent lvextend -L+4M vg2/a
	silent vgchange -an vg2
	silent vgchange -ay vg2
	silent pvs --noheadings -o pv_name
	same "physical volumes" /dev/mapper/secret "$(xargs <said)"
}

under_a_physical_volume() {
	secret_group
	qdm throttle secret iops-total=10000
	qdm insert --node mark threshold secret 1G
	works_above
	if command -v lvmdevices >/dev/null; then # Debian builds LVM without
		lvmdevices -qq --adddev /dev/mapper/secret
		works_above
		rm -f /etc/lvm/devices/*
	fi
	qdm remove mark
	qdm throttle secret off
	# udev's rules may activate the group again at any event of the device, so its volumes do not count
	same "devices" secret "$(dmsetup info -c --noheadings -o name | grep -v '^vg2-')"
}
it "is not seen by LVM under a physical volume on a crypt device" under_a_physical_volume

# lies_on NAME NODE: of a device or node
lies_on() { [ "$(qdm show "$1" children | jq -r '.[0]."node-name"')" = "$2" ]; }

limit_is_in() { # limit_is_in NAME: both filters lie under the device, all as long
	local len
	len=$(dmsetup table "$1" | cut -d' ' -f2)
	lies_on "$1" high && lies_on high low &&
		[ "$(dmsetup table high | cut -d' ' -f2)" = "$len" ] &&
		[ "$(dmsetup table low | cut -d' ' -f2)" = "$len" ]
}

two_filters() {
	volume_group 320
	qdm insert --node low threshold vg-lv 1G
	qdm insert --node high throttle vg-lv iops-total=5000
	test -b /dev/mapper/vg-lv-root
	limit_is_in vg-lv
}

# after NAME COMMAND...: LVM has dropped the filters of the volume, and they are back
after() {
	local name=$1
	shift
	udevadm monitor --udev --property --subsystem-match=block >events &
	eventually 60 grep -q UDEV events # it listens
	silent "$@"
	eventually 10 limit_is_in "$name"
	eventually 60 grep -q DM_ACTION=FILTER_DROPPED events
	qdm doctor >said || true
	fails grep -E 'dropped|killed|lost' said
	fails dmsetup remove high
	qdm remove high
	qdm remove low
	fails test -e "/dev/mapper/vg-lv-root"
	same "what it lies on" 7:0 "$(dmsetup table "$name" | cut -d' ' -f4)"
	fsck.ext4 -fn "/dev/mapper/$name"
}
extended() { two_filters && after vg-lv lvextend -L+4M vg/lv; }
refreshed() { two_filters && after vg-lv lvchange --refresh vg/lv; }
renamed() { two_filters && after vg-new lvrename vg/lv vg/new; }
it "puts filters back that lvextend has dropped, over the new length" extended
it "puts filters back that lvchange --refresh has dropped" refreshed
it "puts filters back that lvrename has dropped" renamed

snapshotted() {
	two_filters
	lvcreate -qqy -s -L 8M -n snap vg/lv
	udevadm settle
	fails limit_is_in vg-lv
	qdm doctor >said || true
	grep "filter 'high' was dropped: device 'vg-lv' was given another table" said
	qdm doctor --repair >said || true
	test -e /dev/mapper/high
	silent lvremove -y vg/snap
	eventually 10 limit_is_in vg-lv
}
it "puts filters back when the snapshot is gone that they could not be under" snapshotted

second_disk() {
	truncate -s 160M /tmp/pv2
	eventually 10 losetup /dev/loop1 /tmp/pv2
	silent vgextend vg /dev/loop1
}

filters_go() {
	qdm remove high
	qdm remove low
	fsck.ext4 -fn /dev/mapper/vg-lv
}

moved() {
	two_filters
	second_disk
	pvmove -qq -i 1 /dev/loop0 /dev/loop1
	eventually 10 limit_is_in vg-lv
	same "what the root lies on" 7:1 "$(dmsetup table vg-lv-root | cut -d' ' -f4)"
	filters_go
}
it "puts filters back on the disk that pvmove has moved the volume to" moved

merged() {
	two_filters
	lvcreate -qqy -s -L 8M -n snap vg/lv
	udevadm settle
	qdm tree >said
	grep "DROPPED by 'vg-lv'" said
	lvconvert -qq -i 1 --merge vg/snap
	eventually 30 limit_is_in vg-lv
	filters_go
}
it "puts filters back when lvconvert has merged the snapshot that they could not be under" merged

thin_volumes() {
	volume_group 320
	lvcreate -qqy --type thin-pool -L 64M -n pool vg
	lvcreate -qqy -V 32M --thin -Wn -n t vg/pool
}

# LVM does not wait for udev between the removal and its message to the pool.
thin_removed() {
	thin_volumes
	qdm throttle vg-t iops-total=10000
	silent lvchange --refresh vg/t
	eventually 10 lies_on vg-t vg-t-throttle
	lvremove -y vg/t || true
	eventually 10 fails test -e /dev/mapper/vg-t-root
	silent lvcreate -y -V 32M --thin -Wn -n w vg/pool
	fails lvs vg/t
	silent lvremove -y vg/w
	silent vgchange -an vg
}
it "removes the filter of a thin volume with it, after which the pool can be used" thin_removed

inactive() {
	two_filters
	silent vgchange -an vg
	eventually 10 fails test -e /dev/mapper/vg-lv-root
	same "devices left" "No devices found" "$(dmsetup ls)"
	silent vgchange -ay vg
	silent lvremove -y vg/lv
}
it "removes the filters of a volume that is deactivated" inactive

open_luks() { cryptsetup open --key-file /tmp/key --disable-keyring "$1" luks; }

closed() {
	local disk
	disk=$(memdev mem 64)
	echo -n secret >/tmp/key
	cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$disk" /tmp/key
	open_luks "$disk"
	qdm throttle luks iops-total=10000
	fails cryptsetup close luks
	lies_on luks luks-throttle
	dmsetup remove luks
	eventually 10 fails test -e /dev/mapper/luks-root
	same "devices left" "No devices found" "$(dmsetup ls)"
	open_luks "$disk"
	qdm throttle luks iops-total=10000
	qdm throttle luks off
	cryptsetup close luks
	same "devices left" "No devices found" "$(dmsetup ls)"
}
it "leaves no plaintext behind when a LUKS device is removed, which cryptsetup refuses" closed

finish
