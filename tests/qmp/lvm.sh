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

finish
