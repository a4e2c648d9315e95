#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What is refused, in which words, and that nothing is touched by it.

# shellcheck source=../dm/lib.sh
. ./lib.sh

# unchanged: the graph is what it was at the last remember
remember() { BEFORE=$(dmsetup table && dmsetup info -c --noheadings); }
unchanged() { same "graph" "$BEFORE" "$(dmsetup table && dmsetup info -c --noheadings)"; }

# refused COMMAND ARGUMENTS CLASS TEXT: exactly this error
refused() {
	local reply
	reply=$(qdm exec "{'execute': '$1', 'arguments': {$2}}") && {
		echo "accepted: $1 $2"
		return 1
	}
	same "error of $1 $2" "$3: $4" "$(jq -r '.error.class + ": " + .error.desc' <<<"$reply")"
}
generic() { refused "$1" "$2" GenericError "$3"; }

group() { # group ID LIMITS: the arguments
	echo "'qom-type': 'throttle-group', 'id': '$1', 'limits': {$2}"
}

refuses_limits() {
	local mixed="bps/iops/max total values and read/write values cannot be used at the same time"
	generic object-add "$(group g "'iops-total': 1, 'iops-read': 1")" "$mixed"
	generic object-add "$(group g "'bps-total': 9, 'bps-total-max': 10, 'bps-write-max': 1")" "$mixed"
	generic object-add "$(group g "'iops-size': 4096")" "iops size requires an iops value to be set"
	generic object-add "$(group g "'iops-total': -1")" "bps/iops/max values must be within [0, 1000000000000000]"
	generic object-add "$(group g "'iops-total': 1000000000000001")" "bps/iops/max values must be within [0, 1000000000000000]"
	generic object-add "$(group g "'iops-total': 1, 'iops-total-max-length': 0")" "the burst length cannot be 0"
	generic object-add "$(group g "'iops-total': 1, 'iops-total-max-length': 2")" "burst length set without burst rate"
	generic object-add "$(group g "'iops-total-max': 5")" "bps_max/iops_max require corresponding bps/iops values"
	generic object-add "$(group g "'iops-total': 5, 'iops-total-max': 4")" "bps_max/iops_max cannot be lower than bps/iops"
	generic object-add "$(group g "'iops-total': 5, 'iops-total-max': 1000000000000000, 'iops-total-max-length': 2")" \
		"burst length too high for this burst rate"
	generic object-add "$(group g "'bps-read': 5, 'bps-read-max-length': 4294967296")" \
		"bps-read-max-length value must be in the range [0, 4294967295]"
	generic object-add "$(group g "'iops': 5")" "Parameter 'limits.iops' is unexpected"
	generic object-add "$(group g "'iops-total': '5'")" "Invalid parameter type for 'limits.iops-total', expected: integer"
	[ ! -e /sys/kernel/config/qthrottle/g ]
}
it "refuses limits in QEMU's words and makes no group" refuses_limits

refuses_objects() {
	qdm exec "{'execute': 'object-add', 'arguments': {$(group g "'iops-total': 5")}}"
	generic object-add "$(group g "")" "A group with this name already exists"
	generic object-del "'id': 'nosuch'" "object 'nosuch' not found"
	refused qom-get "'path': 'nosuch', 'property': 'limits'" DeviceNotFound "Device 'nosuch' not found"
	generic qom-get "'path': 'g', 'property': 'colour'" "Property 'throttle-group.colour' not found"
	generic qom-set "'path': 'g', 'property': 'limits', 'value': {'iops-read': 4}" \
		"bps/iops/max total values and read/write values cannot be used at the same time"
	generic qom-set "'path': 'g', 'property': 'limits', 'value': 5" "Invalid parameter type for 'limits', expected: object"
	same "limit" 5 "$(qdm exec "{'execute': 'qom-get', 'arguments': {'path': 'g', 'property': 'limits'}}" | jq '.return["iops-total"]')"
	table t "0 2048 qthrottle $(memdev mem 1) 0 g"
	generic object-del "'id': 'g'" "object 'g' is in use, can not be deleted"
	dmsetup remove t
	qdm exec "{'execute': 'object-del', 'arguments': {'id': 'g'}}"
}
it "refuses wrong objects and properties" refuses_objects

threshold() { # threshold NAME FILE: the arguments
	echo "'driver': 'write-threshold', 'node-name': '$1', 'write-threshold': 0, 'file': '$2'"
}

