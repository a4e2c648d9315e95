#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The pure cores as the kernel's own unit tests: the vectors that tests/unit runs in user
# space, compiled as the modules are, under KASAN. Each suite is a module; its result is read
# from debugfs, because loading it succeeds whatever its tests say.
. ./lib.sh
needs_kernel debug

results=/sys/kernel/debug/kunit

passes() {
	local suite
	modprobe "$module"
	for suite in "$results"/*/; do
		cat "$suite/results"
		grep -qE '^ *ok ' "$suite/results"
		fails grep -q 'not ok' "$suite/results"
	done
	[ -n "${suite:-}" ] && [ -e "$suite/results" ]
	modprobe -r "$module"
}

for file in "/lib/modules/$(uname -r)"/updates/*_kunit.ko; do
	module=$(basename "$file" .ko)
	it "passes the suite ${module%_kunit}" passes
done
finish
