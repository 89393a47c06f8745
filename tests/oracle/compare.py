"""Holds the report of `ledger demo --report` against the oracle's figures, field by field.

Owns: the comparison and its exit code (0 alike, 1 any difference or missing meter, 2 unusable
input). Why: a run over the real files is right only if every meter and month is. Absent on purpose:
any tolerance; figures are compared as they are written, so a decimal that is not canonical differs.
"""

import argparse
import json
import sys

COUNTS = ("total", "accepted", "duplicate", "conflicting", "late", "quarantined", "refused")
# The report's sums over a utility may leave these two out; its meters may not.
COUNTS_OF_METERS = (*COUNTS, "gaps", "suspected")
FIGURES = ("consumption", "charge")
ABSENT = object()


def written(value):
    """A value as it stands in a line of the output."""
    return "absent" if value is ABSENT else json.dumps(value)


class Comparison:
    """Collects the differences and counts what was looked at."""

    def __init__(self):
        self.differences = []
        self.figures_compared = 0
        self.meters_compared = 0
        self.months_compared = 0

    def figure(self, where, expected, found):
        """Compares one figure; 1 and 1.0, true and "1" are all different from 1."""
        self.figures_compared += 1
        if type(expected) is not type(found) or expected != found:
            self.differences.append(f"{where}: oracle {written(expected)}, report {written(found)}")

    def figures(self, where, keys, expected, found):
        for key in keys:
            self.figure(f"{where}.{key}", expected.get(key, ABSENT), found.get(key, ABSENT))

    def utility(self, name, expected, found):
        if not isinstance(found, dict):
            self.differences.append(f"{name}: not in the report")
            return
        self.figures(name, COUNTS, expected, found)
        self.figures(name, [key for key in ("gaps", "suspected") if key in found], expected, found)
        expected_meters, found_meters = expected["meters"], found.get("meters", {})
        for number in sorted(expected_meters.keys() | found_meters.keys()):
            where = f"{name}.{number}"
            if number not in found_meters:
                self.differences.append(f"{where}: meter is not in the report")
            elif number not in expected_meters:
                self.differences.append(f"{where}: meter is in the report only")
            else:
                self.meter(where, expected_meters[number], found_meters[number])

    def meter(self, where, expected, found):
        self.meters_compared += 1
        self.figures(where, (*COUNTS_OF_METERS, *FIGURES), expected, found)
        expected_months, found_months = expected["months"], found.get("months", {})
        nothing = {"consumption": "0", "charge": "0"}
        for month in sorted(expected_months.keys() | found_months.keys()):
            self.months_compared += 1
            # A month with no line has used nothing: a report may leave such months out.
            self.figures(
                f"{where}.{month}",
                FIGURES,
                expected_months.get(month, nothing),
                found_months.get(month, nothing),
            )


def compare(oracle, report):
    """Compares two loaded reports and returns the filled Comparison."""
    result = Comparison()
    expected, found = oracle["readings"], report.get("readings", {})
    for name in sorted(expected.keys() | found.keys()):
        if name not in expected:
            result.differences.append(f"{name}: utility is in the report only")
        else:
            result.utility(name, expected[name], found.get(name))
    if result.figures_compared == 0:
        result.differences.append("nothing was compared")
    return result


def load(path):
    with open(path, encoding="utf-8") as source:
        return json.load(source)


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Compares a demo report with the oracle's figures.")
    parser.add_argument("oracle", help="JSON written by oracle.py")
    parser.add_argument("report", help="JSON written by ledger demo --report")
    options = parser.parse_args(arguments)
    try:
        result = compare(load(options.oracle), load(options.report))
    except (OSError, ValueError, KeyError, AttributeError) as error:
        print(f"cannot compare: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    for difference in result.differences:
        print(difference)
    print(
        f"compared {result.figures_compared} figures of {result.meters_compared} meters "
        f"and {result.months_compared} meter months: {len(result.differences)} differences"
    )
    return 1 if result.differences else 0


if __name__ == "__main__":
    sys.exit(main())
