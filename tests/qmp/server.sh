#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The QMP server on a real device-mapper: events come from the kernel through one
# descriptor, backups run as jobs and go, several devices are backed up at one
# instant. What needs no kernel is in tests/unit/test-qdm-server.c.

# shellcheck source=../dm/lib.sh
. ./lib.sh
without_udev

# serve NAME: a server on standard input and output; what it says is in NAME.out
serve() {
	rm -f "$1.in" "$1.out"
	mkfifo "$1.in"
	qdm qmp --stdio <"$1.in" >"$1.out" &
	exec {FD}>"$1.in"
	eval "$1=$FD"
	say "$1" qmp_capabilities
	eventually 20 said "$1" '.return == {}'
}

# say NAME COMMAND [ARGUMENTS]; said NAME FILTER: a line for which jq's filter is true
say() { echo "{'execute': '$2', 'arguments': {${3:-}}}" >&"${!1}"; }
said() { jq -se "any(.[]; $2)" "$1.out" >/dev/null; }
# do_it NAME COMMAND [ARGUMENTS]: and it is answered without an error
do_it() {
	local before
	before=$(replies "$1")
	say "$@"
	eventually 30 answered "$1" "$before"
	! jq -se '[.[] | select(has("return") or has("error"))][-1] | has("error")' "$1.out" >/dev/null ||
		{ tail -1 "$1.out" && return 1; }
}
replies() { jq -s '[.[] | select(has("return") or has("error"))] | length' "$1.out"; }
answered() { [ "$(replies "$1")" -gt "$2" ]; }
# events NAME KIND FILTER: what has been told, one line each
events() { jq -r "select(.event == \"$2\") | .data | $3" "$1.out"; }

write_at() { dd if=/dev/zero of=/dev/mapper/"$1" bs=4k seek="$2" count=1 oflag=direct conv=notrunc status=none; }
crossings() { [ "$(events "$1" BLOCK_WRITE_THRESHOLD '.["node-name"]' | grep -c "^$2$")" = "$3" ]; }

tells_of_thresholds() {
	local disk name
	disk=$(memdev mem 8)
	serve a
	for name in x y; do
		do_it a blockdev-add "'driver': 'write-threshold', 'node-name': '$name', 'file': '$disk', 'write-threshold': 8192"
		disk=/dev/mapper/$name
	done
	serve b
	write_at y 1
	write_at y 2
	for name in a b; do
		eventually 20 crossings "$name" x 1
		eventually 20 crossings "$name" y 1
	done
	same "data" "4096 8192" "$(events b BLOCK_WRITE_THRESHOLD '"\(.["amount-exceeded"]) \(.["write-threshold"])"' | sort -u)"
	write_at y 3
	do_it b block-set-write-threshold "'node-name': 'y', 'write-threshold': 4096"
	write_at y 5
	eventually 20 crossings a y 2
	crossings a x 1 || { echo "x fired without having been set" && return 1; }
}
it "tells every server of each threshold once, from the kernel's events" tells_of_thresholds

graph() { dmsetup table && dmsetup info -c --noheadings --sort name -o name,uuid; }
concluded() { said "$1" ".event == \"JOB_STATUS_CHANGE\" and .data == {id: \"$2\", status: \"${3:-null}\"}"; }

backs_up() {
	local disk target before sum
	disk=$(memdev mem 16)
	target=$(memdev target 16)
	noisy "$disk" 16
	table vol "0 32768 linear $disk 0"
	before=$(graph)
	sum=$(sha256sum <"$disk")
	serve a
	do_it a blockdev-backup "'device': 'vol', 'target': '$target', 'sync': 'full', 'speed': 1048576"
	write_at vol 3000
	do_it a job-pause "'id': 'vol'"
	same "status" paused "$(qdm exec "{'execute': 'query-jobs'}" | jq -r '.return[0].status')"
	do_it a job-resume "'id': 'vol'"
	do_it a block-job-set-speed "'device': 'vol', 'speed': 0"
	eventually 60 concluded a vol
	same "states" "created running paused running waiting pending concluded null" \
		"$(events a JOB_STATUS_CHANGE .status | xargs)"
	same "end" "16777216 16777216 null" "$(events a BLOCK_JOB_COMPLETED '"\(.len) \(.offset) \(.error)"')"
	same "copy" "$sum" "$(sha256sum <"$target")"
	same "graph" "$before" "$(graph)"
}
it "backs up by blockdev-backup, tells how it goes, and takes the filter away" backs_up

