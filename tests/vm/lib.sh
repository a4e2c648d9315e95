# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034 # what is set here is used by those who source it
# What every part of the lab shares: where things live, how errors and progress are
# said, locks, and the names of the kernels. Sourced, never run.
#
# The cache holds, and nothing but the cache holds:
#   roots/<suite>-<hash>/          a Debian tree with compiler and kernels, a chroot
#   roots/<suite>-<hash>.img       the same tree as the guest's read-only disk
#   kernels/<kernel>-<hash>/       image, initramfs, release of one bootable kernel
#   stages/<kernel>-<hash>/        the project built and installed for one kernel
#   work/                          what is being made; renamed to its name when complete
# Whatever lies in work/ for hours is rubbish from a run that was killed.

set -euo pipefail

VM_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$VM_DIR/../.." && pwd)
CACHE=${QDM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/qdm}
KNOWN_KERNELS="6.1 6.12 latest debug"
export QDM_CACHE=$CACHE
# depmod, mke2fs and their like are not in the path of a user who is not root.
export PATH=$PATH:/usr/sbin:/sbin
# Made by whoever comes first, so that what sudo makes later does not own the folders.
mkdir -p "$CACHE"/{locks,logs,work,roots,debug,kernels,stages,accel} || exit 69

EXIT_USAGE=64
EXIT_LAB=69

# A command that fails unforeseen says which; those that explained themselves have.
unforeseen() {
	case $1 in
	"$EXIT_USAGE" | "$EXIT_LAB" | 130) ;;
	*) say "internal error: status $1 from: $2" ;;
	esac
}
set -E
trap 'unforeseen $? "$BASH_COMMAND"' ERR

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
	say "$*"
	exit $EXIT_LAB
}

usage_error() {
	say "$*"
	exit $EXIT_USAGE
}

# hash_of TEXT...: a short name for a recipe
hash_of() { printf '%s\n' "$@" | sha256sum | cut -c1-12; }

# As many as there are processors and one more; but each may take 1.5 GiB of memory.
guests_at_once() { echo $(($(nproc) < 3 ? $(nproc) + 1 : 4)); }

suite_of() {
	case $1 in
	6.1 | debug) echo bookworm ;;
	6.12 | latest) echo trixie ;;
	esac
}

# as_root CMD...: CMD with the rights to build a root, or one line that says why not
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo --preserve-env=QDM_CACHE,QDM_MIRROR "$@"
	else
		die "needs root to $AS_ROOT_FOR: run as root, or install sudo"
	fi
}
AS_ROOT_FOR="build the guest's file system"

# need_space MIB DIR
need_space() {
	local have
	have=$(df -Pm "$2" | awk 'NR == 2 { print $4 }')
	[ "$have" -ge "$1" ] || die "disk full: $have MiB free in $2, $1 MiB needed"
}

# with_lock NAME CMD...: only one process at a time; the second says that it waits
with_lock() {
	local name=$1 fd
	shift
	[ -e "$CACHE/locks/$name" ] || : >"$CACHE/locks/$name"
	exec {fd}<"$CACHE/locks/$name"
	if ! flock -n "$fd"; then
		say "waiting: another run is preparing $name"
		flock "$fd"
	fi
	"$@"
	exec {fd}>&-
}

# explain LOG: the cause of a failed step in one line, from what its programs said
explain() {
	local hit
	if grep -q 'No space left on device' "$1"; then
		echo "disk full: $(df -Pm "$CACHE" | awk 'NR == 2 { print $4 }') MiB free in $CACHE"
	elif hit=$(grep -m1 -oE '(Temporary failure resolving|Could not (connect|resolve)|Unable to connect|Network is unreachable|Connection (failed|timed out|refused)).*' "$1"); then
		echo "no network: $hit"
	else
		grep -E '^(E:|W: .*(fail|error)|.*[Ee]rror)' "$1" | tail -1 | grep . || tail -1 "$1"
	fi
}

# tick TEXT PID: on a terminal a line that moves with the seconds, elsewhere one line a minute
tick() {
	local start=$SECONDS
	while kill -0 "$2" 2>/dev/null; do
		if [ -t 2 ]; then
			printf '\r%s: %s ... %d s ' "${0##*/}" "$1" $((SECONDS - start)) >&2
		elif [ $((SECONDS - start)) -gt 0 ] && [ $(((SECONDS - start) % 60)) = 0 ]; then
			say "$1 ... $((SECONDS - start)) s"
		fi
		sleep 1
	done
}

# step TEXT LOG CMD...: runs CMD with its output in LOG; what it costs and why it failed is said
step() {
	local text=$1 log=$2 start=$SECONDS pid status=0
	shift 2
	mkdir -p "$(dirname "$log")"
	[ -t 2 ] || say "$text ..."
	# In a process group of its own, to be ended whole when this run is interrupted.
	set -m
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	set +m
	STEP=$pid
	tick "$text" $pid &
	wait $pid || status=$?
	STEP=''
	kill $! 2>/dev/null || true
	wait $! 2>/dev/null || true
	[ ! -t 2 ] || printf '\r\033[K' >&2
	if [ $status != 0 ]; then
		say "$text: failed: $(explain "$log") (log: $log)"
		exit $EXIT_LAB
	fi
	say "$text: $((SECONDS - start)) s"
}

# in_work NAME: a fresh private folder in the cache, removed when this process ends
in_work() {
	mkdir -p "$CACHE/work"
	# What a killed run could not take away; the longest step takes minutes.
	find "$CACHE/work" -mindepth 1 -maxdepth 1 -mmin +180 -exec rm -rf --one-file-system {} +
	WORK=$(mktemp -d "$CACHE/work/$1.XXXXXX")
	MADE=$WORK
}
STEP='' MADE=''

# However a run ends, what it began ends with it, and what is not complete goes. A root may
# still have something mounted in it for a moment: never across file systems.
leave() {
	[ -z "$STEP" ] || { kill -TERM -- "-$STEP" && wait "$STEP"; } 2>/dev/null || true
	[ -z "$MADE" ] || rm -rf --one-file-system "$MADE"
}
trap leave EXIT
trap 'exit 130' INT TERM HUP

# in_use PATH...: prints the first, and marks all as used now
in_use() {
	touch -c "$@" 2>/dev/null || true
	echo "$1"
}

# prune GLOB: editions of a recipe that nobody used for an hour go; another work tree, or a
# run that is starting right now, may well be using one that is not the newest
prune() {
	local old
	for old in $1; do
		[ -z "$(find "$old" -maxdepth 0 -mmin +60 2>/dev/null)" ] || rm -rf --one-file-system "$old"
	done
}
