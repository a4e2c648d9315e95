#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The project's units under a systemd that really starts them: those of events, which
# extend a volume or put a filter back, and the QMP socket, whose first client brings the server. systemd is
# process 1 of a namespace of its own and starts udevd there, as on any machine, instead of the
# guest's. Debian 12's guest has no systemd, and the units are the same everywhere: on one kernel.

# shellcheck source=../dm/lib.sh
. ./lib.sh
needs_kernel latest
without_udev

inside() { nsenter --target "$SYSTEMD" --pid --mount "$@"; }
is_up() { inside systemctl is-active --quiet tests.target && inside udevadm control --ping; }

# leave_out UNIT...: what a whole machine would start, too
leave_out() {
	local unit
	for unit in "${@##*/}"; do
		[ "$unit" = systemd-udevd.service ] || ln -sf /dev/null "/run/systemd/system/$unit"
	done
}

# What is to see its mounts has to be inside, too.
start_systemd() {
	local manager
	trap stop_systemd EXIT
	unset DM_DISABLE_UDEV
	mkdir -p /run/systemd/system
	printf '[Unit]\nDefaultDependencies=no\nWants=systemd-udevd.service\n' >/run/systemd/system/tests.target
	leave_out systemd-journald.service /usr/lib/systemd/system/sysinit.target.wants/*
	unshare --pid --fork --mount-proc --kill-child env -i container=qdm PATH="$PATH" \
		/usr/lib/systemd/systemd --system --unit=tests.target --log-target=null &
	manager=$!
	eventually 5 pgrep -P "$manager"
	SYSTEMD=$(pgrep -P "$manager")
	eventually 30 is_up
}

stop_systemd() {
	kill -KILL "$SYSTEMD"
	wait
	rm -rf /run/systemd /etc/qdm/extend.conf
}

# note_starts UNIT: each start of it leaves its name
note_starts() {
	mkdir -p "/run/systemd/system/$1@.service.d"
	printf '[Service]\nExecStartPost=/bin/sh -c "echo %%I >>/run/qdm/started"\n' \
		>"/run/systemd/system/$1@.service.d/note.conf"
	rm -f /run/qdm/started
}

has_grown() { [ "$(blockdev --getsize64 /dev/mapper/data)" = $((128 << 20)) ]; }
has_started() { [ "$(cat /run/qdm/started)" = "$1" ]; }

extends() {
	note_starts qdm-extend
	start_systemd
	volume_group 320
	qdm exec "{'execute': 'blockdev-add', 'arguments': {'driver': 'write-threshold',
		'node-name': 'data', 'file': '/dev/vg/lv', 'write-threshold': $((16 << 20))}}"
	mkdir -p /mnt/data /etc/qdm
	inside mount /dev/mapper/data /mnt/data
	echo "data 64M 1T 48M" >/etc/qdm/extend.conf
	inside dd if=/dev/zero of=/mnt/data/file bs=1M count=40 oflag=direct
	eventually 30 has_grown
	eventually 30 has_started data:1
	test "$(inside df --output=size -m /mnt/data | tail -n 1)" -gt 90
	inside umount /mnt/data
}
it "extends a volume by the unit that its event starts" extends

is_limited() { [ "$(dmsetup table vg-lv)" = "0 $1 qguard $(dmsetup info -c --noheadings -o major,minor --separator : vg-lv-throttle) 0" ]; }

puts_back() {
	note_starts qdm-put-back
	start_systemd
	volume_group 320
	qdm throttle vg-lv iops-total=5000
	is_limited 131072
	lvextend -qq -L+4M vg/lv
	eventually 30 is_limited 139264
	eventually 30 grep -qx '[0-9]*' /run/qdm/started
	vgchange -qq -an vg
	eventually 30 fails test -e /dev/mapper/vg-lv-root
}
it "puts a filter back by the unit that LVM's event starts, and removes it with its volume" puts_back

# A threshold that has fired before there was a line is answered when it comes.
has_fired() { [ "$(qdm show data state)" = fired ]; }
watches() { inside systemctl is-active --quiet qdm-grow.path; }

answers_later() {
	start_systemd
	volume_group 320
	qdm exec "{'execute': 'blockdev-add', 'arguments': {'driver': 'write-threshold',
		'node-name': 'data', 'file': '/dev/vg/lv', 'write-threshold': $((16 << 20))}}"
	mkdir -p /mnt/data /etc/qdm
	echo "# none" >/etc/qdm/extend.conf
	inside mount /dev/mapper/data /mnt/data
	inside dd if=/dev/zero of=/mnt/data/file bs=1M count=40 oflag=direct
	eventually 30 has_fired
	eventually 30 watches
	echo "data 64M 1T 48M" >/etc/qdm/extend.conf
	eventually 60 has_grown
	inside umount /mnt/data
}
it "answers a threshold that has fired when its line comes later" answers_later

client() {
	perl -MIO::Socket::UNIX -e '
		my $s = IO::Socket::UNIX->new(Peer => shift) or die "no server: $!\n";
		for my $command ("{}", map { "{\"execute\": \"$_\"}" } @ARGV) {
			print $s "$command\n" if $command ne "{}";
			print scalar <$s>;
		}' /run/qdm/qmp.sock "$@"
}

serves() {
	start_systemd
	inside systemctl start qdm.socket
	same "before" inactive "$(inside systemctl is-active qdm.service || true)"
	same "who may" "600 root" "$(stat -c '%a %U' /run/qdm/qmp.sock)"
	client qmp_capabilities query-version >said
	jq -se '(.[0] | has("QMP")) and .[1] == {return: {}} and .[2].return.package == "qdm"' said
	same "after" active "$(inside systemctl is-active qdm.service)"
	inside systemctl stop qdm.service
	client qmp_capabilities >said
	jq -se '.[1] == {return: {}}' said
	inside systemctl stop qdm.socket qdm.service
}
it "serves whoever comes to the socket, and comes back for the next" serves

finish
