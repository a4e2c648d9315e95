#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Edits of the graph on a mounted LVM volume:
#
#	vg-lv  ext4, mounted, fio verifying        vg-lv  the same device
#	  |                              insert       |
#	memory                            ---->    t0, t1: throttle, threshold
#	                                 <----        |
#	                                 remove    vg-lv-root
#	                                              |
#	                                           memory
#
# The device's name, number and UUID never change, and no I/O is lost. That the
# scripts which --dry-run prints do the same is seen in crash.sh, for each command.

# shellcheck source=../dm/lib.sh
. ./lib.sh

qmp() { # qmp COMMAND [ARGUMENTS]
	qdm exec "{'execute': '$1', 'arguments': {${2:-}}}"
}

group() { # group NAME LIMITS
	qmp object-add "'qom-type': 'throttle-group', 'id': '$1', 'limits': {$2}"
}

throttle() { # throttle NAME GROUP FILE: the arguments
	echo "'driver': 'throttle', 'node-name': '$1', 'throttle-group': '$2', 'file': '$3'"
}

threshold() { # threshold NAME BYTES FILE: the arguments
	echo "'driver': 'write-threshold', 'node-name': '$1', 'write-threshold': $2, 'file': '$3'"
}

edge() { echo "'parent': '$1', 'child': '$2', 'node': '$3'"; }

volume() { # a mounted ext4 on an LVM volume with room to grow
	volume_group 128
	mounted
}

xfs_volume() {
	volume_group 384
	lvextend -qq --size 320M /dev/vg/lv # the least that xfs takes
	mkfs.xfs -qf /dev/vg/lv
	mounted
}

mounted() {
	mkdir -p /mnt/lv
	mount /dev/vg/lv /mnt/lv
	udevadm settle
}

identity() { dmsetup info -c --noheadings -o name,uuid,major,minor vg-lv; }
graph() { # all but what passes through it at this moment
	qdm tree | sed 's/, [0-9]* waiting//'
	dmsetup info -c --noheadings --sort name -o name,uuid
}

# At a rate that leaves the processors to the edits.
start_load() { # start_load DEVICE
	load "$1" --directory=/mnt/lv --size=12m --rw=randrw --bs=4k-16k --iodepth=8 --rate_iops=100,100
}

inserts_under_load() {
	volume
	group g "'iops-total': 500"
	local before tables round
	before=$(identity)
	tables=$(dmsetup table vg-lv)
	start_load vg-lv
	for round in 1 2 3; do
		qmp blockdev-add "$(throttle t0 g vg-lv)"
		qmp block-insert-node "$(edge vg-lv vg-lv t0)"
		same "table with the filter in, round $round" "0 131072 qguard" \
			"$(dmsetup table vg-lv | cut -d' ' -f1-3)"
		sleep 1
		qmp block-remove-node "$(edge vg-lv vg-lv-root t0)"
		qmp blockdev-del "'node-name': 't0'"
	done
	load_ends
	same "name, UUID and number" "$before" "$(identity)"
	same "table" "$tables" "$(dmsetup table vg-lv)"
	same "devices left" "vg-lv" "$(dmsetup info -c --noheadings -o name)"
	umount /mnt/lv
	fsck.ext4 -fn /dev/vg/lv
}
it "inserts a throttle under a mounted volume and removes it, while fio verifies" inserts_under_load

write_300() {
	local start=$SECONDS
	dd if=/dev/zero of=/mnt/lv/x bs=4k count=300 oflag=direct conv=notrunc status=none
	TOOK=$((SECONDS - start))
}

limits_the_rate() {
	local delayed
	volume
	group g "'iops-total': 50"
	qmp blockdev-add "$(throttle t0 g vg-lv)"
	qmp block-insert-node "$(edge vg-lv vg-lv t0)"
	write_300
	[ "$TOOK" -ge 5 ] || { echo "300 writes at 50 per second took $TOOK s" && return 1; }
	qmp qom-set "'path': 'g', 'property': 'limits', 'value': {'iops-total': 0}"
	delayed=$(qdm show t0 write-delayed)
	write_300
	same "writes that waited after qom-set" "$delayed" "$(qdm show t0 write-delayed)"
}
it "limits the volume's rate, and qom-set lifts it" limits_the_rate

