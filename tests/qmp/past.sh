#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A backup that ends well is of one instant: the device as it was when it began. So here each
# command, by which something would be written past a backup that runs, is given while one does:
# those of the tool are refused, and what was written all the same must not be in the copy.

# shellcheck source=../dm/lib.sh
. ./lib.sh

SECTORS=65536 # 32 MiB

qmp() { qdm exec "{'execute': '$1', 'arguments': {${2:-}}}"; }
edge() { echo "'parent': '$1', 'child': '$2', 'node': '$3'"; }
throttle() { echo "'driver': 'throttle', 'node-name': '$1', 'throttle-group': 'g', 'file': '$2'"; }
sum() { dd if="$1" bs=1M iflag=direct status=none | sha256sum; }
state() { dmsetup status --target backupcow "$1" | cut -d' ' -f4; }
is_over() { [ "$(state "$1")" = concluded ]; }

device() { # device: d, and a place for its copy
	local disk
	disk=$(memdev from 32)
	noisy "$disk" 32
	table d "0 $SECTORS linear $disk 0"
	TO=$(memdev to 32)
	BEFORE=$(sum /dev/mapper/d)
}

# is_busy COMMAND ARGUMENTS: refused, with QEMU's words, and d lies on what it lay on
is_busy() {
	local said before
	before=$(dmsetup table d)
	! said=$(qmp "$@") || { echo "$1 was done" && return 1; }
	[[ $said == *"Node 'd-backup' is busy: block device is in use by block job: backup"* ]] ||
		{ echo "$1: $said" && return 1; }
	same "table of d after $1" "$before" "$(dmsetup table d)"
}

copies_it_all() { # what was written since is not in it
	noisy /dev/mapper/d 24
	qmp block-job-set-speed "'device': 'd', 'speed': 0"
	eventually 60 is_over d-backup
	same "the copy" "$BEFORE" "$(sum "$TO")"
	[[ $(dmsetup status d-backup) == *" - intact "* ]]
}

refuses_the_way_past() {
	local snapshot said
	device
	snapshot="'driver': 'copy-before-write', 'node-name': 'd-backup', 'file': 'd-root', 'target': '$TO'"
	qmp object-add "'qom-type': 'throttle-group', 'id': 'g', 'limits': {'iops-total': 100000}"
	qdm backup --speed 64K d "$TO"
	qmp blockdev-add "$(throttle t d)"
	qmp block-insert-node "$(edge d d t)"
	is_busy block-remove-node "$(edge t d-root d-backup)"
	is_busy blockdev-replace "'parent': 't', 'child': 'file', 'new-child': 'd-root'"
	is_busy blockdev-replace "'parent': 'd', 'child': 'root', 'new-child': 'd-root'"
	is_busy blockdev-reopen "'options': [{$(throttle t d-root)}]"
	is_busy blockdev-reopen "'options': [{$snapshot}]"
	! said=$(qdm remove d-backup 2>&1) || return 1
	[[ $said == *"Node 'd-backup' is busy"* ]]
	qdm remove t
	copies_it_all
}
it "refuses every edit that leads a device past a backup that runs" refuses_the_way_past

stays_the_same_job() {
	device
	qdm backup --speed 64K d "$TO"
	qdm throttle d iops-total=100000
	qmp object-add "'qom-type': 'throttle-group', 'id': 'g', 'limits': {'iops-total': 100000}"
	qmp blockdev-add "$(throttle t d-root)"
	qmp block-insert-node "$(edge d-backup d-root t)"
	noisy /dev/mapper/d 8
	qmp block-remove-node "$(edge d-backup d-root t)"
	qdm throttle d off
	copies_it_all
}
it "lets throttles come and go above and below a backup that runs" stays_the_same_job

stays_over() {
	local said
	device
	qdm backup --speed 64K d "$TO"
	dmsetup table d-root | dmsetup load d
	dmsetup resume d
	eventually 20 is_over d-backup
	! said=$(qdm doctor) || return 1
	[[ $said == *"backup 'd' has failed: "*"leads past the filter"* ]]
	noisy /dev/mapper/d 24
	qmp block-insert-node "$(edge d d d-backup)"
	noisy /dev/mapper/d 24
	[[ $(dmsetup status d-backup) == *" concluded "*" ESTALE broken "* ]]
	qdm remove d-backup
}
it "leaves a backup over that was dropped while it ran, and says so" stays_over

is_not_written_again() {
	device
	qmp object-add "'qom-type': 'throttle-group', 'id': 'g', 'limits': {'iops-total': 100000}"
	qdm backup d "$TO"
	eventually 60 is_over d-backup
	noisy /dev/mapper/d 32
	qmp blockdev-add "$(throttle t "$TO")"
	! qmp block-insert-node "$(edge d-backup "$TO" t)" || return 1
	pause 1
	same "the copy" "$BEFORE" "$(sum "$TO")"
}
it "begins no other backup over one that is finished" is_not_written_again

ends_its_own() {
	local said
	device
	table top "0 32768 linear /dev/mapper/d 2048"
	qdm backup --speed 64K d "$TO"
	! said=$(qmp job-cancel "'id': 'top'") || return 1
	[[ $said == *"Job not found"* ]]
	same "state" running "$(state d-backup)"
	qdm remove --cancel d-backup
	same "table" "0 $SECTORS linear" "$(dmsetup table d | cut -d' ' -f1-3)"
	! dmsetup info d-backup || return 1
}
it "cancels a backup by its own device's name alone, and before its filter is removed" ends_its_own

# What LVM does while "qdm backup --wait" runs, and writes that follow it
led_past() { # led_past COMMAND...
	local status=0 volume pid
	volume_group 128
	TO=$(memdev to 64)
	noisy /dev/vg/lv 64
	qdm backup --wait --speed 64K vg-lv "$TO" >out 2>&1 &
	pid=$!
	eventually 20 exists /dev/mapper/vg-lv-backup
	eventually 20 grep -q running out
	"$@"
	for volume in lv renamed; do
		[ ! -e "/dev/vg/$volume" ] || noisy "/dev/vg/$volume" 64
	done
	wait "$pid" || status=$?
	cat out
	same "status of qdm backup --wait after $1" 1 "$status"
	grep -q "leads past the filter" out
}

by_lvextend() { led_past lvextend -qq -L+4M vg/lv; }
it "ends a backup with an error when lvextend leads its volume past it" by_lvextend

by_refresh() { led_past lvchange --refresh vg/lv; }
it "and when lvchange --refresh does" by_refresh

by_rename() { led_past lvrename -qq vg/lv vg/renamed; }
it "and when lvrename does" by_rename

finish
