#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The stomper tramples over a device with writes, write-zeroes and discards
# while backups of random shape are slipped under it and taken away: every
# target must hold the instant of its insertion, and every write must arrive.
#
# STOMP_ROUNDS in the environment is how many backups the first test makes; each six have
# a device of another size at other offsets. All of it follows from the seed.

ROUNDS=${STOMP_ROUNDS:-6}
TIME_LIMIT=$((120 + 15 * ROUNDS))
. ./lib.sh
without_udev

gcc -O2 -pthread -o stomper stomper.c
STOMPER=$PWD/stomper

state_is() { # state_is NAME STATE
	[ "$(dmsetup status "$1" | cut -d' ' -f4)" = "$2" ]
}

# A subshell begins with a seed of its own: each test sets RANDOM again, and what it draws
# goes through a variable where a subshell is to have it.
pick() { # pick WORD...: PICKED is one of them
	shift $((RANDOM % $#))
	PICKED=$1
}

# devices MIB: an origin and a target with room for offsets; on the debug kernel half of it,
# where the same rounds take four times as long
devices() {
	MIB=$1
	[ "$(kernel)" != debug ] || MIB=$(($1 / 2))
	cd /tmp
	ORIGIN=$(memdev origin $((MIB + 1)))
	TARGET=$(memdev target $((MIB + 2)))
	FROM=$((RANDOM % 256 * 8))
	TO=$((RANDOM % 512 * 8))
	SECTORS=$((MIB * 1024 + RANDOM % (MIB * 128) * 8))
	PLAIN="0 $SECTORS linear $ORIGIN $FROM"
	noisy "$ORIGIN" "$MIB"
	table top "$PLAIN"
}

# Its threads leave the processor to what the test itself does, or a round takes a minute.
stomp() {
	local seed=$RANDOM
	nice -n 19 "$STOMPER" /dev/mapper/top 1000 8 "$seed" >stomped 2>&1 &
	STOMPING=$!
}

stomped() { # the stomper found every write where it belongs
	kill "$STOMPING" 2>/dev/null || true
	wait "$STOMPING" || { cat stomped && return 1; }
	cat stomped
}

image() { # image DEVICE FROM: what it holds
	dd if="$1" of=/dev/stdout bs=4k skip=$(($2 / 8)) \
		count=$(((SECTORS + 7) / 8)) iflag=direct status=none |
		head -c $((SECTORS * 512))
}

insert() { # insert CLUSTER [OPTIONS]
	echo "backup of $SECTORS sectors from $FROM to $TO, $*"
	dmsetup suspend top
	image "$ORIGIN" "$FROM" >old
	dmsetup reload top \
		--table "0 $SECTORS backupcow $ORIGIN $FROM $TARGET $TO $*"
	dmsetup resume top
}

holds_the_instant() {
	eventually 120 state_is top concluded
	dmsetup status top
	image "$TARGET" "$TO" >copy
	cmp old copy
}

draw_options() { # OPTIONS are some
	pick break-guest-write break-snapshot
	OPTIONS="8 on-cbw-error $PICKED"
	pick 1 4 16
	OPTIONS+=" max-workers $PICKED"
	pick 0 0 16777216
	OPTIONS+=" speed $PICKED"
	pick off on unmap
	OPTIONS+=" detect-zeroes $PICKED"
}

one_round() { # one_round CLUSTER
	draw_options
	insert "$1" "$OPTIONS"
	holds_the_instant
	dmsetup reload top --table "$PLAIN"
	dmsetup resume top
}

six_rounds() { # six_rounds ALREADY: or as many as are wanted
	local round
	devices 12
	stomp
	for ((round = $1; round < $1 + 6 && round < ROUNDS; round++)); do
		pick 8 16 64 128 512 2048 4096
		one_round "$PICKED"
	done
	stomped
	dmsetup remove --retry top
}

round_after_round() {
	local already
	RANDOM=$(seed)
	for ((already = 0; already < ROUNDS; already += 6)); do
		six_rounds "$already"
	done
}
it "holds the instant, insertion after insertion, whatever the shape" \
	round_after_round

reloads_in_the_middle() {
	local i
	RANDOM=$(seed)
	devices 16
	stomp
	pick 8 64 128
	insert "$PICKED" 2 speed 262144
	for i in 1 2 3 4 5; do
		sleep 0.4
		pick --noflush --nolockfs
		dmsetup suspend "$PICKED" top
		dmsetup table top --target backupcow >line
		if ((i % 2)); then dmsetup reload top <line; fi
		dmsetup resume top
	done
	dmsetup message top 0 set-speed 0 || state_is top concluded
	holds_the_instant
	stomped
}
it "holds it over reloads and suspends of both kinds" reloads_in_the_middle

cancels_in_the_middle() {
	local i
	RANDOM=$(seed)
	devices 16
	stomp
	for i in 1 2 3; do
		pick 8 128 2048
		insert "$PICKED" 2 speed 2097152
		sleep 0.5
		dmsetup message top 0 cancel || state_is top concluded
		eventually 60 state_is top concluded
		dmsetup reload top --table "$PLAIN"
		dmsetup resume top
		pick 8 128 2048
		insert "$PICKED" 2 speed 2097152
		sleep 0.3
		dmsetup reload top --table "$PLAIN"
		dmsetup resume top
	done
	stomped
}
it "loses no write when backups are cancelled or taken away" \
	cancels_in_the_middle

before_writes_only() {
	RANDOM=$(seed)
	devices 16
	stomp
	pick 8 64 128
	insert "$PICKED" 2 sync none
	sleep 2
	dmsetup reload top \
		--table "0 $SECTORS backupcow $ORIGIN $FROM $TARGET $TO $(
			dmsetup table top | cut -d' ' -f8)"
	dmsetup resume top
	holds_the_instant
	stomped
}
it "turns sync none into a full backup by a reload" before_writes_only

finish
