#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A target across a network, which is stopped, killed and restarted in the middle
# of a backup: whatever becomes of it, the origin goes on.

. ./lib.sh
without_udev

PORT=10809
# A server makes itself a prime number first, by chance: seconds of an emulated processor, or a minute.
TIME_LIMIT=480

field() { # field NAME NR: a word of the target's status, the first is 1
	dmsetup status "$1" | cut -d' ' -f$(($2 + 3))
}

state_is() { # state_is NAME STATE
	[ "$(field "$1" 1)" = "$2" ]
}

writers_wait() { # writers_wait NR
	[ "$(field top 8)" = "$1" ]
}

write_mib() { # write_mib NR: the first block of this MiB
	dd if=/dev/urandom of=/dev/mapper/top bs=4k count=1 \
		seek=$(($1 * 256)) oflag=direct conv=notrunc status=none
}

# serve DEVICE [NBD-CLIENT'S OPTION...]: a server for /tmp/image, and a device connected to it
serve() {
	nbd-server -C /dev/null -d "$PORT" /tmp/image >>server.log 2>&1 &
	SERVER=$!
	eventually 60 nbd-client 127.0.0.1 "$PORT" "$@"
}

# connect [NBD-CLIENT'S OPTION...]: an origin, and a target on a server that is on this machine
connect() {
	cd /tmp
	ORIGIN=$(memdev origin 16)
	noisy "$ORIGIN" 16
	dd if="$ORIGIN" of=old bs=1M iflag=direct status=none
	truncate -s 16M image
	modprobe nbd nbds_max=2
	serve /dev/nbd0 "$@"
	PLAIN="0 32768 linear $ORIGIN 0"
	BACKUP="0 32768 backupcow $ORIGIN 0 /dev/nbd0 0 128"
}

disconnect() { # disconnect DEVICE...
	local device
	dmsetup remove --retry top
	[ ! -e /dev/mapper/sink ] || dmsetup remove --retry sink
	for device; do nbd-client -d "$device"; done
	kill -KILL "$SERVER" 2>/dev/null || true
}

servers() { # servers SIGNAL: to the server and what it has forked
	kill "-$1" "$SERVER"
	pkill "-$1" -P "$SERVER" || true
}

backs_up() {
	connect
	table top "$BACKUP"
	eventually 60 state_is top concluded
	same "error" - "$(field top 4)"
	cmp old image
	disconnect /dev/nbd0
}
it "backs up to an NBD server" backs_up

is_stopped() {
	connect
	table top "$BACKUP 2 sync none"
	servers STOP
	write_mib 3 &
	local writer=$!
	eventually 60 writers_wait 1
	dmsetup suspend --noflush top
	dmsetup reload top --table "$PLAIN"
	dmsetup resume top
	wait "$writer"
	write_mib 5
	servers CONT
	fails cmp -s -n 4096 -i $((3 << 20)) old "$ORIGIN"
	disconnect /dev/nbd0
}
it "a server that is stopped holds the origin no longer than is wished" is_stopped

# A request that is sent while the connection dies is answered by nothing but the timeout.
is_killed() {
	connect -timeout 5
	table top "$BACKUP 2 speed 1048576"
	sleep 0.5
	servers KILL
	eventually 40 state_is top concluded
	same "error" EIO "$(field top 4)"
	write_mib 7
	disconnect /dev/nbd0
}
it "a server that is killed ends the backup, and nothing else" is_killed

has_copied() { # has_copied BYTES
	[ "$(field top 3 | cut -d/ -f1)" -ge "$1" ]
}

# As Documentation/dm-backupcow.rst says it is done: the target is a linear device, which
# can be given another connection while the backup holds it open.
is_restarted() {
	connect -timeout 5
	table sink "0 32768 linear /dev/nbd0 0"
	table top "${BACKUP/nbd0/mapper/sink} 4 speed 1048576 on-target-error stop"
	eventually 60 has_copied 1048576
	servers KILL
	eventually 60 state_is top paused
	same "I/O status" failed "$(field top 6)"
	fails write_mib 15
	serve /dev/nbd1
	dmsetup suspend sink
	dmsetup reload sink --table "0 32768 linear /dev/nbd1 0"
	dmsetup resume sink
	write_mib 15
	dmsetup message top 0 set-speed 0
	dmsetup message top 0 resume
	eventually 60 state_is top concluded
	same "error" - "$(field top 4)"
	same "snapshot" intact "$(field top 5)"
	cmp old image
	disconnect /dev/nbd0 /dev/nbd1
}
it "a server that is restarted gets the rest of the backup" is_restarted

finish
