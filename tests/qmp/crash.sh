#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kill -9 on a real device-mapper: before every call of a command that can change anything,
# and before some of the others, by chance. What is left must be, once "qdm doctor --repair" was
# asked, the graph as before the command or as after it, with nothing suspended and no table
# waiting. The same on a device-mapper of memory, for more commands: tests/unit/test-qdm-crash.c.
# And each of these commands is printed by --dry-run as a script that, run by hand, gives the
# same graph.

# shellcheck source=../dm/lib.sh
. ./lib.sh
HERE=$PWD
program killer killer.c

qmp() { qdm exec "{'execute': '$1', 'arguments': {$2}}"; }
# by_verb WORDS: from here on the command is a verb with its words, and no command of QMP
by_verb() { RUN=(qdm "$@") DRY=(qdm "$1" --dry-run "${@:2}"); }
by_qmp() { RUN=(qdm exec "$1") DRY=(qdm exec --dry-run "$1"); }

# picture: all devices, their tables by names and not by numbers, and all groups, also those that
# the tool shows to nobody; in $PICTURE
picture() {
	local dir name dev
	PICTURE=$'\n'$(dmsetup table)$'\n'
	for dir in /sys/block/dm-*; do
		read -r name <"$dir/dm/name"
		read -r dev <"$dir/dev"
		PICTURE=${PICTURE// $dev / $name }
	done
	for dir in /sys/kernel/config/qthrottle/*/ /sys/kernel/config/qthrottle/.[!.]*/; do
		[ ! -d "$dir" ] || PICTURE+="$dir $(<"$dir/limits")"$'\n'
	done
	[ -z "$JOB" ] || { eventually 60 is_settled && PICTURE+=$(dmsetup status --noflush "$JOB"); }
}

# A job that is cancelled has concluded a moment later.
is_settled() { [[ $(dmsetup status --noflush "$JOB") != *' aborting '* ]]; }

# Who is left suspended by a kill may be resumed by the tool's guard, which is another process.
runs() {
	local file suspended
	for file in /sys/block/dm-*/dm/suspended; do
		read -r suspended <"$file"
		[ "$suspended" = 0 ] || return 1
	done
}

# mend: what doctor says of it; it may only be troubled by udevd, which has been ended
mend() {
	eventually 15 runs
	qdm doctor --repair >said || true
	! grep '^trouble: ' said | grep -v 'udevd does not run' || return 1
	! grep -q '^repaired: ' said || same "tables that wait" "" "$(dmsetup info -c --noheadings -o tables_loaded | grep Inactive || true)"
	[[ $(<said) != *semaphore* ]] || cat said >>"$HERE/mended"
	picture
}

# undone: back to before
undone() {
	eval "$UNDO" >/dev/null
	picture
	same "the graph after \"$UNDO\"" "$BEFORE" "$PICTURE"
}

# kill_at KIND N
kill_at() {
	echo "killed before $1 $2 of ${RUN[*]}"
	"$HERE/killer" "$1" "$2" "${RUN[@]}" >/dev/null 2>>log
	mend
	[ "$PICTURE" != "$BEFORE" ] || return 0
	same "what is left" "$AFTER" "$PICTURE"
	undone
}

# both_ways COMMAND ARGUMENTS UNDO: by the tool and by the script it prints; undone then
both_ways() {
	by_qmp "{'execute': '$1', 'arguments': {$2}}"
	UNDO=$3
	both_run "$1"
}

both_run() {
	picture
	BEFORE=$PICTURE
	"$HERE/killer" call 0 "${RUN[@]}" >counted 2>log || [ $? = 3 ]
	picture
	AFTER=$PICTURE
	[ "$BEFORE" != "$AFTER" ] || { echo "nothing is changed by $1" && cat log && return 1; }
	undone
	"${DRY[@]}" >script
	picture
	same "the graph after a dry run of $1" "$BEFORE" "$PICTURE"
	bash script >>log || { cat script log && return 1; }
	picture
	same "the graph after the script for $1" "$AFTER" "$PICTURE"
	undone
}

# survives COMMAND ARGUMENTS UNDO: and is undone then
survives() {
	both_ways "$@"
	kills "$1"
}

# survives_verb UNDO WORDS
survives_verb() {
	UNDO=$1
	by_verb "${@:2}"
	both_run "$2"
	kills "$2"
}

kills() {
	local changes calls point
	# what a verb says for people comes before the count
	read -r changes calls < <(tail -n 1 counted)
	for ((point = FIRST; point <= changes; point += STEP)); do
		kill_at change "$point"
	done
	[ $((RANDOM % 3)) != 0 ] || kill_at call $((RANDOM % calls + 1))
	echo "$1: $changes changes, $calls calls"
}

# then_do COMMAND ARGUMENTS UNDO: and stays
then_do() {
	survives "$@"
	qmp "$1" "$2" >/dev/null
}

throttle() { echo "'driver': 'throttle', 'node-name': '$1', 'throttle-group': '$2', 'file': '$3'"; }
threshold() { echo "'driver': 'write-threshold', 'node-name': '$1', 'write-threshold': 0, 'file': '$2'"; }
group() { echo "'qom-type': 'throttle-group', 'id': '$1', 'limits': {'iops-total': $2}"; }
edge() { echo "'parent': 'vol', 'child': 'vol', 'node': '$1'"; }
backup() { echo "'device': '$1', 'target': '$(memdev "to-$1" 4)', 'sync': 'none'"; }
old_limit() { echo "'id': 'vol', 'bps': 0, 'bps_rd': 0, 'bps_wr': 0, 'iops': $1, 'iops_rd': 0, 'iops_wr': 0"; }

# libdevmapper's, whose keys begin with 0x0d4d
semaphores() { awk '$1 >= 223150080 && $1 < 223215616 { print $1 }' /proc/sysvipc/sem; }

# While udevd runs, a command has a semaphore by which udev tells it that it is through; the
# one of a killed command stays.
leave_semaphore() {
	table vol "0 8192 linear $(memdev vol 4) 0"
	"$HERE/killer" change 8 qdm exec "{'execute': 'blockdev-add', 'arguments': {$(threshold w vol)}}"
	udevadm settle
	qdm doctor --repair
	dmsetup remove --retry vol
}
JOB=''
# The tool is the same on every kernel, so each has a third of the points.
case $(kernel) in
6.1) FIRST=0 ;;
6.12) FIRST=1 ;;
*) FIRST=2 ;;
esac
FIRST=$(((FIRST + SEED) % 3 + 1)) STEP=3
# Here, while udevd runs: its links follow the filter from the passing name to its own.
names_last() {
	table vol "0 8192 linear $(memdev vol 4) 0"
	qdm insert --node named threshold vol 1M
	same "names" "named vol vol-root" "$(dmsetup info -c --noheadings --sort name -o name | xargs)"
	[ /dev/mapper/named -ef "/dev/dm-$(dmsetup info -c --noheadings -o minor named)" ]
	udevadm settle
	[ ! -e /dev/mapper/named-inserting ]
	qdm remove named
	same "names" vol "$(dmsetup info -c --noheadings -o name)"
}
it "gives a filter that it puts in its own name last, and udev's links with it" names_last

