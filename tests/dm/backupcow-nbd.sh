#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A target across a network, which is stopped and killed in the middle of a
# backup: whatever becomes of it, the origin goes on.

. ./lib.sh
without_udev

PORT=10809

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

# connect [NBD-CLIENT'S OPTION...]: an origin, and a target on a server that is on this machine
connect() {
	cd /tmp
	ORIGIN=$(memdev origin 16)
	noisy "$ORIGIN" 16
	dd if="$ORIGIN" of=old bs=1M iflag=direct status=none
	truncate -s 16M image
	modprobe nbd nbds_max=1
	nbd-server -C /dev/null -d "$PORT" /tmp/image >server.log 2>&1 &
	SERVER=$!
	eventually 60 nbd-client 127.0.0.1 "$PORT" /dev/nbd0 "$@"
	PLAIN="0 32768 linear $ORIGIN 0"
	BACKUP="0 32768 backupcow $ORIGIN 0 /dev/nbd0 0 128"
}

disconnect() {
	dmsetup remove --retry top
	nbd-client -d /dev/nbd0
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
	disconnect
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
	disconnect
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
	disconnect
}
it "a server that is killed ends the backup, and nothing else" is_killed

finish