refuses_nodes() {
	local disk
	disk=$(memdev mem 4)
	table t "0 8192 linear $disk 0"
	remember
	generic blockdev-add "$(threshold 1st "$disk")" "Invalid node-name: '1st' (a letter, then letters, digits, '-', '.' and '_')"
	generic blockdev-add "$(threshold t "$disk")" "node-name=t is conflicting with a device id"
	generic blockdev-add "$(threshold w nosuch)" "Cannot find device='nosuch' nor node-name='nosuch' (a device that is not under device-mapper is named by its path)"
	generic blockdev-add "$(threshold w /dev/nosuch)" "Could not open '/dev/nosuch': No such file or directory"
	generic blockdev-add "$(threshold w /dev/null)" "'/dev/null' is not a block device"
	generic blockdev-add "'driver': 'qcow2'" "Parameter 'driver' does not accept value 'qcow2' (accepted: copy-before-write, host_device, throttle, write-threshold)"
	generic blockdev-add "'driver': 'throttle', 'node-name': 'w', 'file': 't'" "Parameter 'throttle-group' is missing"
	generic blockdev-add "'driver': 'throttle', 'node-name': 'w', 'file': 't', 'throttle-group': 'nosuch'" "Throttle group 'nosuch' does not exist"
	generic blockdev-add "$(threshold w t), 'colour': 1" "Parameter 'colour' is unexpected"
	unchanged
	qdm exec "{'execute': 'blockdev-add', 'arguments': {$(threshold w "$disk")}}"
	remember
	generic blockdev-add "$(threshold w "$disk")" "Duplicate nodes with node-name='w'"
	generic blockdev-del "'node-name': 'nosuch'" "Failed to find node with node-name='nosuch'"
	generic blockdev-del "'node-name': 't'" "Node t is not owned by the monitor"
	unchanged
	dmsetup create above --table "0 8192 linear /dev/mapper/w 0"
	generic blockdev-del "'node-name': 'w'" "Node w is in use"
	dmsetup remove above
	refused block-set-write-threshold "'node-name': 'nosuch', 'write-threshold': 1" GenericError "Device 'nosuch' not found"
	generic block-set-write-threshold "'node-name': 'w', 'write-threshold': -1" \
		"Parameter 'write-threshold' expects a value in the range [0, 18446744073709551615]"
	qdm exec "{'execute': 'block-set-write-threshold', 'arguments': {'node-name': 't', 'write-threshold': 1}}"
	qdm remove t-threshold
}
it "refuses wrong nodes, and brings a threshold where there is none" refuses_nodes

edge() { echo "'parent': '$1', 'child': '$2', 'node': '$3'"; }

refuses_edges() {
	local disk other
	disk=$(memdev mem 4)
	other=$(memdev other 4)
	table t "0 8192 linear $disk 0"
	table z "0 8192 zero"
	qdm exec "{'execute': 'blockdev-add', 'arguments': {$(threshold w "$disk")}}"
	qdm exec "{'execute': 'blockdev-add', 'arguments': {$(threshold v t)}}"
	local verb
	remember
	for verb in insert remove; do
		generic "block-$verb-node" "$(edge t "$disk" nosuch)" "Node 'nosuch' not found"
		generic "block-$verb-node" "$(edge t "$disk" z)" "Node 'z' is not owned by the monitor"
		generic "block-$verb-node" "$(edge nosuch "$disk" w)" "Cannot find device='nosuch' nor node-name='nosuch'"
		generic "block-$verb-node" "$(edge t nosuch w)" "'nosuch' not a node name"
		generic "block-$verb-node" "$(edge t "$other" w)" "'$other' not a child of 'w'"
		generic "block-$verb-node" "'parent': 't', 'child': 't'" "Parameter 'node' is missing"
	done
	generic block-insert-node "$(edge t "$disk" t-root)" "Block format 'host_device' used by node 't-root' does not support insertion"
	generic block-remove-node "$(edge t "$disk" t-root)" "Block format 'host_device' used by node 't-root' does not support removal"
	generic block-insert-node "$(edge z "$disk" w)" "'$disk' not a child of device 'z'"
	generic block-remove-node "$(edge t "$disk" w)" "'w' not a child of device 't'"
	unchanged
	dmsetup load t --table "0 8192 zero"
	generic block-insert-node "$(edge t "$disk" w)" \
		"Device 't' has a table loaded by someone else that is not yet live; resume or clear it first"
	dmsetup clear t
	dmsetup suspend t
	generic block-insert-node "$(edge t "$disk" w)" "Device 't' is suspended by someone else; resume it first"
	dmsetup resume t
}
it "refuses wrong edges in QEMU's words" refuses_edges

