#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a writer gets while the old data must be saved first: IOPS of 4 KiB writes as a fraction
# of dm-linear's. Patterns:
#   random      10,000 of the 65,536 blocks, each at most once, in an order without order; with
#               64 KiB clusters a good third of the writes meet a cluster not yet copied
#   sequential  block after block; with 64 KiB clusters one write of 16 is a first write
#   each        one write to each cluster: all are first writes (64 KiB only; with 4 KiB
#               clusters that is what "random" is)
# Beside it dm-snapshot (N: not kept over a reboot, P: kept) and a thin snapshot.
#
# All data devices are null_blk without memory behind it: what is measured is the work of
# getting I/Os to and fro, not that of copying bytes. A device is made anew for each run.
# bench: by name
# bench: seconds 1800
# shellcheck source=../guest.sh
. ./guest.sh

UNIT="IOPS as a fraction of dm-linear's"
COUNT=${COUNT:-10000}
MIB=256

lower=$(nulldev lower $MIB)
target=$(nulldev target $((MIB * 4)))
meta=$(nulldev meta 64 memory_backed=1)
SECTORS=$(sectors "$lower")

make_linear() { table origin "linear $lower 0"; }
drop_linear() { dmsetup remove origin; }

make_backupcow() { table origin "backupcow $lower 0 $target 0 $(($1 / 512)) 2 sync none"; }
drop_backupcow() { dmsetup remove origin; }

make_snapshot() {
	dmsetup create snap --table "0 $SECTORS snapshot $lower $target $2 $(($1 / 512))"
	table origin "snapshot-origin $lower"
}
make_dm-snapshot-N() { make_snapshot "$1" N; }
make_dm-snapshot-P() { make_snapshot "$1" P; }
drop_dm-snapshot-N() { dmsetup remove origin snap; }
drop_dm-snapshot-P() { dmsetup remove origin snap; }

# The volume is written once in full before its snapshot, so that there is something to share.
make_thin-snapshot() {
	dd if=/dev/zero of="$meta" bs=1M count=1 oflag=direct status=none
	dmsetup create pool --table "0 $((SECTORS * 3)) thin-pool $meta $target $(($1 / 512)) 0 1 skip_block_zeroing"
	dmsetup message pool 0 "create_thin 0"
	table origin "thin /dev/mapper/pool 0"
	./load --op write --order sequential --bs 65536 --count $((MIB * 16)) /dev/mapper/origin >/dev/null
	dmsetup suspend origin
	dmsetup message pool 0 "create_snap 1 0"
	dmsetup resume origin
}
drop_thin-snapshot() { dmsetup remove origin pool; }

# one SUBJECT PATTERN CLUSTER ENGINE: IOPS of one run
one() {
	local order=(--count "$COUNT" --order "$2")
	case $2 in
	random) order=(--count "$COUNT" --order shuffled) ;;
	each) order=(--count $((MIB * 16)) --order shuffled --stride "$3") ;;
	esac
	"make_$1" "$3" >/dev/null
	measure --engine "$4" --op write "${order[@]}" /dev/mapper/origin
	"drop_$1"
}

try() {
	local pattern=$1 cluster=$2 engine=$3 subjects=(linear backupcow dm-snapshot-N dm-snapshot-P) subject base
	[ "$cluster" = 4096 ] || subjects+=(thin-snapshot)
	for subject in "${subjects[@]}"; do
		one "$subject" "$pattern" "$cluster" "$engine"
		[ "$subject" != linear ] || { base=$NS && continue; }
		sample "$subject" "\"pattern\":\"$pattern\",\"cluster\":$cluster,\"engine\":\"$engine\"" "$UNIT" \
			"$(calc "$base / $NS")" "\"ns_per_io\":$(calc "$NS / $IOS"),\"idle_ns\":$IDLE_NS"
	done
}

modprobe -a dm-snapshot dm-thin-pool
for ((round = 0; round < ROUNDS; round++)); do
	for pattern in random sequential each; do
		for cluster in 4096 65536; do
			[ "$pattern $cluster" != "each 4096" ] || continue
			for engine in libaio io_uring; do
				[ $round != 0 ] || note "$pattern, cluster $cluster, $engine"
				try $pattern $cluster $engine
			done
		done
	done
done