breaks() {
	local disk
	disk=$(memdev mem 8)
	table vol "0 16384 linear $disk 0"
	table bad "0 16384 error"
	serve a
	do_it a blockdev-backup "'device': 'vol', 'target': 'bad', 'sync': 'none', 'on-cbw-error': 'break-snapshot', 'auto-dismiss': false"
	write_at vol 3
	eventually 30 concluded a vol concluded
	same "event" "vol-backup vol Input/output error" \
		"$(events a BLOCK_SNAPSHOT_BROKEN '"\(.["node-name"]) \(.id) \(.error)"')"
	same "end" "Input/output error" "$(events a BLOCK_JOB_COMPLETED .error)"
	do_it a job-dismiss "'id': 'vol'"
	eventually 20 concluded a vol
	same "table" "0 16384 linear" "$(dmsetup table vol | cut -d' ' -f1-3)"
}
it "tells when a snapshot breaks" breaks

# Renamed before that, as LVM does: the job keeps its name.
led_past() {
	local why="the device was given another table (by LVM or dmsetup) that leads past the filter"
	table vol "0 16384 linear $(memdev mem 8) 0"
	serve a
	do_it a blockdev-backup "'device': 'vol', 'target': '$(memdev to 8)', 'sync': 'full', 'speed': 65536, 'auto-dismiss': false"
	dmsetup rename vol other
	dmsetup table vol-root | dmsetup load other
	dmsetup resume other
	eventually 60 concluded a vol concluded
	same "event" "vol-backup vol $why" \
		"$(events a BLOCK_SNAPSHOT_BROKEN '"\(.["node-name"]) \(.id) \(.error)"')"
	same "end" "$why" "$(events a BLOCK_JOB_COMPLETED .error)"
	do_it a job-dismiss "'id': 'vol'"
	eventually 20 concluded a vol
}
it "tells when a device is led past its backup" led_past

at_one_instant() {
	local name disk args
	for name in one two; do
		disk=$(memdev "$name" 4)
		noisy "$disk" 4
		table "v-$name" "0 8192 linear $disk 0"
		args+="{'type': 'blockdev-backup', 'data': {'device': 'v-$name', 'target': '$(memdev "to-$name" 4)', 'sync': 'full'}},"
	done
	serve a
	do_it a transaction "'actions': [${args%,}]"
	eventually 30 concluded a v-one
	eventually 30 concluded a v-two
	for name in one two; do
		cmp "$(memdev "$name" 4)" "$(memdev "to-$name" 4)"
	done
	say a transaction "'actions': [${args/to-two/nosuch}{'type': 'abort', 'data': {}}]"
	eventually 20 said a '.error.desc | strings | contains("nosuch")'
	same "devices" "v-one v-two" "$(dmsetup info -c --noheadings --sort name -o name | xargs)"
	say a transaction "'actions': [$args{'type': 'abort', 'data': {}}]"
	eventually 20 said a '.error.desc == "Transaction aborted using Abort action"'
	same "devices" "v-one v-two" "$(dmsetup info -c --noheadings --sort name -o name | xargs)"
}
it "backs up two devices at one instant" at_one_instant

# rounds.c says whether a copy was taken at one instant.
writes_rounds() { # writes_rounds DEVICE: in the background; WRITER is the process
	program rounds rounds.c
	./rounds write "$1" &
	WRITER=$!
	eventually 60 has_round 2 "$1"
}
has_round() { [ "$(od -An -N8 -tu8 "$2" | tr -d ' ')" -ge "$1" ]; }

takes_an_instant() {
	local disk target round
	disk=$(memdev mem 8)
	target=$(memdev target 8)
	table vol "0 16384 linear $disk 0"
	writes_rounds /dev/mapper/vol
	serve a
	for round in 1 2 3 4 5 6; do
		do_it a blockdev-backup "'device': 'vol', 'target': '$target', 'sync': 'full', 'job-id': 'job$round'"
		eventually 60 concluded a "job$round"
		./rounds check "$target"
	done
	kill "$WRITER"
	wait "$WRITER"
	same "devices" vol "$(dmsetup info -c --noheadings -o name)"
}
it "copies a device as it was at one instant, though it is being written" takes_an_instant

