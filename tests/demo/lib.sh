# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034
# What the demonstration needs in the guest besides its story: how it talks to the host,
# how it measures, and the load that runs on the volume from the beginning to the end.
#
# Lines that begin with @ are for tests/demo/show on the host, all others for people:
#	@s MS IOS	sample: milliseconds since the start, operations completed so far
#	@m MS KIND TEXT	mark in the picture: in (inserted), out (removed), set, ended, grown
#	@b MS TEXT	a band of the picture begins here
#	@l MS IOPS	the limit in force from here on, 0 for none
#	@w TEXT		what is going on now
#	@c ok|FAILED TEXT	a check with its figure

BASE=/run/qdm-demo
DATA=/mnt/data
TOP_DEVICE=files
COPY_FROM=/usr/lib/apt
mkdir -p "$BASE"

START=${EPOCHREALTIME/./}
FAILED=0

# Sets NOW, in microseconds since the start, without a process of its own.
clock() { NOW=$((${EPOCHREALTIME/./} - START)); }

stamped() {
	local word=$1
	shift
	clock
	echo "@$word $((NOW / 1000)) $*"
}

mark() { stamped m "$@"; }
band() { stamped b "$@"; }
limit() { stamped l "$@"; }
doing() { echo "@w $*"; }

# shown CMD...: runs what a user would type, and shows it; what it has to say is for errors
shown() {
	printf '  # %s\n' "${*@Q}" | sed "s/'\([A-Za-z0-9_./:=,-]*\)'/\1/g"
	"$@" >/dev/null
}

# verdict STATUS TEXT: 0 is good
verdict() {
	if [ "$1" = 0 ]; then
		echo "@c ok $2"
	else
		FAILED=1
		echo "@c FAILED $2"
	fi
}

# holds TEXT EXPRESSION: a check in whole numbers
holds() { if (($2)); then verdict 0 "$1"; else verdict 1 "$1"; fi; }

thousands() { printf "%'d" "$1" | sed ':a; s/\([0-9]\)\([0-9]\{3\}\)\($\|,\)/\1,\2\3/; ta'; }
mib() { echo $(($1 >> 20)); }
sectors() { blockdev --getsz "/dev/mapper/$1"; }
dm_node() { basename "$(readlink -f "/dev/mapper/$1")"; }

# eventually SECONDS CMD...
eventually() {
	local until=$((SECONDS + $1))
	shift
	while ! "$@"; do
		[ $SECONDS -lt $until ] || return 1
		sleep 0.1
	done
}

#
# Measuring
#

# Sets IOS: reads and writes that the device on top has completed
count_ios() {
	local stat
	read -ra stat <"/sys/block/$TOP_NODE/stat"
	IOS=$((stat[0] + stat[4]))
}

# Tells of growth, too; all of it without a process, which would cost what it measures.
sampler() {
	local rest size before
	mkfifo "$BASE/never"
	exec 7<>"$BASE/never"
	read -r before <"/sys/block/$TOP_NODE/size"
	while :; do
		count_ios
		clock
		echo "@s $((NOW / 1000)) $IOS"
		read -r size <"/sys/block/$TOP_NODE/size"
		[ "$size" = "$before" ] || mark grown "now $((size >> 11)) MiB"
		before=$size
		read -r -t 0.2 rest <&7 || true
	done
}

# Sets RATE: operations per second over so many half seconds, in thousandths; and MEDIAN, of
# these half seconds, to which those in which the guest's processors stood still count little
measure() {
	local from since last_ios last_now rates=() i
	count_ios && clock
	from=$IOS since=$NOW
	for ((i = 0; i < $1; i++)); do
		last_ios=$IOS last_now=$NOW
		sleep 0.5
		count_ios && clock
		rates+=($(((IOS - last_ios) * 1000000000 / (NOW - last_now))))
	done
	RATE=$(((IOS - from) * 1000000000 / (NOW - since)))
	MEDIAN=$(printf '%s\n' "${rates[@]}" | sort -n | sed -n "$((($1 + 1) / 2))p")
}

# Sets ROUND: the greatest 1, 1.5, 2, 3, 4, 5, 6 or 8 times a power of ten that is not above $1
round_down() {
	local power=1 step
	while [ $((power * 10)) -le "$1" ]; do power=$((power * 10)); done
	ROUND=$power
	for step in 15 20 30 40 50 60 80; do
		[ $((step * power / 10)) -gt "$1" ] || ROUND=$((step * power / 10))
	done
}

#
# The load
#

# First of all, so that it does not lie where the volume fills up last
layout_fio() {
	mkdir "$DATA/fio" "$DATA/copies"
	fallocate -l 16M "$DATA/fio/blocks"
}

# Random reads and writes whose blocks carry checksums; fio reads back what it has written.
fio_load() {
	exec fio --name=verified --filename="$DATA/fio/blocks" --size=16M --bs=4k --rw=randrw --direct=1 \
		--ioengine=io_uring --iodepth=8 --verify=crc32c --verify_backlog=128 --verify_fatal=1 \
		--time_based --runtime=3600 --output-format=json --output="$BASE/fio.json" >"$BASE/fio.log" 2>&1
}

# Copies a folder over and over; the last four copies stay and are compared at the end.
copy_load() {
	local round=0
	while [ ! -e "$BASE/stop" ]; do
		cp -a $COPY_FROM "$DATA/copies/$round" || exit
		echo $((round + 1)) >"$BASE/copied"
		rm -rf "$DATA/copies/$((round - 4))"
		round=$((round + 1))
		sleep 0.3
	done
}

start_load() {
	count_ios && IDLE_IOS=$IOS
	fio_load &
	FIO=$!
	copy_load &
	COPY=$!
}

# The copies end first: what they do is not to be cut off in the middle.
stop_load() {
	touch "$BASE/stop"
	COPY_STATUS=0
	wait "$COPY" || COPY_STATUS=$?
	kill "$FIO"
	wait "$FIO" || true
}

works() { count_ios && [ $((IOS - IDLE_IOS)) -gt 1000 ]; }
load_runs() { kill -0 "$FIO" 2>/dev/null && kill -0 "$COPY" 2>/dev/null; }
