# SPDX-License-Identifier: GPL-2.0-or-later
# One case of results.json for gnuplot: a header line, then per subject its bars. With $what
# "top" the height of the frame instead: a peer that is many times dearer than all others is
# cut off, or nothing else could be seen. What costs less than the baseline is left out; where every
# figure is 0 the frame is 1 high.
def column: [.params.op, .params.engine] | map(select(. != null)) | if length == 0 then "value" else join(" ") end;
def row: [.subject] + (.params | del(.engine, .op) | to_entries | map("\(.value)")) | join(" ");

.results | map(select(.case == $name and .value >= 0))
| if $what == "top"
  then map(.value) | sort | (.[length * 9 / 10 | floor] // 0) as $most | (last // 0) as $last
	| if $last == 0 then 1 elif $most > 0 and $last > 3 * $most then 1.5 * $most else 1.1 * $last end
  else
	. as $results
	| (reduce $results[] as $r ([]; if index($r | column) then . else . + [$r | column] end)) as $columns
	| (reduce $results[] as $r ([]; if index($r | row) then . else . + [$r | row] end)) as $rows
	| (["subject"] + $columns | @tsv),
	  ($rows[] as $row
	   | [$row] + ($columns | map(. as $c | $results | map(select(row == $row and column == $c)) | first | .value // "?")) | @tsv)
  end
