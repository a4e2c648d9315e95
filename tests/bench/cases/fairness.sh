#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How evenly the members of a group share its limit, as Jain's index of their shares (divided
# by their weights): 1 when all get the same, 1/n when one gets all. Every member always has
# I/Os waiting; with demand "tenfold" the first has ten times as many as the others.
# bench: seconds 900
# shellcheck source=../guest.sh
. ./guest.sh

UNIT="Jain index of the shares divided by weights"
LIMIT=4000

LOWER=$(nulldev lower 64)
SECTORS=$(sectors "$LOWER")

jain() { awk '{ x = $1 / $2; sum += x; squares += x * x } END { printf "%.6f", sum * sum / (NR * squares) }'; }

make_members() {
	local i
	for ((i = 0; i < ${#WEIGHTS[@]}; i++)); do
		dmsetup create "member$i" --table "0 $SECTORS qthrottle $LOWER 0 fair 4 iops-total $LIMIT weight ${WEIGHTS[i]}"
	done
}

# All begin at one instant, so that every window sees all of the others.
run_members() {
	local i depth start
	start=$(awk -v n=${#WEIGHTS[@]} '{ print $1 + 1 + n / 4 }' /proc/uptime)
	for ((i = 0; i < ${#WEIGHTS[@]}; i++)); do
		depth=32
		[ "$1" != tenfold ] || [ "$i" != 0 ] || depth=320
		./load --start "$start" --skip 2 --seconds 5 --depth $depth "/dev/mapper/member$i" >"/tmp/share$i" &
	done
	wait
}

# try DEMAND WEIGHT...
try() {
	local demand=$1 i value
	WEIGHTS=("${@:2}")
	make_members
	run_members "$demand"
	for ((i = 0; i < ${#WEIGHTS[@]}; i++)); do
		[[ $(<"/tmp/share$i") =~ \"ios\":([0-9]+) ]]
		echo "${BASH_REMATCH[1]} ${WEIGHTS[i]}"
		dmsetup remove "member$i"
	done >/tmp/shares
	value=$(jain </tmp/shares)
	note "$demand, weights ${WEIGHTS[*]}: shares $(cut -d' ' -f1 /tmp/shares | xargs), index $value"
	sample qthrottle "\"members\":${#WEIGHTS[@]},\"weights\":\"$(tr ' ' : <<<"${WEIGHTS[*]}")\",\"demand\":\"$demand\"" \
		"$UNIT" "$value"
}

# shellcheck disable=SC2046
equal() { printf '100 %.0s' $(seq "$1"); }

for members in 2 4 8 16; do
	# shellcheck disable=SC2046
	try equal $(equal $members)
	# shellcheck disable=SC2046
	try tenfold $(equal $members)
done
try equal 100 200 400