# Not killed, but told to end, at instants by chance. Here, while udevd runs: only then are
# there semaphores.
told_to_end() {
	local try edit
	table vol "0 8192 linear $(memdev vol 4) 0"
	for try in {1..10}; do
		qdm throttle vol iops-total=$((try * 100)) 2>>log &
		edit=$!
		sleep 0.$((RANDOM % 10))
		kill -TERM "$edit" || true # it may have ended
		wait "$edit" || true
		same "semaphores" "" "$(semaphores)"
	done
	qdm doctor >said || cat said
	! grep '^trouble: ' said
}
it "leaves nothing for doctor when it is told to end" told_to_end

leave_semaphore >log 2>&1
LEFT=$(semaphores)
: >mended
without_udev

# One command after the other, each of which finds what those before it have made.
survives_edits() {
	table vol "0 8192 linear $(memdev vol 4) 0"
	qmp object-add "'qom-type': 'throttle-group', 'id': 'bare'" # which is legal, and stays
	then_do object-add "$(group g 100)" "qmp object-del \"'id': 'g'\""
	survives blockdev-add "'driver': 'host_device', 'node-name': 'd', 'filename': '$(memdev leaf 4)'" \
		"qmp blockdev-del \"'node-name': 'd'\""
	survives qom-set "'path': 'g', 'property': 'limits', 'value': {'iops-total': 5}" \
		"qmp qom-set \"'path': 'g', 'property': 'limits', 'value': {'iops-total': 100}\""
	then_do blockdev-add "$(throttle t g vol)" "qmp blockdev-del \"'node-name': 't'\""
	then_do block-insert-node "$(edge t)" "qmp block-remove-node \"$(edge t)\""
	qmp blockdev-add "$(threshold w vol)"
	survives block-set-write-threshold "'node-name': 'w', 'write-threshold': 4096" \
		"qmp block-set-write-threshold \"'node-name': 'w', 'write-threshold': 0\""
	qmp block_resize "'node-name': 'w', 'size': 2097152"
	qmp blockdev-add "$(threshold x /dev/mapper/w)"
	then_do block_resize "'node-name': 'w', 'size': 4194304" \
		"qmp blockdev-del \"'node-name': 'x'\" &&
		qmp block_resize \"'node-name': 'w', 'size': 2097152\" &&
		qmp blockdev-add \"$(threshold x /dev/mapper/w)\""
	qmp blockdev-del "'node-name': 'x'"
	survives blockdev-replace "'parent': 'vol', 'child': 'root', 'new-child': 'w'" \
		"qmp blockdev-replace \"'parent': 'vol', 'child': 'root', 'new-child': 't'\""
	qmp object-add "$(group h 200)"
	qmp blockdev-add "$(throttle u g t)"
	survives blockdev-reopen "'options': [{$(throttle t h vol-root)}, {$(throttle u h t)}]" \
		"qmp blockdev-reopen \"'options': [{$(throttle t g vol-root)}, {$(throttle u g t)}]\""
	qmp blockdev-del "'node-name': 'u'"
	qmp blockdev-del "'node-name': 'w'"
	then_do block-remove-node "$(edge t)" "qmp block-insert-node \"$(edge t)\""
	then_do blockdev-del "'node-name': 't'" "qmp blockdev-add \"$(throttle t g vol)\""
	survives object-del "'id': 'g'" "qmp object-add \"$(group g 100)\""
}
it "leaves the graph before or after, wherever an edit is killed" survives_edits