# figure KEY: of the throttle, in the last round
figure() { jq "last[] | select(.\"node-name\" == \"vg-lv-throttle\") | .\"$1\"" -s watched; }

# A limit of 100, in a second that need not be one of the limit's, nor a second on a busy machine.
shows_rate() {
	local rate
	qdm watch --json --once >watched
	rate=$(($(figure reads-per-second) + $(figure writes-per-second)))
	[ "$rate" -ge 60 ] && [ "$rate" -le 140 ] && [ "$(figure waiting)" != 0 ]
}

watches() {
	volume
	qdm throttle vg-lv iops-total=100
	start_load vg-lv
	eventually 15 shows_rate || { cat watched && return 1; }
	qdm throttle vg-lv off
	load_ends
}
it "shows what goes through a limit at the moment, and what waits for it" watches

stacks_and_unstacks() {
	xfs_volume
	group g "'iops-total': 5000"
	start_load vg-lv
	qmp blockdev-add "$(throttle t0 g vg-lv)"
	qmp block-insert-node "$(edge vg-lv vg-lv t0)"
	qmp blockdev-add "$(threshold t1 1048576 vg-lv)"
	qmp block-insert-node "$(edge vg-lv t0 t1)"
	same "order of nodes" "vg-lv t1 t0 vg-lv-root" \
		"$(qdm tree | awk '/vg-lv/,0 { if (NF > 1) printf "%s%s", sep, $1; sep = " " }')"
	qmp block-set-write-threshold "'node-name': 'vg-lv', 'write-threshold': 1073741824"
	same "threshold" 1073741824 "$(qdm show t1 write-threshold)"
	qmp block-remove-node "$(edge t1 vg-lv-root t0)"
	qmp blockdev-del "'node-name': 't0'"
	qmp block-remove-node "$(edge vg-lv vg-lv-root t1)"
	qmp blockdev-del "'node-name': 't1'"
	load_ends
	same "devices left" "vg-lv" "$(dmsetup info -c --noheadings -o name)"
	umount /mnt/lv
	xfs_repair -n /dev/vg/lv 2>repair.log || { cat repair.log && return 1; }
}
it "stacks a second filter under a busy xfs and removes the lower one first" stacks_and_unstacks

# live: a system whose root the volume is: its programs are read from it again and again.
live() {
	mkdir -p /mnt/lv/bin /mnt/lv/old
	cp /usr/bin/busybox /mnt/lv/bin
	cat >/mnt/lv/live <<-'END'
		/bin/busybox umount -l /old
		n=0
		until [ -e /stop ]; do
			/bin/busybox cp /bin/busybox /copy && /bin/busybox sync
			/bin/busybox cmp /bin/busybox /copy || exit 1
			echo $((n += 1)) >/count
		done
	END
	unshare --mount --fork --pid --kill-child sh -c \
		'cd /mnt/lv && pivot_root . old && exec /bin/busybox chroot . /bin/busybox sh /live' &
	LIVE=$!
}

has_lived() { [ "$(cat /mnt/lv/count 2>/dev/null || echo 0)" -gt "$((LIVED + 1))" ]; }
lives_on() { # lives_on WHEN: two rounds more, with nothing of it in memory
	LIVED=$(cat /mnt/lv/count 2>/dev/null || echo 0)
	echo 3 >/proc/sys/vm/drop_caches
	eventually 30 has_lived || { echo "does not live on $1" && return 1; }
}

under_a_root() { # under_a_root VOLUME CHECK...
	"$1"
	live
	lives_on "by itself"
	qdm insert --node t0 throttle vg-lv iops-total=2000
	lives_on "with a throttle"
	qdm insert --node t1 threshold vg-lv 1G
	lives_on "with a threshold on top"
	qdm remove t0
	lives_on "without the throttle"
	qdm remove t1
	lives_on "without either"
	touch /mnt/lv/stop
	wait "$LIVE"
	umount /mnt/lv
	"${@:2}" /dev/vg/lv >check.log 2>&1 || { cat check.log && return 1; }
	same "devices left" "vg-lv" "$(dmsetup info -c --noheadings -o name)"
}
under_ext4() { under_a_root volume fsck.ext4 -fn; }
under_xfs() { under_a_root xfs_volume xfs_repair -n; }
it "goes under a busy root file system of ext4" under_ext4
it "goes under a busy root file system of xfs" under_xfs

