#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A backup does its work in kernel threads, which a kernel that is not preempted takes no
# processor from: they have to let others run by themselves. In the deterministic lane, where
# there is one processor and no other machine's load, how long they hold it can be measured;
# and how long who waits may wait.
. ./lib.sh
needs_lane icount
without_udev

# Guest time flies while the host reads a program from its disk.
TIME_LIMIT=1200
PREEMPT=/sys/kernel/debug/sched/preempt

state_is() { # state_is NAME STATE
	[ "$(dmsetup status "$1" | cut -d' ' -f4)" = "$2" ]
}

nothing_in_flight() { [ "$(dmsetup status "$1" | cut -d' ' -f10)" = 0 ]; } # NAME

stripes() { # stripes DEVICE: 16 MiB, every other 4 KiB of zeroes
	head -c 4096 /dev/zero | tr '\0' x >stripes
	truncate -s 8192 stripes
	for _ in {1..11}; do cp stripes half && cat half >>stripes; done
	dd if=stripes of="$1" bs=1M oflag=direct status=none
}

# Stripes are written one by one, and a target that answers at once calls for the next one
# before the last is dealt with.
lets_others_run() {
	local origin longest preempt dir=$PWD
	program turns turns.c
	grep -q none "$PREEMPT" || skip "this kernel cannot be told not to preempt"
	cd /tmp
	origin=$(memdev origin 16)
	stripes "$origin"
	table sink "0 32768 zero"
	table top "0 32768 backupcow $origin 0 /dev/mapper/sink 0 8 4 detect-zeroes on speed 1"
	preempt=$(sed 's/.*(\(.*\)).*/\1/' "$PREEMPT")
	echo none >"$PREEMPT"
	"$dir/turns" >longest &
	dmsetup message top 0 set-speed 0
	eventually 60 state_is top concluded
	kill $!
	wait $!
	echo "$preempt" >"$PREEMPT"
	longest=$(cat longest)
	echo "others had to wait for $longest us at the most"
	[ "$longest" -lt 8000 ]
}
it "lets others run between the pieces of what it writes" lets_others_run

# Memory for a sixteenth of the discard at a time, and each copy takes 4 s.
goes_by_progress() {
	local origin target before
	origin=$(memdev origin 16) target=$(memdev target 16)
	noisy "$origin" 16
	dd if="$origin" of=old bs=1M iflag=direct status=none
	modprobe dm-backupcow
	modprobe dm-delay
	echo 1 >/sys/module/dm_backupcow/parameters/max_copy_memory_mib
	table sink "0 32768 delay $target 0 0 $target 0 4000"
	table top "0 32768 backupcow $origin 0 /dev/mapper/sink 0 128 6 sync none on-cbw-error break-snapshot cbw-timeout 10"
	before=$SECONDS
	blkdiscard /dev/mapper/top
	echo "it took $((SECONDS - before)) s"
	[ $((SECONDS - before)) -gt 20 ]
	same "state" running "$(dmsetup status top | cut -d' ' -f4)"
	eventually 20 nothing_in_flight top
	cmp old "$target"
}
it "does not time a large discard out while its copies come along" goes_by_progress

# A disk that answers 32 requests at a time, each after 4 ms, and below a page cache's 32 MiB of
# single blocks that are to be copied before, one by one.
flooded() { # flooded COMMAND...: begins to write them
	LOWER=''
	cd /tmp
	nulldev slow size=256 irqmode=2 completion_nsec=4000000 submit_queues=1 hw_queue_depth=32 blocksize=512
	table top "0 524288 backupcow $LOWER 0 $(memdev target 256) 0 8 2 sync none"
	table up "0 524288 linear /dev/mapper/top 0" # a page cache of its own
	dd if=/dev/zero of=/dev/mapper/up bs=4k count=1 seek=60000 oflag=direct conv=notrunc status=none
	exec {KEPT}<>/dev/mapper/top # the last to close it would write all of it back
	fio --name=flood --filename=/dev/mapper/top --rw=randwrite --bs=4k --size=128m --norandommap \
		--io_size=32m --ioengine=psync --output=fio.log
	"$@" &
	FLOOD=$!
	eventually 30 many_wait
}
waiting() { dmsetup status top | cut -d' ' -f11; }
many_wait() { [ "$(waiting)" -ge 900 ]; }
none_wait() { [ "$(waiting)" = 0 ]; }

# What it takes alone is one copy and one write, of 4 ms each.
one_write() {
	guest_ms dd if=/dev/zero of=/dev/mapper/up bs=4k count=1 seek="$1" oflag=direct conv=notrunc status=none
	echo "one write took $MS ms beside $(waiting) that waited"
	[ "$(waiting)" -ge 200 ]
}

beside_writeback() {
	flooded sysctl -q vm.dirty_background_bytes=4096
	one_write 61000
	[ "$MS" -le 200 ]
	sysctl -q vm.dirty_background_ratio=10
	dmsetup message top 0 cancel
	exec {KEPT}>&-
}
it "lets a write that somebody waits for pass those of the page cache" beside_writeback

beside_fsync() {
	flooded sync /dev/mapper/top
	[ "$(waiting)" -le 1100 ]
	one_write 61000
	[ "$MS" -le 800 ]
	[ "$(waiting)" -le 1100 ]
	dmsetup suspend --noflush top
	none_wait
	dmsetup resume top
	eventually 10 many_wait
	dmsetup message top 0 cancel
	wait "$FLOOD"
	exec {KEPT}>&-
}
it "lets no flood of writes that are waited for in, but a bounded number at a time" beside_fsync

# Loading over a loaded table waits for all who are in map().
beside_hung_flood() {
	local flood line
	table sink "0 131072 linear $(memdev target 64) 0"
	line="0 131072 backupcow $(memdev origin 64) 0 /dev/mapper/sink 0 8 2 sync none"
	table top "$line"
	dmsetup suspend --noflush sink
	fio --name=flood --filename=/dev/mapper/top --rw=randwrite --bs=4k --direct=1 --ioengine=libaio \
		--iodepth=1100 --number_ios=1100 --output=fio.log &
	flood=$!
	eventually 60 one_too_many
	dmsetup load top --table "$line"
	timeout 60 dmsetup load top --table "$line"
	timeout 60 dmsetup clear top
	dmsetup resume sink
	wait "$flood"
}
one_too_many() { [ "$(waiting)" -ge 1024 ]; }
it "lets the device's table be changed beside a flood whose target hangs" beside_hung_flood

finish