survives_both_in_one() {
	local name
	for name in vol two; do table "$name" "0 8192 linear $(memdev "$name" 4) 0"; done
	then_do block_set_io_throttle "$(old_limit 500), 'group': 'new'" "qmp block_set_io_throttle \"$(old_limit 0)\""
	then_do block_set_io_throttle "$(old_limit 0)" "qmp block_set_io_throttle \"$(old_limit 500), 'group': 'new'\""
	qmp object-add "$(group shared 100)"
	survives block_set_io_throttle "$(old_limit 500), 'group': 'shared'" \
		"qmp block_set_io_throttle \"$(old_limit 0)\" &&
		qmp qom-set \"'path': 'shared', 'property': 'limits', 'value': {'iops-total': 100}\""
	survives_verb "qdm remove named" insert --node named throttle vol iops-total=500
	survives blockdev-backup "$(backup vol)" "qdm remove --cancel vol-backup"
	survives transaction "'actions': [{'type': 'blockdev-backup', 'data': {$(backup vol)}},
		{'type': 'blockdev-backup', 'data': {$(backup two)}}]" "qdm remove --cancel vol-backup && qdm remove --cancel two-backup"
}
it "and wherever a command is killed that makes a filter and puts it in" survives_both_in_one

steers() { # steers COMMAND ARGUMENTS UNDO: the job, whose status is part of the picture then
	JOB=vol-backup both_ways "$@"
}

# A backup is never ready, and that one waits for its end is known to the process alone that has
# begun it (tests/unit/test-qdm-jobs.c): there is no script, and nothing is done.
has_no_script() { # has_no_script COMMAND
	picture
	BEFORE=$PICTURE
	! qdm exec --dry-run "{'execute': '$1', 'arguments': {'id': 'vol'}}" >said || return 1
	[[ $(<said) == *"cannot accept command verb '${1#job-}'"* ]]
	picture
	same "the graph after $1 was refused" "$BEFORE" "$PICTURE"
}

# Each is one message, before which nothing has changed.
steers_jobs() {
	local begin
	table vol "0 8192 linear $(memdev vol 4) 0"
	begin="qmp blockdev-backup \"$(backup vol)\""
	eval "$begin"
	steers job-pause "'id': 'vol'" "qmp job-resume \"'id': 'vol'\""
	qmp block-job-pause "'device': 'vol'"
	steers block-job-resume "'device': 'vol'" "qmp job-pause \"'id': 'vol'\""
	qmp job-resume "'id': 'vol'"
	both_ways block-job-set-speed "'device': 'vol', 'speed': 1048576" "qmp block-job-set-speed \"'device': 'vol', 'speed': 0\""
	steers block-job-cancel "'device': 'vol'" "qdm remove --cancel vol-backup && $begin"
	qmp job-cancel "'id': 'vol'"
	has_no_script job-complete
	has_no_script job-finalize
	both_ways job-dismiss "'id': 'vol'" "$begin && qmp job-cancel \"'id': 'vol'\""
}
[ "$(kernel)" != 6.12 ] || it "prints scripts for what is done to jobs that do the same" steers_jobs

clears_semaphore() {
	mend
	[[ $(<"$HERE/mended") == *"repaired: semaphore 0x0d4d"*" is left over"* ]]
}

# LEFT was made by a kill before udevd was ended. Once it is ten seconds old, which it may have
# become during the tests above, it is cleared.
clears_semaphores() {
	[ -n "$LEFT" ] || { echo "no semaphore was left" && return 1; }
	table vol "0 8192 linear $(memdev vol 4) 0"
	eventually 15 clears_semaphore
	same "semaphores" "" "$(semaphores)"
}
it "finds the semaphore by which a killed command waited for udev, and clears it" clears_semaphores

finish
