#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The guest's half of tests/bench/profile: the load, and bpftrace counting where it is.
. ./guest.sh
# shellcheck source=/dev/null
. ./what

lower=$(nulldev lower 64)
SECTORS=$(sectors "$lower")
insmod_here dm-bench-empty.ko
# An interval that shares no factor with the tick's or the load's.
profile() {
	local load
	measure --op "$OP" --warm 500 --count 6000 "$2"
	thousandths "$MIDDLE" >"$OUT/$1.total"
	./load --op "$OP" --seconds 3600 "$2" &
	load=$!
	BPFTRACE_MAX_MAP_KEYS=65536 bpftrace -q -e 'profile:us:101 /pid == '$load'/ { @[kstack(1)] = count(); } interval:ms:2300 { exit(); }' >"$OUT/$1.stacks"
	kill $load
	wait
}

profile linear "$(table linear "linear $lower 0")"
# shellcheck disable=SC2059,SC2153
profile filter "$(table filter "$(printf "$LINE" "$lower")")"
