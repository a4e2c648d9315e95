# SPDX-License-Identifier: GPL-2.0-or-later
# What several runs of one case say of the same thing, a row for each subject and set of
# params: its value in each run and how far apart they are. "!" where that is over 1 % of the
# value and over 0.05, which is nothing in a figure of less than five.
def apart: max - min;
def allowed: [(map(fabs) | max) / 100, 0.05] | max;
def rounded: . * 1000 | round / 1000;
def words: to_entries | map("\(.key)=\(.value)") | join(" ");

. as $runs
| $runs[0][] | . as $first
| [$runs[][] | select(.subject == $first.subject and .params == $first.params).value] as $values
| [.subject, (.params | words)] + ($values | map(rounded))
  + [($values | apart | rounded),
     (if ($values | length) != ($runs | length) then "! in \($values | length) runs"
      elif ($values | apart > allowed) then "!" else "" end)]
| join("\t")
