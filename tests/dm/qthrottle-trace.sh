#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The one-liners of Documentation/dm-qthrottle.rst, on the kernel that changes what
# bpftrace finds first. That the tracepoints say the right thing is tested in qthrottle.sh.

. ./lib.sh
needs_kernel latest
without_udev

# bpftrace reads all the kernel's types before it begins: seconds of an emulated processor.
TIME_LIMIT=480

# watch PROGRAM: bpftrace says when it has attached
watch() {
	bpftrace -e "BEGIN { printf(\"attached\\n\"); } $1" >said 2>&1 &
	WATCH=$!
	eventually 100 grep -q attached said
}

waits() { [ "$(dmsetup status t | cut -d' ' -f12)" = "$1" ]; } # waits COUNT

# One write goes, eleven wait for bps-write until there is none.
throttle_some() {
	dmsetup message t 0 limits bps-write 1
	fio --name=w --filename=/dev/mapper/t --rw=randwrite --bs=4k --direct=1 --ioengine=libaio \
		--iodepth=12 --number_ios=12 --size=8m --output=fio.log &
	eventually 60 waits 11
	dmsetup message t 0 limits bps-write 0
	wait $!
}

one_liner() { # one_liner PROGRAM PATTERN: what it prints at the end
	table t "0 32768 qthrottle $(memdev mem 16) 0 -"
	watch "$1"
	throttle_some
	sleep 1.5
	kill -INT "$WATCH"
	wait "$WATCH" || { cat said && return 1; }
	grep -qE "$2" said || { echo "no '$2' in:" && cat said && return 1; }
}

# shellcheck disable=SC2016
it "bpftrace draws how long requests waited" one_liner \
	'tracepoint:qthrottle:qthrottle_release { @us[args.dev & 0xfffff, args.write] = hist(args.waited / 1000); }' \
	'^@us\[[0-9]+, (1|true)\]:'
it "bpftrace counts which limit was full" one_liner \
	'tracepoint:qthrottle:qthrottle_throttle { @full[args.dev & 0xfffff, args.full] = count(); }' \
	'^@full\[[0-9]+, 2\]: 11$'
it "bpftrace adds up the bytes that had to wait, each second" one_liner \
	'tracepoint:qthrottle:qthrottle_release { @bytes = sum(args.bytes); } interval:s:1 { print(@bytes); clear(@bytes); }' \
	'^@bytes: [1-9][0-9]*$'

finish
