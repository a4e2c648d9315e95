#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The throttle as its users meet it: table lines, messages and configfs as
# three doors to one set of rules, groups, suspend and removal with requests
# waiting. What needs exact time is in qthrottle-rates.sh.

. ./lib.sh
without_udev

SECTORS=32768
CONFIG=/sys/kernel/config/qthrottle

line() { # line REST: a table line over a 16 MiB memory device
	echo "0 $SECTORS qthrottle $(memdev mem 16) $1"
}

status() { # status NAME NR: a word of the target's status, the group is 1
	dmsetup status "$1" | cut -d' ' -f$(($2 + 3))
}

waits() { [ "$(status "$1" 9)" -gt "$2" ]; } # waits NAME MORE-THAN

throttled_writes() { # throttled_writes NAME COUNT: that many in flight at once
	fio --name=w --filename="/dev/mapper/$1" --rw=randwrite --bs=4k \
		--direct=1 --ioengine=libaio --iodepth="$2" --number_ios="$2" \
		--size=8m --output=fio-"$1".log
}

round_trips() {
	local text
	table t "$(line "0 - 6 bps-total 1048576 iops-read 100 iops-read-max 200")"
	text=$(dmsetup table t)
	reload t "$text"
	same "table" "$text" "$(dmsetup table t)"
	dmsetup message t 0 limits iops-read 150
	dmsetup table t | grep -q "iops-read 150 iops-read-max 200"
}
it_in_full "prints its limits as a line that can be loaded again" round_trips

# Rates are high, in case udev reads some blocks of each new device.
all_nineteen() {
	local words="bps-read 10000001 bps-read-max 10000002 bps-read-max-length 3"
	words+=" bps-write 4 bps-write-max 5 bps-write-max-length 6"
	words+=" iops-read 7000 iops-read-max 8000 iops-read-max-length 9"
	words+=" iops-write 10 iops-write-max 11 iops-write-max-length 12 iops-size 13"
	table t "$(line "0 - 26 $words")"
	same "options" "26 $words" "$(dmsetup table t | cut -d' ' -f7-)"
	words="bps-total 10000001 bps-total-max 20000000 bps-total-max-length 3"
	words+=" iops-total 4000 iops-total-max 5000 iops-total-max-length 6"
	reload t "$(line "0 - 12 $words")"
	same "options" "12 $words" "$(dmsetup table t | cut -d' ' -f7-)"
}
it_on_stock "knows all 19 limits" all_nineteen