# The lower one is named first.
one_on_the_other() {
	local disk name args
	disk=$(memdev mem 8)
	table low "0 16384 linear $disk 0"
	table up "0 16384 linear /dev/mapper/low 0"
	for name in low up; do
		args+="{'type': 'blockdev-backup', 'data': {'device': '$name', 'target': '$(memdev "to-$name" 8)', 'sync': 'full'}},"
	done
	writes_rounds /dev/mapper/up
	serve a
	do_it a transaction "'actions': [${args%,}]"
	eventually 60 concluded a low
	eventually 60 concluded a up
	kill "$WRITER"
	wait "$WRITER"
	./rounds check "$(memdev to-low 8)"
	cmp "$(memdev to-low 8)" "$(memdev to-up 8)"
	same "devices" "low up" "$(dmsetup info -c --noheadings --sort name -o name | xargs)"
}
it "backs up devices of which one lies on the other at one instant" one_on_the_other

# client COMMAND...: one connection to the server at ./qmp.sock; each reply is a line
client() {
	perl -MIO::Socket::UNIX -e '
		my $s = IO::Socket::UNIX->new(Peer => "qmp.sock") or die "no server: $!\n";
		for my $command ("", "{\"execute\": \"qmp_capabilities\"}", @ARGV) {
			print $s "$command\n" if $command;
			print scalar <$s>;
		}' "$@"
}
in_flight() { [ "$(awk '{print $1 + $2}' "$(sysfs "$1")/inflight")" != 0 ]; }
waits_below() { grep -q dm_ /proc/"$1"/stack; }
edit_waits() { waits_below "$(pgrep -x qdm-edit)"; }
is_throttled() { ! pgrep -x qdm-edit && dmsetup table | grep -q qthrottle; }

# I/O of vol is on its way to a device that stands still, so no table can be swapped.
hangs_below() {
	local disk server
	disk=$(memdev mem 8)
	table low "0 16384 linear $disk 0"
	table vol "0 16384 linear /dev/mapper/low 0"
	QDM_PATIENCE=3600 qdm qmp --socket qmp.sock &
	server=$!
	eventually 20 test -S qmp.sock
	dmsetup suspend low
	write_at vol 1 &
	eventually 20 in_flight vol
	client "{'execute': 'block_set_io_throttle', 'arguments': {'id': 'vol', 'bps': 0, 'bps_rd': 0,
		'bps_wr': 0, 'iops': 500, 'iops_rd': 0, 'iops_wr': 0}}" >edited || true &
	eventually 30 edit_waits
	client "{'execute': 'query-version'}" "{'execute': 'query-named-block-nodes'}" >said
	jq -se '.[2].return.package == "qdm" and any(.[3].return[]; .["node-name"] == "vol")' said
	edit_waits
	kill -TERM "$server"
	wait "$server"
	edit_waits
	qdm qmp --socket qmp.sock &
	server=$!
	eventually 20 test -S qmp.sock
	client "{'execute': 'query-version'}" >said
	jq -se '.[2].return.package == "qdm"' said
	dmsetup resume low
	eventually 60 is_throttled
	kill -TERM "$server"
	wait
}
it "answers others and ends while an edit hangs, which is done later" hangs_below

# no_leftovers TABLE: nothing is half done, and no semaphore is left
no_leftovers() {
	same "table" "$1" "$(dmsetup table vol)"
	same "devices" "low vol" "$(dmsetup info -c --noheadings --sort name -o name | xargs)"
	! dmsetup info vol | grep -E 'INACTIVE|SUSPENDED'
}

gives_up() {
	local before edit status
	table low "0 16384 linear $(memdev mem 8) 0"
	table vol "0 16384 linear /dev/mapper/low 0"
	before=$(dmsetup table vol)
	dmsetup suspend low
	write_at vol 1 &
	eventually 20 in_flight vol
	same "status" 1 "$(QDM_PATIENCE=1 qdm throttle vol iops-total=500 2>said || echo $?)"
	grep -q "^qdm: Device 'vol' did not come to rest within 1 seconds" said
	no_leftovers "$before"
	QDM_PATIENCE=3600 qdm throttle vol iops-total=500 2>said &
	edit=$!
	eventually 60 waits_below "$edit"
	kill -TERM "$edit"
	status=0
	wait "$edit" || status=$?
	same "status" 143 "$status"
	grep -q "^qdm: interrupted; the edit was given up" said
	no_leftovers "$before"
	dmsetup resume low
	wait
	qdm throttle vol iops-total=500
	qdm throttle vol off
	no_leftovers "$before"
}
it "gives up an edit that waits for I/O which does not end, by itself and by a signal" gives_up

finish