refuses_devices() {
	local disk
	disk=$(memdev mem 4)
	table s "0 4096 snapshot-origin $disk"
	generic blockdev-add "$(threshold w s)" \
		"Device 's' has a table with target 'snapshot-origin', which cannot be moved under a filter; put the filter on top of it (\"file\": \"/dev/mapper/s\") or under it"
	dmsetup create r --readonly --table "0 4096 zero"
	generic blockdev-add "$(threshold w r)" "Device 'r' is read-only"
	generic blockdev-add "$(threshold w /dev/mapper/r)" "Device '/dev/mapper/r' is read-only"
	dmsetup create n --notable
	generic blockdev-add "$(threshold w n)" "Device 'n' has no medium"
}
it "refuses devices that cannot have a filter under them" refuses_devices

# What goes past device-mapper's bios, or could: refused with what to do instead.
refuses_past_filters() {
	local disk refusal
	disk=$(memdev mem 4)
	modprobe dm-multipath
	modprobe dm-round-robin
	table mp "0 8192 multipath 0 0 1 1 round-robin 0 1 0 $disk"
	remember
	generic blockdev-add "$(threshold w mp)" \
		"Device 'mp' is a multipath device, which takes requests and not bios, so no filter can be under it; put the filter on top of it (\"file\": \"/dev/mapper/mp\")"
	unchanged
	qdm exec "{'execute': 'blockdev-add', 'arguments': {$(threshold w /dev/mapper/mp)}}"
	qdm exec "{'execute': 'blockdev-del', 'arguments': {'node-name': 'w'}}"
	modprobe nd_e820
	modprobe nd_pmem
	eventually 10 test -b /dev/pmem0
	table pm "0 8192 linear /dev/pmem0 0"
	remember
	refusal="Device 'pm' can be accessed directly (DAX), past any filter under it; put the filter on top of it (\"file\": \"/dev/mapper/pm\") and use that instead"
	generic blockdev-add "$(threshold w pm)" "$refusal"
	same "refusal of insert" "qdm: $refusal" "$(qdm insert threshold pm 1M 2>&1)"
	unchanged
	qdm exec "{'execute': 'blockdev-add', 'arguments': {$(threshold w /dev/mapper/pm)}}"
	generic block-insert-node "$(edge pm /dev/pmem0 w)" "'/dev/pmem0' not a child of 'w'"
}
it "refuses a filter under multipath and where DAX would go past it" refuses_past_filters

input() { # input TEXT ERROR
	local reply
	reply=$(qdm exec -- "$1") || true
	same "error of $1" "$2" "$(jq -r '.error.desc' <<<"$reply")"
}

refuses_input() {
	input '[1]' "QMP input must be a JSON object"
	input '{}' "QMP input lacks member 'execute'"
	input '{"execute": 5}' "QMP input member 'execute' must be a string"
	input '{"execute": "query-version", "arguments": []}' "QMP input member 'arguments' must be an object"
	input '{"execute": "query-version", "arguments": {"a": 1}}' "Parameter 'a' is unexpected"
	input '{"execute": "query-version", "extra": 1}' "QMP input member 'extra' is unexpected"
	input '{"execute": "query-version", "id": 1, "id": 2}' "JSON parse error, duplicate key 'id'"
	input '{"execute": "query-version", "id": 18446744073709551616}' \
		"JSON parse error, number 18446744073709551616 is out of range [-9223372036854775808, 18446744073709551615]"
	input '{"execute": "no-such"}' "The command no-such has not been found"
	same "class" CommandNotFound "$(qdm exec '{"execute": "no-such"}' | jq -r .error.class)"
	same "id of an error" '{"x":[1,null]}' "$(qdm exec '{"execute": "no-such", "id": {"x": [1, null]}}' | jq -c .id)"
	local status=0
	qdm exec '{"execute": "no-such"}' >/dev/null || status=$?
	same "exit status of an error" 1 "$status"
	status=0
	qdm nonsense 2>/dev/null || status=$?
	same "exit status of a wrong verb" 2 "$status"
}
it "refuses wrong input and echoes the id" refuses_input

finish