refused() { # refused OPTIONS TEXT: by the line, the message and configfs
	local -a words
	local said door
	read -ra words <<<"$1"
	echo "qdm-test tries: $1" >/dev/kmsg
	fails dmsetup reload t --table "$(line "0 - ${#words[@]} $1")"
	fails dmsetup message -- t 0 limits "${words[@]}"
	fails write_limits "${words[@]}"
	said=$(dmesg | tail -30)
	said=${said##*"qdm-test tries: $1"}
	for door in "qthrottle: " "message refused: " "limits refused: "; do
		[[ $said == *"$door$2"* ]] || { echo "$1: no '$door$2' in: $said" && return 1; }
	done
}

write_limits() { # write_limits LIMIT VALUE...
	local text=
	while [ $# -gt 0 ]; do
		text+="$1=$2 "
		shift 2
	done
	echo "$text" >"$CONFIG"/g/limits
}

three_doors() {
	local before
	table t "$(line "0 g 2 iops-write 1000")"
	before=$(cat "$CONFIG"/g/limits)
	refused "iops-write 0 iops-size 4096" "iops size requires an iops value to be set"
	refused "bps-read 18446744073709551616" "bps/iops/max values must be within [0, 1000000000000000]: bps-read 18446744073709551616"
	refused "bps-reed 5" "unknown option 'bps-reed'"
	refused "iops-read 5 iops-read 6" "iops-read is given twice"
	refused "iops-read 1.5" "iops-read must be a whole number within"
	refused "iops-size -1" "iops-size must be a whole number within"
	refused "iops-read 1 iops-size 9223372036854775808" "iops-size must be within [0, 9223372036854775807]"
	same "limits" "$before" "$(cat "$CONFIG"/g/limits)"
}
it_on_stock "refuses bad limits at all three doors, and changes nothing" three_doors

conflicts() { # conflicts KIND
	local text="bps/iops/max total values and read/write values cannot be used at the same time"
	refused "$1-total 1 $1-read 1" "$text: $1-total 1"
	refused "$1-total 1 $1-write 1" "$text: $1-total 1"
	refused "$1-total 1 $1-read 1 $1-write 1" "$text: $1-total 1"
	refused "$1-total-max 1 $1-write-max 1" "$text: $1-total-max 1"
}

wrong_numbers() { # wrong_numbers LIMIT
	refused "$1 -1" "bps/iops/max values must be within [0, 1000000000000000]: $1 -1"
	refused "$1-max-length 4294967296" "$1-max-length value must be in the range [0, 4294967295]"
}

out_of_range() { # out_of_range LIMIT
	refused "$1 1000000000000001" "bps/iops/max values must be within [0, 1000000000000000]: $1 1000000000000001"
	refused "$1 1 $1-max 1000000000000001" "bps/iops/max values must be within [0, 1000000000000000]: $1 1 $1-max 1000000000000001"
	refused "$1 1 $1-max-length 0" "the burst length cannot be 0: $1 1 $1-max-length 0"
	refused "$1 1 $1-max-length 2" "burst length set without burst rate: $1 1 $1-max-length 2"
	refused "$1 1 $1-max 1000000000000 $1-max-length 1001" "burst length too high for this burst rate: $1 1 $1-max 1000000000000 $1-max-length 1001"
	refused "$1-max 1" "bps_max/iops_max require corresponding bps/iops values: $1-max 1"
	refused "$1 100 $1-max 30" "bps_max/iops_max cannot be lower than bps/iops: $1 100 $1-max 30"
	refused "$1-max-length -1" "$1-max-length value must be in the range [0, 4294967295]"
}

# Of the other kind something is limited, so that there is something to change.
qemus_texts() { # qemus_texts KIND OTHER-KIND
	local before which
	table t "$(line "0 g 2 $2-write 100000")"
	before=$(cat "$CONFIG"/g/limits)
	conflicts "$1"
	out_of_range "$1-total"
	for which in total read write; do
		wrong_numbers "$1-$which"
	done
	same "limits" "$before" "$(cat "$CONFIG"/g/limits)"
}
it_on_stock "refuses bytes out of range with QEMU's texts at all three doors" qemus_texts bps iops
it_on_stock "refuses operations out of range likewise" qemus_texts iops bps

bad_names() {
	local name
	for name in . .. "a/b" "grüppe" "a b" "$(printf 'x%.0s' {1..64})"; do
		fails dmsetup create bad --table "$(line "0 ${name// /\\ } 2 iops-read 5")"
		fails mkdir "$CONFIG/$name"
	done
	fails mkdir "$CONFIG"/-
	mkdir "$CONFIG/$(printf 'x%.0s' {1..63})"
	rmdir "$CONFIG"/x*
	fails dmsetup create bad --table "$(line 0)"
	log_says "needed are: <dev> <offset> <group>"
	fails dmsetup create bad --table "$(line "0 - 2 weight 0")"
	log_says "weight must be within [1, 1000]"
}
it_on_stock "refuses bad group names and short lines" bad_names

cannot_rmdir() { # cannot_rmdir GROUP REASON
	local said
	said=$(rmdir "$CONFIG/$1" 2>&1) && { echo "rmdir $1 should have failed" && return 1; }
	[[ $said == *"$2"* ]] || { echo "rmdir $1: expected '$2', got: $said" && return 1; }
}

group_life() {
	local dev
	dev=$(memdev mem 16)
	test ! -e "$CONFIG"/auto
	table a "0 8192 qthrottle $dev 0 auto 2 iops-total 5000"
	table b "0 8192 qthrottle $dev 8192 auto"
	grep -qx iops-total=5000 "$CONFIG"/auto/limits
	same "members" 2 "$(wc -l <"$CONFIG"/auto/members)"
	same "table of one that joined" "0 8192 qthrottle $(lsblk -dno MAJ:MIN "$dev" | tr -d " ") 8192 auto" "$(dmsetup table b)"
	cannot_rmdir auto "Operation not permitted"
	dmsetup remove a
	grep -qx iops-total=5000 "$CONFIG"/auto/limits
	dmsetup remove b
	test ! -e "$CONFIG"/auto
}
it "makes a group with the first line that names it, and drops it with the last" group_life

made_by_hand() {
	mkdir "$CONFIG"/mine
	echo "bps-total=1000000 bps-total-max=2000000" >"$CONFIG"/mine/limits
	table t "$(line "0 mine")"
	cannot_rmdir mine "Device or resource busy"
	dmsetup suspend t
	cannot_rmdir mine "Device or resource busy"
	dmsetup resume t
	dmsetup remove t
	grep -qx bps-total-max=2000000 "$CONFIG"/mine/limits
	rmdir "$CONFIG"/mine
}
it "keeps a group made by mkdir until rmdir, which is refused while in use" made_by_hand

unused_table() {
	table t "$(line "0 g 2 iops-read 100")"
	dmsetup load t --table "$(line "0 g 2 iops-read 7")"
	grep -qx iops-read=100 "$CONFIG"/g/limits
	dmsetup clear t
	grep -qx iops-read=100 "$CONFIG"/g/limits
	same "members" 1 "$(wc -l <"$CONFIG"/g/members)"
}
it "does nothing for a table that is loaded and cleared again" unused_table

limits_reach_waiting() {
	table t "$(line "0 - 2 iops-write 1")"
	throttled_writes t 32 &
	eventually 60 waits t 20
	dmsetup message t 0 limits iops-write 0
	wait $!
	same "waiting" 0 "$(status t 9)"
	test "$(status t 10)" -gt 20
}
it "applies a new limit to what already waits" limits_reach_waiting

shows_groups_in_debugfs() {
	local groups=/sys/kernel/debug/dm-qthrottle/groups number
	table t "$(line "0 - 2 iops-write 1")"
	number=$(dmsetup info -c --noheadings -o major,minor t)
	throttled_writes t 8 &
	eventually 60 waits t 5
	eventually 60 grep "^group -: 0 reads and [1-9][0-9]* writes wait, the next may go in [0-9]* us; 0 devices owe$" "$groups"
	grep "^  iops-write 1: [1-9][0-9]*% full$" "$groups"
	grep "^  device $number, weight 100: 0 reads and [1-9][0-9]* writes wait$" "$groups"
	dmsetup message t 0 limits iops-write 0
	wait $!
	dmsetup remove t
	same "groups" "" "$(cat "$groups")"
}
it "shows its groups to people who read debugfs" shows_groups_in_debugfs

suspend_lets_go() { # suspend_lets_go OPTION...
	table t "$(line "0 - 2 bps-write 1")"
	throttled_writes t 64 &
	eventually 60 waits t 40
	timeout 60 dmsetup suspend "$@" t
	dmsetup resume t
	wait $!
	same "waiting" 0 "$(status t 9)"
	throttled_writes t 4 &
	eventually 60 waits t 0
	dmsetup message t 0 limits bps-write 0
	wait $!
}
it "lets what waits go when it suspends, and throttles again after" suspend_lets_go
it "does so without flush, too" suspend_lets_go --noflush

# A signal ends a suspend that waits for the device below: then presuspend is undone.
undone_suspend() {
	local dev reader writer
	dev=$(memdev mem 16)
	table lower "0 $SECTORS linear $dev 0"
	table t "0 $SECTORS qthrottle /dev/mapper/lower 0 - 2 bps-write 1"
	dmsetup suspend lower
	dd if=/dev/mapper/t of=/dev/null bs=4k count=1 iflag=direct status=none &
	reader=$!
	eventually 60 in_flight t 1
	fails timeout -s INT 2 dmsetup suspend --nolockfs t
	dmsetup info t | grep -q "State: *ACTIVE"
	dmsetup resume lower
	wait "$reader"
	throttled_writes t 16 &
	writer=$!
	eventually 60 waits t 8
	dmsetup message t 0 limits bps-write 0
	wait "$writer"
}
in_flight() { # in_flight NAME READS
	local reads writes
	read -r reads writes <"$(sysfs "$1")/inflight"
	[ "$reads" = "$2" ] && [ "$writes" = 0 ]
}
it "throttles again after a suspend that was broken off" undone_suspend

stacked() {
	local dev suspend
	dev=$(memdev mem 16)
	table lower "0 $SECTORS qthrottle $dev 0 - 2 bps-write 1"
	table t "0 $SECTORS qthrottle /dev/mapper/lower 0 - 2 bps-write 1"
	throttled_writes t 16 &
	eventually 60 waits t 8
	dmsetup suspend t &
	suspend=$!
	eventually 60 waits lower 8
	same "waiting above" 0 "$(status t 9)"
	kill -0 "$suspend"
	dmsetup message lower 0 limits bps-write 0
	wait "$suspend"
	same "waiting below" 0 "$(status lower 9)"
	dmsetup resume t
	wait
}
it "waits, when it suspends, for a throttle below, and no longer" stacked

# A queue of requests takes so many and then lets nobody in, until it is resumed.
blocked_below() {
	local dev depth=/sys/module/dm_mod/parameters/dm_mq_queue_depth before
	dev=$(memdev mem 16)
	modprobe dm-multipath
	modprobe dm-round-robin
	before=$(<"$depth")
	echo 4 >"$depth"
	table lower "0 $SECTORS multipath 0 0 1 1 round-robin 0 1 0 $dev"
	echo "$before" >"$depth"
	table t "0 $SECTORS qthrottle /dev/mapper/lower 0 - 2 bps-write 1"
	throttled_writes t 24 &
	eventually 60 waits t 20
	dmsetup suspend --noflush lower
	fails timeout -s INT 2 dmsetup suspend --nolockfs t
	dmsetup info t | grep -q "State: *ACTIVE"
	dmsetup message t 0 limits bps-write 0
	dmsetup resume lower
	wait
}
it_on_stock "lets who suspends lose patience with a device below that takes nothing more" blocked_below # no multipath on debug

numbers() { dmsetup status "$1" | cut -d' ' -f5-; } # numbers NAME: the statistics

keeps_stats() {
	local before
	table t "$(line "0 g 2 bps-write 1")"
	throttled_writes t 32 &
	eventually 60 waits t 20
	reload t "$(line "0 g 2 iops-write 100000")"
	wait $!
	before=$(numbers t)
	test "$(status t 10)" -gt 20
	same "the group's" "write-delayed=$(status t 10)" "$(grep write-delayed= "$CONFIG"/g/stats)"
	reload t "$(line "0 - 2 iops-write 100000")"
	same "statistics after a reload" "$before" "$(numbers t)"
	reload t "$(line "0 g")"
	same "statistics after another" "$before" "$(numbers t)"
	reload t "0 $SECTORS linear $(memdev mem 16) 0"
	reload t "$(line "0 -")"
	same "statistics of a new filter" "0 0 0 0 0 0 0 0 0 0 0 0 0 0" "$(numbers t)"
}
it_in_full "keeps its statistics over a reload" keeps_stats

group_keeps_stats() {
	local dev before
	dev=$(memdev mem 16)
	table a "0 16384 qthrottle $dev 0 g 2 bps-write 1"
	table b "0 16384 qthrottle $dev 16384 g"
	throttled_writes a 32 &
	eventually 60 waits a 20
	dmsetup suspend a
	grep -qx write-waiting=0 "$CONFIG"/g/stats
	dmsetup resume a
	wait $!
	before=$(grep write-delay "$CONFIG"/g/stats)
	dmsetup remove a
	same "statistics without the member" "$before" "$(grep write-delay "$CONFIG"/g/stats)"
}
it_in_full "counts in a group's statistics members that have left" group_keeps_stats

refuses_zoned() {
	local dir=/sys/kernel/config/nullb/qm-zoned node=/dev/qm-zoned
	memdev mem 16 >/dev/null
	mkdir "$dir"
	echo 1 >"$dir/zoned"
	echo 4 >"$dir/zone_size"
	echo 64 >"$dir/size"
	echo 1 >"$dir/power"
	[ -e "/sys/block/qm-zoned" ] || node=/dev/nullb$(cat "$dir/index")
	eventually 10 test -b "$node"
	fails dmsetup create z --table "0 131072 qthrottle $node 0 -"
	log_says "'$node' is zoned: throttled writes would not stay in order"
}
it_in_full "refuses a zoned device, and says why" refuses_zoned

traced() {
	local events=/sys/kernel/tracing trace
	table t "$(line "0 - 2 bps-write 1")"
	echo 1 >"$events"/events/qthrottle/enable
	throttled_writes t 8 &
	eventually 60 waits t 5
	dmsetup suspend t
	dmsetup resume t
	wait $!
	echo 0 >"$events"/events/qthrottle/enable
	trace=$(grep qthrottle_ "$events"/trace)
	echo >"$events"/trace
	same "throttled" "$(status t 10)" "$(grep -c "qthrottle_throttle: .* write 4096 bytes at .* full bps-write next in" <<<"$trace")"
	same "released" "$(status t 10)" "$(grep -c "qthrottle_release: .* write 4096 bytes at .* waited .* ns" <<<"$trace")"
	grep -q "drained, 0 waiting" <<<"$trace"
	grep -q "$(cat "$(sysfs t)/dev") write" <<<"$trace"
}
it_in_full "traces each request that waits, and when it goes" traced

others_go_on() {
	local dev
	dev=$(memdev mem 16)
	table a "0 16384 qthrottle $dev 0 g 2 iops-write 20"
	table b "0 16384 qthrottle $dev 16384 g"
	fio --name=w --filename=/dev/mapper/b --rw=randwrite --bs=4k --direct=1 \
		--ioengine=libaio --iodepth=8 --number_ios=60 --size=8m --output=b.log &
	fio --name=w --filename=/dev/mapper/a --rw=randwrite --bs=4k --direct=1 \
		--ioengine=libaio --iodepth=8 --number_ios=60 --size=8m --output=a.log &
	sleep 1
	reload a "0 16384 linear $dev 0"
	wait
	same "waiting" 0 "$(status b 9)"
}
it "lets the others go on when a member leaves" others_go_on

# io_uring marks its first attempt NOWAIT; once it has waited with us it must
# wait for the device below, too, and not fail.
waits_below() {
	local dev
	dev=$(memdev mem 16)
	table lower "0 32768 linear $dev 0"
	table t "0 32768 qthrottle /dev/mapper/lower 0 - 2 iops-write 200"
	fio --name=w --filename=/dev/mapper/t --rw=randwrite --bs=4k --direct=1 \
		--ioengine=io_uring --iodepth=64 --number_ios=400 --size=16m --output=fio.log &
	sleep 0.5
	dmsetup suspend lower
	sleep 1
	dmsetup resume lower
	wait $! || { cat fio.log; return 1; }
}
it "waits for a suspended device below without an error" waits_below

no_debt() {
	local dev begin
	dev=$(memdev mem 16)
	table a "0 16384 qthrottle $dev 0 g 2 iops-write 20"
	table b "0 16384 qthrottle $dev 16384 g"
	throttled_writes a 2000 &
	eventually 60 waits a 1000
	reload a "0 16384 linear $dev 0"
	begin=$SECONDS
	dd if=/dev/zero of=/dev/mapper/b bs=4k count=4 oflag=direct status=none
	test $((SECONDS - begin)) -lt 30 # by their debt it would be fifty
	wait
}
it "does not make the others pay for what a drained member had waiting" no_debt

in_and_out() {
	local dev round
	dev=$(memdev wide 18)
	table t "0 $SECTORS linear $dev 0"
	load t --filename=/dev/mapper/t --rw=randrw --bs=4k --iodepth=32 --size=16m
	for round in 50 500 5000; do
		reload t "0 $SECTORS qthrottle $dev 0 - 2 iops-total $round"
		reload t "0 $SECTORS qthrottle $dev 0 g 2 iops-total $round"
		dmsetup rename t u && dmsetup rename u t
		reload t "0 $((SECTORS + 4096)) qthrottle $dev 0 g 2 iops-total $round"
		reload t "0 $SECTORS linear $dev 0"
	done
	load_ends
	modprobe -r dm-qthrottle
}
it "goes in and out under load, and its module after it" in_and_out

# What a file system reads to find a file is marked REQ_META. What ext4 of 6.1 reads ahead of
# inodes is not, and whoever wants such a block waits for it.
urgent_passes() {
	local dir=/tmp/mnt
	table t "$(line "0 - 2 urgent pass")"
	mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 /dev/mapper/t
	mkdir "$dir"
	mount -o noatime,inode_readahead_blks=0 /dev/mapper/t "$dir"
	mkdir "$dir"/a && touch "$dir"/a/file
	umount "$dir"
	mount -o ro,inode_readahead_blks=0 /dev/mapper/t "$dir"
	dmsetup message t 0 limits bps-read 1
	throttled_reads t 16 &
	eventually 60 reads_wait t 8
	timeout 60 ls "$dir"/a/file
	reads_wait t 0
	dmsetup message t 0 limits bps-read 0
	wait $!
	umount "$dir"
	reload t "$(line "0 - 2 urgent wait")"
	dmsetup table t | grep -q "2 urgent wait$"
	mount -o ro,inode_readahead_blks=0 /dev/mapper/t "$dir"
	dmsetup message t 0 limits bps-read 1
	throttled_reads t 8 &
	eventually 60 reads_wait t 4
	ls "$dir"/a/file &
	eventually 60 reads_wait t 7 # the seven, and ls
	dmsetup message t 0 limits bps-read 0
	wait
	umount "$dir"
}
reads_wait() { [ "$(status "$1" 2)" -gt "$2" ]; } # reads_wait NAME MORE-THAN
throttled_reads() { # throttled_reads NAME COUNT
	fio --name=r --filename="/dev/mapper/$1" --rw=randread --bs=4k --direct=1 \
		--ioengine=libaio --iodepth="$2" --number_ios="$2" --size=8m --readonly \
		--output=fio-"$1".log
}
it_in_full "lets metadata pass, or makes it wait, as it is told" urgent_passes

flush_passes() {
	table t "$(line "0 - 2 iops-write 1")"
	throttled_writes t 8 &
	eventually 60 waits t 4
	timeout 60 dd if=/dev/null of=/dev/mapper/t conv=fsync,notrunc status=none
	test "$(status t 9)" -gt 0
	dmsetup message t 0 limits iops-write 0
	wait $!
}
it_in_full "never holds up a flush" flush_passes

as_linear() { # as_linear DEVICE
	local sectors
	sectors=$(blockdev --getsz "$1")
	table plain "0 $sectors linear $1 0"
	table t "0 $sectors qthrottle $1 0 -"
	attributes plain >expected
	attributes t >found
	test -s expected
	diff expected found
}
keeps_features() { as_linear "$(memdev mem 16)"; }
it_on_stock "takes no feature from the device below" keeps_features

keeps_scsi_features() {
	local disk="/sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*/block/*"
	modprobe sd_mod
	modprobe scsi_debug dev_size_mb=16 delay=0 dif=1 dix=1 lbpu=1 lbpws=1
	eventually 30 compgen -G "$disk"
	as_linear "/dev/$(basename "$(compgen -G "$disk")")"
	grep -q ^integrity/format: found
}
it_on_stock "takes none from a disk with integrity and discards either" keeps_scsi_features

# Persistent memory works by requests; a table that offers DAX cannot be replaced by one
# that does not.
offers_no_dax() {
	local sectors
	modprobe nd_e820
	modprobe nd_pmem
	eventually 10 test -b /dev/pmem0
	sectors=$(blockdev --getsz /dev/pmem0)
	table t "0 $sectors qthrottle /dev/pmem0 0 - 2 iops-write 50"
	same "dax" 0 "$(cat "$(sysfs t)"/queue/dax)"
	dd if=/dev/urandom of=/dev/mapper/t bs=4k count=40 oflag=direct status=none
	test "$(status t 10)" -gt 0
	dmsetup remove t
	table live "0 $sectors linear /dev/pmem0 0"
	fails dmsetup reload live --table "0 $sectors qthrottle /dev/pmem0 0 -"
	log_says "can't change device type"
}
it_on_stock "works on persistent memory by requests, and only so" offers_no_dax

finish
