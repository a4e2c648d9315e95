#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Backups of a device that is hammered with writes, while its table is swapped at any time, by
# one task or by two at once: each is intact and is the instant, or is broken. What a round is
# is said in hammer.c. STOMP_ROUNDS in the environment is how many rounds.

case $QDM_KERNEL in
debug) ROUNDS=100 ;;
6.12) ROUNDS=500 ;;
*) ROUNDS=200 ;;
esac
ROUNDS=${STOMP_ROUNDS:-$ROUNDS}
TIME_LIMIT=$((120 + 3 * ROUNDS))
. ./lib.sh
without_udev

program hammer hammer.c
HAMMER=$PWD/hammer

hammered() {
	modprobe dm-backupcow
	"$HAMMER" "$ROUNDS" "$(seed)" "$(memdev origin 1)" "$(memdev target 1)" >/run/qdm/hammered || {
		cat /run/qdm/hammered
		return 1
	}
	sed 's/^/# /' /run/qdm/hammered >/dev/kmsg
}
it "is intact or broken, never intact and different, however the table is swapped" hammered

finish
