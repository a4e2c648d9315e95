# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What a topic of tests is written with, in the guest. A topic sources it, says
#     it "sentence" function
# for each test and ends with finish. Each test runs in a subshell under set -euo pipefail
# with a time limit, and afterwards everything it left is taken away, so that a test says
# nothing about its neighbours. One TAP line each; a failure carries what it printed, the
# kernel log since it began, and what is needed to run it again.

TOPIC=$(basename "$0" .sh)
: "${QDM_KERNEL:?is set by the guest}" "${QDM_LANE:?is set by the guest}" "${SEED:?is set by the guest}"
RANDOM=$SEED

lane() { echo "$QDM_LANE"; }
kernel() { echo "$QDM_KERNEL"; }
seed() { echo "$SEED"; }

counter=/run/qdm/tests
klog=/run/qdm/kernel.log
dmesg --clear
[ -e $counter ] || echo 0 >$counter
[ -e /run/qdm/never ] || mkfifo /run/qdm/never # where nobody writes, see pause
ran=0 failed=0

# needs_lane LANE / needs_kernel KERNEL: the topic makes sense only there
needs_lane() { [ "$1" = "$QDM_LANE" ] || not_here "needs lane $1"; }
needs_kernel() { [ "$1" = "$QDM_KERNEL" ] || not_here "needs kernel $1"; }
not_here() {
	echo "# $TOPIC: nothing to run, $1 (this is kernel $QDM_KERNEL, lane $QDM_LANE)"
	exit 0
}

# without_udev: the topic is not about udev, so nothing probes its devices and dmsetup makes
# their nodes itself. Most of a short test's time would otherwise go there.
without_udev() {
	trap with_udev EXIT
	udevadm settle
	udevadm control --exit
	eventually 5 udevd_is_gone || kill_udevd
	eventually 5 udevd_is_gone
	rm -f /run/udev/control
	export DM_DISABLE_UDEV=1
}
# It waits for a worker, and nobody knows yet for which and why: so that is said.
kill_udevd() {
	ps -C systemd-udevd -C "(udev-worker)" -o pid,stat,wchan:24,args | sed "s/^/# $TOPIC: udevd does not end: /"
	pkill -KILL -f systemd-udevd
}
with_udev() { /usr/lib/systemd/systemd-udevd --daemon --resolve-names=never && udevadm control --ping; }
udevd_is_gone() { ! pgrep -r S,R,D -f systemd-udevd >/dev/null; } # a zombie is gone, too

skip() {
	echo "$*" >/run/qdm/skip
	exit 0
}

# --- what tests say

# shellcheck disable=SC2034 # MS is for the topics
# guest_ms CMD...: how long that took, in MS
guest_ms() {
	local begin=${EPOCHREALTIME/./}
	"$@"
	MS=$(((${EPOCHREALTIME/./} - begin) / 1000))
}

# memdev NAME MIB: a block device in memory that can discard, made when first asked for;
# prints its path
memdev() {
	local dir=/sys/kernel/config/nullb/qm-$1
	[ -d /sys/kernel/config/nullb ] || modprobe null_blk nr_devices=0
	[ -d "$dir" ] || make_memdev "$dir" "$2"
	# Older kernels number the device, newer ones call it as its folder.
	local node=/dev/qm-$1
	[ -e "/sys/block/qm-$1" ] || node=/dev/nullb$(cat "$dir/index")
	eventually 10 test -b "$node"
	echo "$node"
}

