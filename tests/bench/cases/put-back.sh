#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How long a volume is without its throttle when LVM gives it another table: from the last look
# that still found the throttle to the first that finds it again, so half a look's time too long
# on each side. Each command that drops filters has its turn.
# By the machine's own clock, as most of it is programs that udev and LVM start: by name only.
# bench: by name
# bench: lane smp
# bench: seconds 1800
# shellcheck disable=SC2034
KEEP_UDEV=1
ROUNDS=${ROUNDS:-25}
# shellcheck source=../guest.sh
. ./guest.sh

UNIT="seconds without the throttle"

group() {
	local memory
	memory=$(nulldev memory 512 memory_backed=1)
	# LVM takes no device whose driver it does not know.
	echo 'devices { types = [ "nullb", 16 ] }' >/etc/lvm/lvmlocal.conf
	udevadm settle
	pvcreate -qqy "$memory"
	vgcreate -qq vg "$memory"
	lvcreate -qqy -Zn -Wn -L 64M -n a vg
	qdm throttle vg-a iops-total=100000 >/dev/null
}

is_in() { [[ $(dmsetup table "vg-$1" 2>&1) == *qguard* ]]; }

# Renamed, the volume has to be found by its new name.
a=a b=b
refresh() { lvchange -qq --refresh vg/$a; }
extend() { lvextend -qq -l+1 vg/$a; }
rename() {
	local was=$a
	lvrename -qq vg $a $b
	a=$b b=$was
}

# watch NAME...: seconds from when it was last there to when it is there again
watch() {
	local last=$EPOCHREALTIME name gone=''
	while :; do
		for name; do
			is_in "$name" || continue
			[ -z "$gone" ] || { calc "$EPOCHREALTIME - $last" && return; }
			last=$EPOCHREALTIME
			continue 2
		done
		gone=1
	done
}

once() { # once COMMAND
	local watcher
	watch a b >/tmp/gone &
	watcher=$!
	sleep 0.2
	"$1"
	wait $watcher
	echo "$(</tmp/gone) $1" >>/tmp/all
}

group
for ((round = 0; round < ROUNDS; round++)); do
	once refresh
	once extend
	once rename
done
for command in refresh extend rename; do
	for percent in 50 99; do
		value=$(grep " $command" /tmp/all | sort -n | awk -v p=$percent '{ v[NR] = $1 } END { print v[int((NR - 1) * p / 100 + 0.99) + 1] }')
		note "$command: p$percent $value s"
		sample qdm "\"after\":\"$command\",\"percentile\":$percent" "$UNIT" "$value"
	done
done
