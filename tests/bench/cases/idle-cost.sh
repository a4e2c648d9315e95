#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a filter costs that has nothing to do: guest instructions per 4 KiB random I/O more
# than dm-linear's on the same device. null_blk below answers at once, so the one processor
# never sleeps (checked) and time per I/O is instructions per I/O.
#
# linear-again is a second dm-linear: what it "costs" is the error of the method.
# io.max has no dm device to be compared on: its cost is beyond the bare device's.
# shellcheck source=../guest.sh
. ./guest.sh

UNIT="guest instructions per 4 KiB I/O beyond dm-linear's"
COUNT=${COUNT:-12000}
WARM=500
MIB=64

# QEMU's rules let total and per-direction limits of one kind exclude each other. Those per
# direction are the larger set: 13 of the 19 limits, four buckets with a burst bucket each.
limits() {
	local kind dir value
	for kind in bps:1000000000000 iops:1000000000; do
		value=${kind#*:}
		for dir in read write; do
			echo "${kind%:*}-$dir $value ${kind%:*}-$dir-max $value ${kind%:*}-$dir-max-length 10"
		done
	done
	echo "iops-size 4096"
}

qthrottle_line() {
	local words
	read -ra words <<<"$(limits | tr '\n' ' ')"
	echo "qthrottle $1 0 - ${#words[@]} ${words[*]}"
}

# A queue takes its tags from one word of their map, by chance the first or the last: four
# instructions apart, and now and then it changes over. A map of 16 has a single word.
one_word_of_tags() { echo 16 >"/sys/block/${1#/dev/}/queue/nr_requests"; }

set_io_max() {
	local number
	number=$(lsblk -dno MAJ:MIN "$1" | tr -d ' ')
	echo +io >/sys/fs/cgroup/cgroup.subtree_control
	mkdir /sys/fs/cgroup/bench
	echo "$number rbps=1000000000000 wbps=1000000000000 riops=1000000000 wiops=1000000000" >/sys/fs/cgroup/bench/io.max
}

# The job is to have copied everything before anything is measured.
copy_all() {
	./load --op write --order sequential --bs 65536 --count $((MIB * 16)) "$1" >/dev/null
	note "backupcow-done: $(dmsetup status "$1")"
}

# add SUBJECT DEVICE: measured in this order
add() {
	SUBJECTS+=("$1")
	DEVICE[$1]=$2
}

have() { modprobe -q "dm-$1" || { note "dm-$1 is not there: left out"; return 1; }; }

set_up() {
	local lower limited target meta
	declare -gA DEVICE TOTAL MEAN
	SUBJECTS=()
	lower=$(nulldev lower $MIB)
	limited=$(nulldev limited $MIB)
	target=$(nulldev target $MIB)
	meta=$(nulldev meta 16 memory_backed=1)
	one_word_of_tags "$lower"
	one_word_of_tags "$limited"
	SECTORS=$(sectors "$lower")
	insmod_here dm-bench-empty.ko
	add bare "$lower"
	add linear "$(table linear "linear $lower 0")"
	add linear-again "$(table again "linear $lower 0")"
	add empty "$(table empty "bench-empty $lower")"
	add qguard "$(table guard "qguard $lower 0")"
	add qthrottle "$(table qthrottle "$(qthrottle_line "$lower")")"
	add qthrottle-one "$(table one "qthrottle $lower 0 - 2 iops-total 1000000000")"
	add wthreshold "$(table armed "wthreshold $lower 0 $((MIB << 20))")"
	add wthreshold-off "$(table off "wthreshold $lower 0")"
	if have backupcow; then
		add backupcow-idle "$(table idle "backupcow $lower 0 - 0 128")"
		add backupcow-done "$(table copied "backupcow $lower 0 $target 0 128 2 sync none")"
		copy_all "${DEVICE[backupcow-done]}"
	fi
	set_io_max "$limited"
	add io.max "$limited"
	modprobe dm-era
	add dm-era "$(table era "era $meta $lower 128")"
}

measure_subject() {
	local group=/sys/fs/cgroup
	[ "$1" != io.max ] || group+=/bench
	echo 0 >"$group/cgroup.procs"
	measure --engine "$2" --op "$3" --warm $WARM --count "$COUNT" "${DEVICE[$1]}"
	TOTAL[$1]=$MIDDLE
	MEAN[$1]=$((NS * 1000 / IOS))
	if [ "$IDLE_NS" != 0 ]; then
		note "$1 $2 $3: the processor slept $IDLE_NS ns: not a count of instructions"
		return 1
	fi
}

emit_round() {
	local subject base over
	for subject in "${SUBJECTS[@]}"; do
		base=linear over=
		if [ "$subject" = io.max ]; then
			base=bare over=',"over":"bare"'
		fi
		sample "$subject" "\"op\":\"$2\",\"engine\":\"$1\"$over" "$UNIT" \
			"$(thousandths $((TOTAL[$subject] - TOTAL[$base])))" \
			"\"total\":$(thousandths "${TOTAL[$subject]}"),\"mean\":$(thousandths "${MEAN[$subject]}")"
	done
}

one_round() {
	local engine=$1 op=$2 subject
	for subject in "${SUBJECTS[@]}"; do
		measure_subject "$subject" "$engine" "$op"
	done
}

set_up
for engine in io_uring libaio; do
	for op in read write; do
		note "$engine $op"
		one_round $engine $op
		for ((round = 0; round < ROUNDS; round++)); do
			one_round $engine $op
			emit_round $engine $op
		done
	done
done