PROCESSORS=(/sys/devices/system/cpu/cpu[0-9]*)
make_memdev() { # make_memdev DIR MIB
	local dir=$1
	mkdir "$dir"
	echo 1 >"$dir/memory_backed"
	echo 1 >"$dir/discard"
	echo 512 >"$dir/blocksize"
	echo "$2" >"$dir/size"
	echo 0 >"$dir/irqmode"
	echo ${#PROCESSORS[@]} >"$dir/submit_queues"
	echo 1 >"$dir/power"
}

# shellcheck disable=SC2034 # LOWER is for the topics
# nulldev NAME KEY=VALUE...: LOWER is a null_blk device of 32 MiB in memory
nulldev() {
	local dir=/sys/kernel/config/nullb/qm-$1 pair
	[ -d /sys/kernel/config/nullb ] || modprobe null_blk nr_devices=0
	mkdir "$dir"
	for pair in size=32 memory_backed=1 "${@:2}"; do
		echo "${pair#*=}" >"$dir/${pair%%=*}"
	done
	echo 1 >"$dir/power"
	LOWER=/dev/qm-$1
	[ -e "/sys/block/qm-$1" ] || LOWER=/dev/nullb$(cat "$dir/index")
	eventually 10 test -b "$LOWER"
}

DISKS='/sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*/block/*'

# scsidev OPTION...: LOWER is a SCSI disk of 16 MiB in memory
scsidev() {
	modprobe sd_mod
	modprobe scsi_debug dev_size_mb=16 delay=0 "$@"
	eventually 30 compgen -G "$DISKS"
	LOWER=/dev/$(basename "$(compgen -G "$DISKS")")
	eventually 10 test -b "$LOWER"
	eventually 10 test "$(blockdev --getsz "$LOWER")" -gt 0
}

# noisy DEVICE MIB: fills it, from its beginning on, with data of which no block is like
# another, and with other data each time. The kernel's random numbers take seconds in an
# emulated guest, so it is a piece of them over and over, of a length that fits no block
# size, from another place on; and all of it in a file, because a pipe costs as much.
noisy() {
	local noise=/run/qdm/noise skip=${EPOCHREALTIME: -5} pieces=()
	if [ ! -e $noise ]; then
		head -c 999983 /dev/urandom >$noise.piece
		for _ in {1..88}; do pieces+=("$noise.piece"); done
		cat "${pieces[@]}" >$noise
	fi
	dd if=$noise of="$1" bs=1M count="$2" iflag=skip_bytes,fullblock skip=$((10#$skip)) \
		oflag=direct conv=notrunc status=none
	[ "$2" -le 80 ] || { echo "there is noise for 80 MiB only, not $2" && return 1; }
}

# volume_group MIB: a volume group vg of that size with a volume lv of 64 MiB in it, on a loop
# device, because LVM does not know null_blk's. LVM's programs are dear here, so it is made once
# and copied. What is taken away after a test are the devices; the group goes with its file.
# Nothing but the test activates it: udev's rules for LVM would, when they come to it.
volume_group() {
	local ready=/run/qdm/vg-$1
	modprobe loop
	[ -e "$ready" ] || make_volume_group "$ready" "$1"
	cp --sparse=always "$ready" /tmp/pv
	eventually 10 losetup /dev/loop0 /tmp/pv # udev may not have let go of what it was before
	vgchange -qq -ay vg
}
make_volume_group() { # make_volume_group FILE MIB
	truncate --size "$2M" "$1.new"
	eventually 10 losetup /dev/loop0 "$1.new"
	pvcreate -qqy /dev/loop0
	vgcreate -qq --setautoactivation n vg /dev/loop0
	lvcreate -qqy -Wn --size 64M --name lv vg
	mkfs.ext4 -q /dev/vg/lv
	vgchange -qq -an vg
	losetup -d /dev/loop0
	mv "$1.new" "$1"
}

# program NAME SOURCE...: compiled from sources that lie beside the topic, unless it does, too:
# "make test" has made it on the host, because a compiler is dear in an emulated guest.
program() { [ -x "$1" ] || gcc -O2 -pthread -o "$1" "${@:2}"; }

# table NAME LINE: a device with that table; reload NAME LINE: that table under its users
table() { printf '%s\n' "$2" | dmsetup create "$1"; }
reload() {
	printf '%s\n' "$2" | dmsetup reload "$1"
	dmsetup resume "$1"
}

# load NAME FIO-OPTION...: writes to the device of that name or what lies on it, reads back and
# verifies in the background until load_ends, which judges it, too. It is at work when this returns.
# For longer than any test, so nobody waits for its end.
load() {
	local stat
	local -a before
	stat=$(sysfs "$1")/stat
	read -ra before <"$stat"
	fio --name=load --direct=1 --ioengine=libaio --verify=crc32c --verify_backlog=64 --verify_fatal=1 \
		--time_based --runtime=3600 --output=fio.log "${@:2}" &
	LOAD=$!
	eventually 60 has_written $((before[4] + 16)) "$stat"
}
has_written() { # has_written MORE-THAN STAT
	local -a now
	read -ra now <"$2"
	[ "${now[4]}" -gt "$1" ]
}
# fio's status is 128 when it was told to end and had no error.
load_ends() {
	local status=0
	kill -INT "$LOAD" || true
	wait "$LOAD" || status=$?
	if [ $status != 128 ] || ! grep -q "err= 0" fio.log; then
		echo "fio ended with $status:"
		cat fio.log
		return 1
	fi
}

# sysfs NAME: the folder of a dm device in sysfs
sysfs() { echo "/sys/block/dm-$(dmsetup info -c --noheadings -o minor "$1" | tr -d ' ')"; }

# attributes NAME: every attribute of its queue that can be read, and of integrity where there is any
attributes() {
	(cd "$(sysfs "$1")" && { grep -rs . queue integrity || true; } | sort)
}

# eventually SECONDS CMD...: CMD succeeds within that time on a quiet machine; a busy one has
# four times as long
eventually() {
	local end=$((SECONDS + 4 * $1)) said
	said=$1
	shift
	until "$@" 2>/dev/null; do
		if [ $SECONDS -gt $end ]; then
			echo "not within four times $said s: $*"
			return 1
		fi
		pause 0.1
	done
}

# pause SECONDS: sleeps without a program
exec {NEVER}<>/run/qdm/never
export LVM_SUPPRESS_FD_WARNINGS=1 # which has it open, as all programs have
pause() {
	read -r -t "$1" -u "$NEVER" _ || true
}

# fails CMD...: CMD does not succeed
fails() {
	if "$@"; then
		echo "should have failed: $*"
		return 1
	fi
}

# same WHAT EXPECTED ACTUAL
same() {
	[ "$2" = "$3" ] || {
		printf '%s: expected "%s", got "%s"\n' "$1" "$2" "$3"
		return 1
	}
}

# kernel_log: what the kernel said since the test began; log_says TEXT: that is in it
kernel_log() { dmesg; }
# Without a pipe: a reader that has found what it wants leaves the writer with an error.
log_says() {
	local log
	log=$(kernel_log)
	[[ $log == *"$1"* ]] || {
		printf 'the kernel log does not say "%s", but:\n' "$1"
		tail -20 <<<"$log"
		return 1
	}
}

# doc_example PAGE TEXT: the block of PAGE that follows the line with TEXT, as it is written
doc_example() {
	awk -v text="$2" '
		index($0, text) { found = 1 }
		found && /^\t/ { sub(/^\t/, ""); print; any = 1; next }
		any && /^$/ { print; next }
		any { exit }' "$1"
}

# --- running them

# run_limited LOG FUNCTION [ARG...]
# In a process group of its own, so that what the test started ends with it.
run_limited() {
	local log=$1 pid watch status=0 limit=${TIME_LIMIT:-120}
	shift
	# While a guest in lane icount waits for a busy host, its time flies.
	[ "$QDM_KERNEL:$QDM_LANE" = "${QDM_KERNEL#debug}:smp" ] || limit=$((limit * 4))
	set -m
	(
		set +m
		set -euo pipefail
		"$@"
	) >"$log" 2>&1 </dev/null &
	pid=$!
	# No program: most tests end before one would have started.
	(pause "$limit" && echo "no end within $limit s: killed" >>"$log" && kill -KILL -- -$pid) 2>/dev/null &
	watch=$!
	set +m
	wait $pid || status=$?
	kill -- -$watch -$pid 2>/dev/null
	wait $watch 2>/dev/null
	return $status
}

# explain LOG SENTENCE: everything a reader needs to find the cause and run it again, as comments
explain() {
	{
		cat "$1"
		echo "--- kernel log since the test began"
		tail -60 $klog
		echo "--- kernel $QDM_KERNEL, lane $QDM_LANE, seed $SEED"
		echo "again: KERNEL=$QDM_KERNEL LANE=$QDM_LANE SEED=$SEED TESTS=$TOPIC ONLY='$2' make test"
	} | sed 's/^/# /'
}

# it SENTENCE FUNCTION [ARG...]
it() {
	local sentence=$1 log=/run/qdm/test.log nr status=0 skipped='' before now
	shift
	[[ $sentence == *${ONLY:-}* ]] || return 0
	read -r nr <$counter
	echo $((++nr)) >$counter
	[ ! -e /run/qdm/skip ] || rm /run/qdm/skip
	spent before
	echo "qdm-test $nr begins: $TOPIC: $sentence" >/dev/kmsg
	# Not under "||": there the test would not stop at the first command that fails.
	run_limited $log "$@"
	status=$?
	take_away >>$log 2>&1 || status=1
	# Cleared for this guest's readers alone, the next test's among them: the console has it all.
	dmesg --read-clear >$klog
	! grep -qE -f ./.kernel-reports $klog || status=1
	[ $status != 0 ] || [ ! -e /run/qdm/skip ] || skipped=" # SKIP $(cat /run/qdm/skip)"
	ran=$((ran + 1))
	if [ $status = 0 ]; then
		echo "ok $nr - $TOPIC: $sentence$skipped"
	else
		failed=$((failed + 1))
		echo "not ok $nr - $TOPIC: $sentence"
		explain $log "$sentence"
	fi
	spent now
	echo "# took $(((now[0] - before[0]) / 1000)) ms, busy $((now[1] - before[1])) ms, $((now[2] - before[2])) processes"
}

# spent ARRAY: sets it to microseconds since the epoch, milliseconds that all processors together
# have been at work, and the number of processes since boot; without starting one
spent() {
	local -n into=$1
	local key user nice system irq soft _
	while read -r key user nice system _ _ irq soft _; do
		case $key in
		cpu) into=("${EPOCHREALTIME/./}" $(((user + nice + system + irq + soft) * 10))) ;;
		processes) into+=("$user") ;;
		esac
	done </proc/stat
}

# it_on_stock: as it, but not on the debug kernel, where each program started costs a quarter
# of a second. For what exercises the lab, or words more than locks and lifetimes.
it_on_stock() { [ "$QDM_KERNEL" = debug ] || it "$@"; }

# it_in_full: as it, but on the debug kernel with FULL=1 only. For what says the same of locks
# and lifetimes there as the tests beside it.
it_in_full() { [[ $QDM_KERNEL == debug && -z ${FULL:-} ]] || it "$@"; }

finish() {
	touch /run/qdm/finished
	[ $ran != 0 ] || [ -n "${ONLY:-}" ] || echo "# $TOPIC: no test ran"
	[ $failed = 0 ]
	exit
}

# --- leaving nothing behind

# take_away fails when something cannot be taken away: then the test left a stuck device.
# It runs after each test, mostly finds nothing, and looks without starting a program: on the
# debug kernel each costs a quarter of a second.
take_away() {
	unmount_all
	remove_dm_devices
	remove_tableless_devices
	! exists /sys/block/loop*/loop || losetup -D
	remove_members /sys/kernel/config/qthrottle
	remove_members /sys/kernel/config/nullb
	[ ! -d /sys/module/brd ] || modprobe -r brd
	[ ! -d /sys/module/scsi_debug ] || modprobe -r scsi_debug
	quiet_faults
	! exists /tmp/* || rm -rf /tmp/*
	! exists /sys/block/dm-* || { echo "left behind: $(dmsetup ls)" && return 1; }
}

# exists FILE...: what a pattern has become is there
exists() { [ -e "$1" ]; }

unmount_all() {
	local device dir rest dirs=()
	while read -r device dir rest; do
		[[ ! $device =~ ^/dev/(mapper/|dm-|loop|nullb|qm-|ram|sd|nbd|[^/]+/[^/]+$) ]] || dirs=("$dir" "${dirs[@]}")
	done </proc/mounts
	for dir in "${dirs[@]}"; do umount "$dir" || umount -l "$dir"; done
}

# The newest first, which mostly is the top of a stack. What is still in use, perhaps by udev,
# is asked again; what is suspended or waits for a dead target is let go by a table of errors.
remove_dm_devices() {
	local round devices i name names
	for round in {1..30}; do
		exists /sys/block/dm-* || return 0
		[ "$round" -lt 3 ] || pause 0.5
		devices=(/sys/block/dm-*) names=()
		for ((i = ${#devices[@]} - 1; i >= 0; i--)); do
			read -r name 2>/dev/null <"${devices[i]}/dm/name" || continue
			[ "$round" -lt 7 ] || timeout 10 dmsetup wipe_table --force --noflush "$name"
			names+=("$name")
		done
		# It gives up at the first that is in use, as is one that others were put on later.
		[ "$round" -gt 1 ] || { timeout 20 dmsetup remove "${names[@]}" 2>/dev/null && continue; }
		for name in "${names[@]}"; do timeout 20 dmsetup remove "$name" 2>/dev/null; done
	done
}

# A device that never had a table is not in sysfs, but holds dm-mod like each other user.
remove_tableless_devices() {
	local name users=0 holders=(/sys/module/dm_mod/holders/*)
	exists "${holders[0]}" || holders=()
	[ ! -r /sys/module/dm_mod/refcnt ] || read -r users </sys/module/dm_mod/refcnt
	[ "$users" -gt ${#holders[@]} ] || return 0
	while read -r name _; do
		[ "$name" = No ] || dmsetup remove "$name"
	done < <(dmsetup ls)
}

remove_members() {
	local dir dirs=()
	for dir in "$1"/*/ "$1"/.[!.]*/; do
		[ -d "$dir" ] || continue
		[ ! -e "$dir/power" ] || echo 0 >"$dir/power"
		dirs+=("$dir")
	done
	[ ${#dirs[@]} = 0 ] || rmdir "${dirs[@]}"
}

quiet_faults() {
	local dir
	for dir in /sys/kernel/debug/fail*; do
		[ ! -e "$dir/probability" ] || echo 0 >"$dir/probability"
	done
}
