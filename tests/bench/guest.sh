# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What every case uses in the guest: devices of fixed speed, tables, the load, and one JSON
# line per sample. Sourced by the cases, which tests/bench/run starts in a fresh guest.
#
# A sample says what was measured once. The host takes the median over the rounds, so a case
# only has to measure its subjects in turn, ROUNDS times, after a first round thrown away.

set -euo pipefail
trap 'echo "bench: line $LINENO: \"$BASH_COMMAND\" failed with status $?" >&2' ERR
set -E

# In the deterministic lane minutes of guest time fly while a busy host reads a block from its
# disk: who waits for that has not hung, and who has is found by the run's time limit.
[ "$QDM_LANE" != icount ] || echo 0 >/proc/sys/kernel/hung_task_timeout_secs

CASE=$(basename "$0" .sh)
ROUNDS=${ROUNDS:-3}
SAMPLES=$OUT/samples.jsonl

# udevd reads every new device, through the limit that is to be measured, and keeps it open
# when it is to be removed. A case that wants it sets KEEP_UDEV before it sources this.
if [ -z "${KEEP_UDEV:-}" ] && [ -e /run/udev/control ]; then
	udevadm settle
	udevadm control --exit
	rm -f /run/udev/control
fi
[ -n "${KEEP_UDEV:-}" ] || export DM_DISABLE_UDEV=1

insmod_here() { modprobe dm-mod && insmod "./$1"; }

# nulldev NAME MIB [KEY=VALUE...]: a null_blk device of that size; prints its path
nulldev() {
	local dir=/sys/kernel/config/nullb/$1 pair
	[ -d /sys/kernel/config/nullb ] || modprobe null_blk nr_devices=0
	mkdir "$dir"
	echo "$2" >"$dir/size"
	for pair in "${@:3}"; do
		echo "${pair#*=}" >"$dir/${pair%%=*}"
	done
	echo 1 >"$dir/power"
	echo "/dev/$1"
}

sectors() { blockdev --getsz "$1"; }

# table NAME LINE: a dm device over LINE, which begins with the target's name; prints its path
table() {
	dmsetup create "$1" --table "0 $SECTORS $2"
	echo "/dev/mapper/$1"
}

# qemu_throttle DEVICE LIMIT=VALUE...: QEMU's throttle filter over DEVICE, as a block device
# again through its NBD export; prints its path. qemu_throttle_ends takes it away.
qemu_throttle() {
	local device=$1 limits='' pair
	shift
	for pair; do
		limits+="${limits:+,}\"${pair%%=*}\":${pair#*=}"
	done
	qemu-storage-daemon --daemonize --pidfile /tmp/qsd.pid \
		--blockdev "driver=host_device,node-name=disk,filename=$device,cache.direct=on,aio=native" \
		--object "{\"qom-type\":\"throttle-group\",\"id\":\"group\",\"limits\":{$limits}}" \
		--blockdev driver=throttle,node-name=limited,throttle-group=group,file=disk \
		--nbd-server addr.type=unix,addr.path=/tmp/nbd.sock \
		--export type=nbd,id=export,node-name=limited,name=limited,writable=on >&2
	[ -e /dev/nbd0 ] || modprobe nbd nbds_max=1
	nbd-client -unix /tmp/nbd.sock -N limited /dev/nbd0 >&2
	echo /dev/nbd0
}

qemu_throttle_ends() {
	local pid
	pid=$(</tmp/qsd.pid)
	nbd-client -d /dev/nbd0 >&2
	kill "$pid"
	while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
}

# measure OPTION... DEVICE: runs the load; IOS done in NS nanoseconds, IDLE_NS of them asleep,
# MIDDLE: thousandths of a nanosecond per I/O in half of the batches, RATE: I/Os per second
# shellcheck disable=SC2034
measure() {
	local line
	line=$(./load "$@")
	[[ $line =~ \"ios\":([0-9]+),\"ns\":([0-9]+),\"idle_ns\":([0-9]+),\"middle\":([0-9]+)\.([0-9]{3}),\"rate\":([0-9.]+) ]]
	IOS=${BASH_REMATCH[1]} NS=${BASH_REMATCH[2]} IDLE_NS=${BASH_REMATCH[3]}
	MIDDLE=$((BASH_REMATCH[4] * 1000 + 10#${BASH_REMATCH[5]}))
	RATE=${BASH_REMATCH[6]}
	[ "$IOS" -gt 0 ] || { echo "bench: no I/O was done: load $*" >&2; return 1; }
}

# p99 OPTION... DEVICE: runs the load for half a second; P99 of its latencies, in nanoseconds
# shellcheck disable=SC2034
p99() {
	local nr
	./load --skip 0.05 --seconds 0.5 --stamps /tmp/stamps "$@" >/dev/null
	nr=$(wc -l </tmp/stamps)
	P99=$(awk '{ print $2 - $1 }' /tmp/stamps | sort -n | sed -n "$((nr * 99 / 100 + 1))p")
}

# thousandths NUMBER: 1234 as 1.234
thousandths() { printf '%s%d.%03d' "$([ "$1" -ge 0 ] || echo -)" $((${1#-} / 1000)) $((${1#-} % 1000)); }

# sample SUBJECT PARAMS UNIT VALUE [MORE]: one measurement; PARAMS and MORE are JSON members
sample() {
	printf '{"case":"%s","subject":"%s","params":{%s},"unit":"%s","value":%s%s}\n' \
		"$CASE" "$1" "$2" "$3" "$4" "${5:+,$5}" >>"$SAMPLES"
}

# calc EXPRESSION: floating point, by awk
calc() { awk "BEGIN { printf \"%.6f\", $1 }"; }

note() { printf '%s: %s\n' "$CASE" "$*"; }
