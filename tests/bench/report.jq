# SPDX-License-Identifier: GPL-2.0-or-later
# One case of results.json as a table: a row per subject and set of params, a column per
# engine and op where the case has them, and the figure to reach beside what was measured.
def reach($result):
	$figures[0] | map(select(.case == $result.case and .subject == $result.subject
		and (.params as $want | $result.params | contains($want)))) | first;

def missed: reach(.) as $figure | .value as $value
	| $figure != null and (($figure.most != null and $value > $figure.most) or ($figure.least != null and $value < $figure.least));

def bound: if . == null then "" elif .most != null then "<= \(.most)" else ">= \(.least)" end;
def number: if (. | fabs) >= 100 then round elif (. | fabs) >= 1 then (. * 10 | round / 10) else (. * 10000 | round / 10000) end;
def row_params: del(.engine, .op) | to_entries | map("\(.key)=\(.value)") | join(" ") | if . == "" then "-" else . end;
def column: [.params.op, .params.engine] | map(select(. != null)) | if length == 0 then "value" else join(" ") end;

.results | map(select(.case == $name)) as $results
| if $results == [] then "\($name): no results"
  else
	(reduce $results[] as $r ([]; if index($r | column) then . else . + [$r | column] end)) as $columns
	| (reduce $results[] as $r ([]; ($r | [.subject, (.params | row_params)]) as $row | if any(.[]; . == $row) then . else . + [$row] end)) as $rows
	| "\($name): \($results[0].unit)",
	  (["subject", "params"] + $columns + ["to reach", "verdict"] | join("\t")),
	  ($rows[] as $row
	   | ($results | map(select([.subject, (.params | row_params)] == $row))) as $mine
	   | ($mine | map(reach(.) | bound) | map(select(. != "")) | unique) as $bounds
	   | $row
	     + ($columns | map(. as $c | $mine | map(select(column == $c)) | first
		| if . == null then "-" else "\(.value | number)\(if missed then " !" else "" end)" end))
	     + [(if $bounds == [] then "-" else $bounds | join(", ") end), (if $bounds == [] then "" elif any($mine[]; missed) then "missed" else "ok" end)]
	   | join("\t"))
  end