KEY=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f

has_high_water() { [ "$(qdm show t0 high-water)" -gt 0 ]; }

# A partition of a dm device is another dm device on it.
under_crypt_and_partitions() {
	local disk sum
	disk=$(memdev mem 40)
	table secret "0 81920 crypt aes-xts-plain64 $KEY 0 $disk 0"
	sgdisk --new 1:2048:+16M --new 2:0:0 /dev/mapper/secret >/dev/null
	kpartx -as /dev/mapper/secret
	mkfs.ext4 -q /dev/mapper/secret2
	mkdir -p /mnt/lv
	mount /dev/mapper/secret2 /mnt/lv
	sum=$(dmsetup table --showkeys secret)
	start_load secret2
	qdm insert --dry-run --node t0 threshold secret 1G >script
	fails grep "$KEY" script
	bash script
	same "the partition's device" "$(dmsetup info -c --noheadings -o major,minor secret)" \
		"$(dmsetup table secret2 | cut -d' ' -f4)"
	same "what is under it" t0 "$(qdm show secret children | jq -r '.[0]."node-name"')"
	qdm insert --node t1 throttle secret2 iops-total=2000
	eventually 20 has_high_water
	qdm remove t0
	qdm remove t1
	load_ends
	same "table with its key" "$sum" "$(dmsetup table --showkeys secret)"
	same "devices" "secret secret1 secret2" "$(dmsetup info -c --noheadings --sort name -o name | xargs)"
	umount /mnt/lv
	fsck.ext4 -fn /dev/mapper/secret2
}
it "goes under a crypt device with partitions above, and under a partition" under_crypt_and_partitions

uuid_leads_to() { [ "$(readlink -f "/dev/disk/by-uuid/$UUID")" = "$1" ]; }

# What mkfs wrote: udev's own watch may have been off at the moment when mkfs closed the device.
udev_sees() {
	udevadm trigger --settle "$1"
	eventually 10 uuid_leads_to "$1"
}

keeps_links() {
	volume
	group g "'iops-total': 5000"
	local device UUID
	device=$(readlink -f /dev/mapper/vg-lv)
	UUID=$(blkid -o value -s UUID -p "$device")
	udev_sees "$device"
	qmp blockdev-add "$(throttle t0 g vg-lv)"
	udevadm settle
	uuid_leads_to "$device" || { echo "led away when the node was added" && return 1; }
	qmp block-insert-node "$(edge vg-lv vg-lv t0)"
	udevadm settle
	uuid_leads_to "$device" || { echo "led away when the node was inserted" && return 1; }
	qmp block-remove-node "$(edge vg-lv vg-lv t0)"
	qmp blockdev-del "'node-name': 't0'"
	udevadm settle
	uuid_leads_to "$device" || { echo "led away when the node was removed" && return 1; }
}
it "leaves the link by UUID with the device" keeps_links

keeps_links_by_hand() {
	volume
	local device UUID step
	device=$(readlink -f /dev/mapper/vg-lv)
	UUID=$(blkid -o value -s UUID -p "$device")
	udev_sees "$device"
	for step in "insert --node t0 threshold vg-lv 1G" "insert --node t1 threshold vg-lv 1G" \
		"remove t0" "remove t1"; do
		# shellcheck disable=SC2086 # words
		qdm ${step/ / --dry-run } >script
		bash script
		udevadm settle
		uuid_leads_to "$device" || { echo "led away by a script for $step" && return 1; }
	done
}
it "leaves it there when its scripts are run by hand" keeps_links_by_hand

