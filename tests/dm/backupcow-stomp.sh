#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The stomper tramples over a device with writes, write-zeroes and discards while backups of
# random shape are slipped under it, reloaded, suspended, cancelled and taken away: each target
# must hold the instant of its insertion, and every write must arrive. What a round is, and
# that it follows from the seed, is said in stomper.c.
#
# STOMP_ROUNDS in the environment is how many rounds; with STOMP_ROUND it is that one, so often.

case $QDM_KERNEL in
debug) ROUNDS=100 KIB=1024 ;;
*) ROUNDS=200 KIB=4096 ;;
esac
ROUNDS=${STOMP_ROUNDS:-$ROUNDS}
[ -z "${STOMP_ROUND:-}" ] || ROUNDS=-$ROUNDS
TIME_LIMIT=$((120 + 3 * ${ROUNDS#-}))
. ./lib.sh
without_udev

program stomper stomper*.c
STOMPER=$PWD/stomper

# Answers later and from an interrupt, where a memdev does at once.
late_memdev() { # late_memdev NAME NS
	local dir=/sys/kernel/config/nullb/qm-$1
	memdev "$1" 6 >/dev/null
	echo 0 >"$dir/power"
	echo 2 >"$dir/irqmode"
	echo "$2" >"$dir/completion_nsec"
	echo 1 >"$dir/power"
	memdev "$1" 6
}

# Takes write-zeroes and answers from a thread of its own, out of order.
file_device() { # file_device NAME
	truncate --size 6M "/run/qdm/$1"
	losetup --find --show "/run/qdm/$1"
}

round_after_round() {
	local devices
	modprobe dm-backupcow
	modprobe loop
	devices=("$(memdev a 6)" "$(late_memdev b 50000)" "$(late_memdev c 500000)"
		"$(file_device stomped-a)" "$(file_device stomped-b)")
	rm /run/qdm/stomped-?
	"$STOMPER" "${STOMP_ROUND:-1}" "$ROUNDS" "$(seed)" "$KIB" "${devices[@]}"
}
it "holds the instant, round after round, whatever the shape" round_after_round

finish
