#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The write threshold against everything that can happen at the same instant:
# other writers, a threshold being set, a suspend, a rename, a reload, the end
# of the device and of its module. The crosser counts.

. ./lib.sh
without_udev

program crosser crosser.c
CROSSER=$PWD/crosser

# The debug kernel takes ten times as long for each.
rounds() { if [ "$(kernel)" = debug ]; then echo $(($1 / 5)); else echo "$1"; fi; }

crossed() { # crossed MODE ROUNDS
	table crossx "0 32768 wthreshold $(memdev mem 16) 0"
	"$CROSSER" "$1" crossx "$(rounds "$2")"
}
it "tells of each of 10,000 crossings by two processors once" crossed race 10000
it "never fires more often than it was armed, and tells the last" crossed spin 2000
it "loses no event to a suspend, a rename or a reload" crossed shake 120

module_is_gone() { [ ! -d /sys/module/dm_wthreshold ]; }

unloads() {
	local round dev
	dev=$(memdev mem 16)
	for round in 1 2 3 4 5; do
		table "gone$round" "0 32768 wthreshold $dev 0"
		"$CROSSER" gone "gone$round"
		module_is_gone
	done
	modprobe -r dm-qguard dm-qthrottle dm-backupcow qdm-common
}
it "lets its device and its module go right after a crossing" unloads

finish