not_read_through_a_limit() {
	volume
	group g "'iops-total': 1"
	local device UUID said
	device=$(readlink -f /dev/mapper/vg-lv)
	UUID=$(blkid -o value -s UUID -p "$device")
	udev_sees "$device"
	qmp blockdev-add "$(throttle t0 g vg-lv)"
	said=$(qmp block-insert-node "$(edge vg-lv vg-lv t0)" 2>&1 >/dev/null)
	same "said about udev" "" "$said"
	udevadm settle
	[ "$(qdm show t0 read-delayed)" -le 1 ] || { qdm show t0 && return 1; }
	uuid_leads_to "$device" || { echo "led away by the insertion" && return 1; }
	qmp block-remove-node "$(edge vg-lv vg-lv t0)"
	udevadm settle
	uuid_leads_to "$device" || { echo "led away by the removal" && return 1; }
	umount /mnt/lv
	mkfs.ext4 -q /dev/vg/lv
	UUID=$(blkid -o value -s UUID -p "$device")
	udev_sees "$device" || { echo "a new file system is not seen" && return 1; }
}
it "does not let udev read the device through a low limit" not_read_through_a_limit

over_a_leaf() {
	local disk
	disk=$(memdev mem 16)
	table t "0 16384 linear $disk 8192"
	group g "'iops-total': 5000"
	qmp blockdev-add "$(throttle t0 g "$disk")"
	qmp block-insert-node "$(edge t "$disk" t0)"
	same "table" "0 16384 linear $(dmsetup info -c --noheadings -o major,minor t0) 8192" "$(dmsetup table t)"
	qmp blockdev-add "$(threshold t1 0 t0)"
	qmp block-insert-node "$(edge t t0 t1)"
	qmp block-remove-node "$(edge t t0 t1)"
	qmp block-remove-node "$(edge t "$disk" t0)"
	same "table" "0 16384 linear $(lsblk -dno MAJ:MIN "$disk" | tr -d ' ') 8192" "$(dmsetup table t)"
	qmp blockdev-del "'node-name': 't1'"
	qmp blockdev-del "'node-name': 't0'"
}
it "inserts between a device and the part of a disk it maps" over_a_leaf

# Down to a leaf that has a node; the filter on it is mounted, so udev's links lead there.
over_a_host_device() {
	local disk UUID
	disk=$(memdev mem 16)
	group g "'iops-total': 5000"
	qmp blockdev-add "'driver': 'host_device', 'node-name': 'disk', 'filename': '$disk'"
	qmp blockdev-add "$(throttle t0 g disk)"
	mkfs.ext4 -q /dev/mapper/t0
	mkdir -p /mnt/lv
	mount /dev/mapper/t0 /mnt/lv
	UUID=$(blkid -o value -s UUID -p /dev/mapper/t0)
	udev_sees "$(readlink -f /dev/mapper/t0)"
	qmp blockdev-add "$(threshold t1 0 disk)"
	qmp block-insert-node "$(edge t0 disk t1)"
	same "what t0 lies on" t1 "$(qdm show t0 children | jq -r '.[0]."node-name"')"
	qmp block-remove-node "$(edge t0 disk t1)"
	qmp blockdev-del "'node-name': 't1'"
	qmp blockdev-del "'node-name': 'disk'" >reply && return 1
	grep "Node disk is in use" reply
	umount /mnt/lv
	qmp blockdev-del "'node-name': 't0'"
	qmp blockdev-del "'node-name': 'disk'"
}
it "takes a host_device for a leaf, and a filter on it for what is mounted" over_a_host_device

in_one_go() {
	volume
	local before name
	before=$(graph)
	start_load vg-lv
	qdm insert --dry-run throttle /dev/vg/lv iops-total=1K bps-read-max=8M && return 1
	qdm insert --dry-run --node t0 throttle vg-lv iops-total=1K >script
	same "what is put in" "vg-lv-throttle: iops-total=1000/s iops-total-max=2500/s" \
		"$(qdm insert throttle /dev/vg/lv iops-total=1k iops-total-max=2.5k)"
	same "limits" "2500" "$(qdm show vg-lv-throttle limits | jq '."iops-total-max"')"
	qdm insert --node t1 threshold vg-lv 1G
	same "threshold" 1073741824 "$(qdm show t1 write-threshold)"
	qdm remove vg-lv-throttle
	qdm remove t1
	same "graph" "$before" "$(graph)"
	bash script
	same "limit" 1000 "$(qdm show t0 limits | jq '."iops-total"')"
	qdm remove --dry-run t0 >script
	bash script
	same "graph" "$before" "$(graph)"
	load_ends
}
it "puts a filter under a volume and takes it out with one command each" in_one_go

