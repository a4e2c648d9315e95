# SPDX-License-Identifier: GPL-2.0-or-later
# The samples of one case to its results: the median over the rounds of each subject and set
# of params, in the order in which the case measured them.
def median: sort | if length % 2 == 1 then .[length / 2 | floor] else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def rounded: . * 10000 | round / 10000;

to_entries
| group_by([.value.subject, .value.params])
| sort_by(.[0].key)
| map((map(.value.value)) as $values | .[0].value
      | {case, subject, params, unit, value: ($values | median | rounded),
         rounds: ($values | length), spread: (($values | max) - ($values | min) | rounded)})
