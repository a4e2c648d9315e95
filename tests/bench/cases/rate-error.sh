#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How far the rate that comes out is from the limit that was set: per cent of the limit,
# absolute, over 10 s that begin 2 s after the first I/O, with 32 I/Os always waiting. The rate
# is taken from the first I/O of the window to the last, so few I/Os do not make it coarse.
# Beside it io.max and QEMU's throttle, exported over NBD, with the same limit, where that is at
# most 10,000 I/Os per second: 16,400 are all that QEMU does here without any (see throughput).
# bench: seconds 1800
# shellcheck source=../guest.sh
. ./guest.sh

UNIT="per cent of the limit, absolute"
MIB=1048576

run_one() {
	local subject=$1 limit=$2 rate=$3 bs=$4 device=$5 units=1
	[ "${limit%%-*}" = iops ] || units=$bs
	measure --bs "$bs" --skip 2 --seconds 10 "$device"
	sample "$subject" "\"limit\":\"$limit\",\"rate\":$rate,\"bs\":$bs" "$UNIT" \
		"$(calc "sqrt(($RATE * $units / $rate - 1) ^ 2) * 100")" "\"measured\":$(calc "$RATE * $units")"
}

try_qthrottle() {
	table limited "qthrottle $LOWER 0 - 2 $1 $2" >/dev/null
	run_one qthrottle "$1" "$2" "$3" /dev/mapper/limited
	dmsetup remove limited
}

try_io_max() {
	local key=rbps
	[ "${1%%-*}" = bps ] || key=riops
	echo "$NUMBER rbps=max riops=max $key=$2" >/sys/fs/cgroup/bench/io.max
	echo 0 >/sys/fs/cgroup/bench/cgroup.procs
	run_one io.max "$1" "$2" "$3" "$BARE"
	echo 0 >/sys/fs/cgroup/cgroup.procs
}

try_qemu() {
	local units=1
	[ "${1%%-*}" = iops ] || units=$3
	[ $(($2 / units)) -le 10000 ] || return 0
	run_one qemu "$1" "$2" "$3" "$(qemu_throttle "$LOWER" "$1=$2")"
	qemu_throttle_ends
}

try_all() {
	note "$*"
	try_qthrottle "$@"
	try_io_max "$@"
	try_qemu "$@"
}

LOWER=$(nulldev lower 64)
BARE=$(nulldev bare 64)
SECTORS=$(sectors "$LOWER")
NUMBER=$(lsblk -dno MAJ:MIN "$BARE" | tr -d ' ')
echo +io >/sys/fs/cgroup/cgroup.subtree_control
mkdir /sys/fs/cgroup/bench
for rate in 10 100 1000 10000 50000; do
	try_all iops-total $rate 4096
done
for rate in 1 10 100; do
	for bs in 4096 65536; do
		try_all bps-total $((rate * MIB)) $bs
	done
done