backs_up() {
	volume
	local target
	target=$(memdev target 64)
	dd if=/dev/urandom of=/mnt/lv/file bs=1M count=8 conv=fsync status=none
	qdm insert --node t0 backup vg-lv "$target"
	same "state" intact "$(qdm show t0 snapshot)"
	dd if=/dev/zero of=/mnt/lv/file bs=1M count=8 conv=notrunc,fsync status=none
	[ "$(qdm show t0 bytes-done)" -ge $((8 << 20)) ] || { qdm show t0 && return 1; }
	same "where the data comes from" vg-lv-root "$(qdm show t0 children | jq -r '.[0]."node-name"')"
	qdm remove t0
	same "devices left" "vg-lv" "$(dmsetup info -c --noheadings -o name)"
}
it "puts a backup under a volume, which copies what is overwritten" backs_up

job_error() { # job_error FILE: what it says of an error, once
	jq -ce 'select(.event == "BLOCK_JOB_ERROR") | .data' "$1" | head -n 1
}
says_job_error() { [ -n "$(job_error "$1")" ]; }

# hears_uevents PID: it has a socket bound for them, which is named by the process
hears_uevents() { awk -v pid="$1" '$2 == 15 && $3 == pid && $4 != "00000000" { found = 1 } END { exit !found }' /proc/net/netlink; }

# By udev, as no status keeps it; to a client and to "qdm events".
tells_job_errors() {
	local file wanted='{"device":"vol","operation":"write","action":"stop"}'
	table vol "0 8192 linear $(memdev mem 4) 0"
	table bad "0 8192 error"
	mkfifo in
	qdm qmp --stdio <in >client.out &
	exec {FD}>in
	echo '{"execute": "qmp_capabilities"}' >&"$FD"
	CLIENT=$!
	qdm events --json >events.out &
	eventually 10 hears_uevents "$CLIENT"
	eventually 10 hears_uevents $!
	eventually 10 grep -q '"return"' client.out
	qmp blockdev-backup "'device': 'vol', 'target': 'bad', 'sync': 'full', 'on-target-error': 'stop'"
	for file in client.out events.out; do
		eventually 20 says_job_error "$file"
		same "error in $file" "$wanted" "$(job_error "$file")"
	done
	kill %2
	exec {FD}>&-
	qmp block-job-cancel "'device': 'vol', 'force': true"
	eventually 10 qdm remove vol-backup
}
it "tells clients and people of an error in a backup" tells_job_errors

refuses_a_stale_size() {
	volume
	group g "'iops-total': 5000"
	qmp blockdev-add "$(throttle t0 g vg-lv)"
	lvextend -qq --size 80M /dev/vg/lv
	qmp block-insert-node "$(edge vg-lv vg-lv t0)" >reply && return 1
	grep "node 't0' has 67108864 bytes and 'vg-lv' has 83886080" reply
	qmp blockdev-del "'node-name': 't0'"
	qmp blockdev-add "$(throttle t0 g vg-lv)"
	qmp block-insert-node "$(edge vg-lv vg-lv t0)"
	qmp block-remove-node "$(edge vg-lv vg-lv t0)"
}
it "refuses a node made before lvextend, and takes a new one" refuses_a_stale_size

survives_pvmove_between() {
	volume
	group g "'iops-total': 5000"
	qmp blockdev-add "$(throttle t0 g vg-lv)"
	local start
	start=$(dmsetup table vg-lv | cut -d' ' -f5)
	lvcreate -qqy --size 4M --name other vg
	# the same length, other blocks: shrink the file system's volume is no option,
	# so the segments are moved within the disk
	pvmove -qq -n lv "$(pvs --noheadings -o pv_name | tr -d ' '):0-7" "$(pvs --noheadings -o pv_name | tr -d ' ')" --alloc anywhere
	[ "$(dmsetup table vg-lv | head -1 | cut -d' ' -f5)" != "$start" ]
	qmp block-insert-node "$(edge vg-lv vg-lv t0)"
	echo after-the-move >/mnt/lv/file
	sync
	echo 3 >/proc/sys/vm/drop_caches
	same "file" after-the-move "$(cat /mnt/lv/file)"
	qmp block-remove-node "$(edge vg-lv vg-lv t0)"
	umount /mnt/lv
	fsck.ext4 -fn /dev/vg/lv
}
it "takes over a table that changed after the node was made" survives_pvmove_between

