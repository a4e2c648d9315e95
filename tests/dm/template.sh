#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The filter that new ones are copied from (drivers/template), and by it what every filter on
# drivers/common has without writing it. Copy this topic with it.

. ./lib.sh
without_udev

counter() { # counter NAME [OPTION...]: a device of 8 MiB
	table "$1" "0 16384 qtemplate $(memdev mem 8) 0${2:+ $(($# - 1)) ${*:2}}"
}

numbers_are() { same "requests and bytes of $1" "$2 $3" "$(dmsetup status "$1" | cut -d' ' -f4-)"; }

write_blocks() { dd if=/dev/urandom of="/dev/mapper/$1" bs=4k count="$2" oflag=direct conv=notrunc status=none; }
read_blocks() { dd if="/dev/mapper/$1" of="${3:-/dev/null}" bs=4k count="$2" iflag=direct status=none; }

counts() {
	counter t
	numbers_are t 0 0
	write_blocks t 3
	read_blocks t 2
	numbers_are t 5 $((5 * 4096))
	sync /dev/mapper/t # a flush has no data
	numbers_are t 5 $((5 * 4096))
}
it "counts requests and their bytes in both directions" counts

counts_one_direction() {
	counter t count "$1"
	write_blocks t 3
	read_blocks t 2
	numbers_are t "$2" $(($2 * 4096))
}
it "counts only reads with count reads" counts_one_direction reads 2
it "counts only writes with count writes" counts_one_direction writes 3

passes_data() {
	counter t
	noisy /dev/mapper/t 8
	cmp "$(memdev mem 8)" /dev/mapper/t
}
it "passes all data unchanged" passes_data

prints_its_line() {
	local dev
	dev=$(lsblk -dno MAJ:MIN "$(memdev mem 8)" | tr -d ' ')
	counter t count reads
	same table "0 16384 qtemplate $dev 0 2 count reads" "$(dmsetup table t)"
	reload t "$(dmsetup table t)"
	same "table without options" "0 16384 qtemplate $dev 0" \
		"$(reload t "0 16384 qtemplate $dev 0 2 count all" && dmsetup table t)"
}
it "prints a table line that can be loaded again" prints_its_line

refuses() { # refuses WORDS TEXT
	fails counter t "$1" "${@:3}"
	log_says "$2"
}
refuses_line() { # refuses_line REST TEXT
	fails table t "0 16384 qtemplate $1"
	log_says "$2"
}
it "refuses a line without a device" refuses_line "" "0 words, needed are: <dev> <offset>"
it "refuses an unknown option and lists those there are" refuses colour "unknown option 'colour', allowed are count" red
it "refuses an unknown value and lists those there are" refuses count "count cannot be 'some', allowed are all reads writes" some

keeps_its_numbers() {
	counter t
	write_blocks t 3
	reload t "0 16384 qtemplate $(memdev mem 8) 0 2 count reads"
	numbers_are t 3 $((3 * 4096))
	write_blocks t 1
	numbers_are t 3 $((3 * 4096))
}
it "keeps its numbers over a reload, and takes the new options" keeps_its_numbers

loaded_is_nothing() {
	counter t
	dmsetup load t --table "0 16384 qtemplate $(memdev mem 8) 0 2 count reads"
	dmsetup clear t
	write_blocks t 1
	numbers_are t 1 4096
}
it "changes nothing by a table that is loaded and cleared" loaded_is_nothing

forgets() {
	counter t
	write_blocks t 3
	dmsetup message t 0 reset
	numbers_are t 0 0
	fails dmsetup message t 0 forget
	log_says "unknown message 'forget', allowed is: reset"
}
it "forgets its numbers by the message reset, and refuses any other" forgets

holds_writes() {
	counter t
	dmsetup suspend t
	write_blocks t 1 &
	pause 0.3
	numbers_are t 0 0
	dmsetup resume t
	wait $!
	numbers_are t 1 4096
}
it "passes nothing while it is suspended, and the writes that came meanwhile afterwards" holds_writes

guard_knows_it() {
	local mem
	mem=$(memdev mem 8)
	table bak "0 16384 backupcow $mem 0 $(memdev copy 8) 0 128 4 guard required speed 1"
	table t "0 16384 qtemplate /dev/mapper/bak 0"
	table dev "0 16384 qguard /dev/mapper/t 0"
	eventually 10 backup_is guarded
	reload t "0 16384 qtemplate $mem 0"
	eventually 10 backup_has ESTALE
}
backup_is() { [ "$(dmsetup status bak | awk '{ print $NF }')" = "$1" ]; }
backup_has() { [ "$(dmsetup status bak | cut -d' ' -f7)" = "$1" ]; }
it "tells a backup below it when it is led past it" guard_knows_it

swaps_under_load() {
	table t "0 16384 linear $(memdev mem 8) 0"
	load t --filename=/dev/mapper/t --rw=randwrite --bs=4k --size=8M --iodepth=8
	for _ in {1..5}; do
		reload t "0 16384 qtemplate $(memdev mem 8) 0"
		reload t "0 16384 linear $(memdev mem 8) 0"
	done
	load_ends
}
it "comes and goes under load" swaps_under_load

goes_again() {
	counter t
	dmsetup remove t
	modprobe -r dm-qtemplate
}
it "leaves nothing behind that keeps its module" goes_again

finish