undoes_what_fails() {
	volume
	group g "'iops-total': 5000"
	local before
	before=$(graph)
	qmp blockdev-add "$(throttle t0 g /dev/vg/lv)" >reply && return 1
	grep "cannot load a table into 't0': Device or resource busy" reply
	same "graph" "$before" "$(graph)"
	same "semaphores left" 0 "$(ipcs -s | grep -c 0x0d4d || true)"
}
it "undoes what it made when a step fails" undoes_what_fails

two_at_once() {
	volume
	group g "'iops-total': 5000"
	local name
	for name in a b c d; do
		qmp blockdev-add "$(throttle "$name" g vg-lv)" >"reply.$name" &
	done
	wait
	cat reply.?
	same "nodes on one root" 4 "$(dmsetup deps -o devname a b c d | grep -c vg-lv-root)"
	for name in a b c d; do
		qmp blockdev-del "'node-name': '$name'" &
	done
	wait
	same "devices left" "vg-lv" "$(dmsetup info -c --noheadings -o name)"
}
it "serialises edits of several processes" two_at_once

# Not one that has ended and that nobody has waited for.
udevd_pid() { pgrep -o -r S,R,D -f systemd-udevd; }
udevd_is_gone() { ! udevd_pid >/dev/null; }
start_udevd() { /usr/lib/systemd/systemd-udevd --daemon; }

without_udevd() {
	volume
	group g "'iops-total': 5000"
	udevadm control --exit
	eventually 5 udevd_is_gone || kill_udevd
	eventually 5 udevd_is_gone
	rm -f /run/udev/control
	local start=$SECONDS
	qmp blockdev-add "$(throttle t0 g vg-lv)"
	[ -b /dev/mapper/t0 ] || echo "no /dev/mapper/t0"
	qmp block-insert-node "$(edge vg-lv vg-lv t0)"
	qmp block-remove-node "$(edge vg-lv vg-lv t0)"
	qmp blockdev-del "'node-name': 't0'"
	local took=$((SECONDS - start))
	start_udevd
	[ "$took" -le 30 ] || { echo "took $took s" && return 1; }
	same "devices left" "vg-lv" "$(dmsetup info -c --noheadings -o name)"
}
it "works without udevd" without_udevd

with_a_stuck_udevd() {
	volume
	group g "'iops-total': 5000"
	udevadm settle
	local pid start took
	pid=$(udevd_pid)
	kill -STOP "$pid"
	start=$SECONDS
	qmp blockdev-add "$(throttle t0 g vg-lv)" 2>said || true
	took=$((SECONDS - start))
	kill -CONT "$pid"
	grep "udev has not answered" said
	[ "$took" -le 40 ] || { echo "took $took s" && return 1; }
	same "semaphores left" 0 "$(ipcs -s | grep -c 0x0d4d || true)"
	udevadm settle
	qmp blockdev-del "'node-name': 't0'"
}
it "does not wait for ever for a udevd that is stuck" with_a_stuck_udevd

SETTINGS=(discard_max_bytes iostats max_sectors_kb nomerges read_ahead_kb)
settings() { (cd "$(sysfs t)/queue" && grep . "${SETTINGS[@]}"); }
keeps_settings() {
	local before queue
	table t "0 32768 linear $(memdev mem 16) 0"
	queue=$(sysfs t)/queue
	udevadm settle
	echo 1048576 >"$queue"/discard_max_bytes
	echo 0 >"$queue"/iostats
	echo 64 >"$queue"/max_sectors_kb
	echo 2 >"$queue"/nomerges
	echo 12 >"$queue"/read_ahead_kb
	before=$(settings)
	qdm throttle t iops-total=5000
	same "settings with a filter" "$before" "$(settings)"
	qdm insert threshold t 8M
	qdm remove t-threshold
	same "settings after another" "$before" "$(settings)"
	qdm throttle t off
	same "settings without a filter" "$before" "$(settings)"
}
it "keeps what an administrator has set of a device's queue" keeps_settings

finish
