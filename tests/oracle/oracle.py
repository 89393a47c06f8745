"""What a correct ledger must report for the two reading files, worked out a second time.

Owns: the reading of the two CSV files, the judgement of every row as a meter reading (rules C8
and C9), the split of consumption over months (C10) and the residential tariffs of scheme `usms`
(C11, U-tariffs). Why: the ledger's own figures need a witness that shares no line with it. Absent
on purpose: credit, supply, notices, corrections (C19); nothing here is taken from the ledger.

Quantities are integers of a millionth (of 1 kWh, of 1 m3), money is an integer of a hundred
millionth of B$, instants are whole seconds of scheme-local time: no float anywhere.
"""

import argparse
import gzip
import io
import json
import sys
from bisect import insort
from datetime import date
from decimal import Decimal

MICRO = 1_000_000  # C3: quantities have at most 6 decimal places
MONEY_SCALE = 8  # a millionth of a unit times a price in whole cents
DAY_S = 86_400
HOUR_S = 3_600
ELAPSED_MIN_S = 300  # C9: the flow limit is taken over at least 5 minutes
ROW_OF_SUSPICION = 3  # C9: three quarantined readings that agree
TOLERANCES_TO_TAKE_PART = 10  # C9: a drop takes part only beyond ten tolerances

CLASSES = ("accepted", "duplicate", "conflicting", "late", "quarantined", "refused")


class Utility:
    """The policy of one utility: limits in millionths, block widths in millionths, prices in cents."""

    def __init__(self, interval_s, top, tolerance, flow_per_hour, blocks):
        self.interval_s = interval_s
        self.top = top
        self.tolerance = tolerance
        self.flow_per_hour = flow_per_hour
        self.blocks = blocks

    def is_plausible_rise(self, rise, elapsed_s):
        """Whether `rise` is at most the greatest flow over `elapsed_s`, taken as 5 min at least."""
        return rise * HOUR_S <= self.flow_per_hour * max(elapsed_s, ELAPSED_MIN_S)

    def step(self, base, value, elapsed_s):
        """The consumption of the step from `base` to `value`, or None where it is not plausible.

        Order: rollover, then drop (zero use within tolerance), then rise within the flow limit.
        """
        if value < base:
            if base * 10 >= self.top * 9 and value * 10 < self.top:
                through_zero = self.top - base + value
                if self.is_plausible_rise(through_zero, elapsed_s):
                    return through_zero
            return 0 if base - value <= self.tolerance else None
        rise = value - base
        return rise if self.is_plausible_rise(rise, elapsed_s) else None


REGISTER_TOP = 1_000_000 * MICRO  # 6 whole digits

# A block is (width in millionths or None for the rest, price in cents).
ELECTRICITY = Utility(
    interval_s=HOUR_S // 2,
    top=REGISTER_TOP,
    tolerance=MICRO // 10,  # 0.1 kWh
    flow_per_hour=100 * MICRO,  # 100 kW
    blocks=((600 * MICRO, 1), (1_400 * MICRO, 8), (2_000 * MICRO, 10), (None, 12)),
)
WATER = Utility(
    interval_s=HOUR_S,
    top=REGISTER_TOP,
    tolerance=MICRO // 100,  # 0.01 m3
    flow_per_hour=5 * MICRO,  # 5 m3/h
    blocks=((54_540_000, 11), (None, 44)),  # one dwelling unit
)


def charge_of(blocks, units):
    """The telescopic charge of one month's `units`, in hundred millionths of B$."""
    total, left = 0, units
    for width, cents in blocks:
        taken = left if width is None else min(left, width)
        total += taken * cents
        left -= taken
        if left == 0:
            break
    assert left == 0, "the last block takes the rest"
    return total


def canonical(value, places):
    """The canonical written form of `value` / 10^`places`: no exponent, no trailing zeros."""
    sign, digits = ("-", -value) if value < 0 else ("", value)
    whole, fraction = divmod(digits, 10**places)
    tail = str(fraction).rjust(places, "0").rstrip("0")
    return f"{sign}{whole}.{tail}" if tail else f"{sign}{whole}"


# Calendar ---------------------------------------------------------------------------------------

_MONTH_OF_DAY = {}


def month_of(instant_s):
    """(name of the local month of an instant, the instant at which that month ends)."""
    day = instant_s // DAY_S
    known = _MONTH_OF_DAY.get(day)
    if known is None:
        at = date.fromordinal(day)
        after = date(at.year + at.month // 12, at.month % 12 + 1, 1)
        known = (f"{at.year:04d}-{at.month:02d}", after.toordinal() * DAY_S)
        _MONTH_OF_DAY[day] = known
    return known


def shares_of(consumption, start_s, end_s):
    """C10: yields (month, share) of `consumption` used evenly over [start_s, end_s).

    The running total at a boundary is total x elapsed / whole, truncated to a millionth, and a share
    is the difference of two totals. So cuts at days in between cannot change a month's share, and
    only month boundaries are cut here.
    """
    assert start_s < end_s, "a reading is later than its base"
    whole, before, at = end_s - start_s, 0, start_s
    while True:
        month, month_end = month_of(at)
        if month_end >= end_s:
            yield month, consumption - before
            return
        total = consumption * (month_end - start_s) // whole
        yield month, total - before
        before, at = total, month_end


# Judgement --------------------------------------------------------------------------------------


class Meter:
    """One meter: every reading goes through `judge`, in the order in which it arrives."""

    def __init__(self, utility, installed_s, first_value):
        self.utility = utility
        self.installed_s = installed_s
        self.base_s = installed_s
        self.base = first_value
        self.counts = dict.fromkeys(CLASSES, 0)
        self.gaps = 0
        self.months = {}
        self.suspicions = []  # (instant of the reading that completed it, kind)
        self.suspicion_open = False
        self._first_kept = {installed_s: first_value}  # instant -> value
        self._others_kept = {}  # instant -> values that contradict the first
        self._held = []  # quarantined readings after the base, in read order

    def judge(self, at_s, value):
        """Judges one reading, keeps what follows from it, and returns its class."""
        result = self._judge(at_s, value)
        self.counts[result] += 1
        return result

    def _judge(self, at_s, value):
        if at_s < self.installed_s or not 0 <= value < self.utility.top:
            return "refused"
        standing = self._first_kept.get(at_s)
        if standing is not None:
            return self._repeat(at_s, value, standing)
        self._first_kept[at_s] = value
        if at_s < self.base_s:
            return "late"
        elapsed_s = at_s - self.base_s
        consumption = self.utility.step(self.base, value, elapsed_s)
        if consumption is None:
            self._quarantine(at_s, value)
            return "quarantined"
        self._accept(at_s, value, consumption, elapsed_s)
        return "accepted"

    def _repeat(self, at_s, value, standing):
        others = self._others_kept.get(at_s, ())
        if value == standing or value in others:
            return "duplicate"
        self._others_kept[at_s] = (*others, value)
        return "conflicting"

    def _accept(self, at_s, value, consumption, elapsed_s):
        if 2 * elapsed_s > 3 * self.utility.interval_s:
            self.gaps += 1
        months = self.months
        for month, share in shares_of(consumption, self.base_s, at_s):
            months[month] = months.get(month, 0) + share
        is_drop_in_tolerance = value < self.base and consumption == 0
        if not is_drop_in_tolerance:
            self.base = value
        self.base_s = at_s
        self.suspicion_open = False
        if self._held:
            self._held = [held for held in self._held if held[0] > at_s]

    def _quarantine(self, at_s, value):
        insort(self._held, (at_s, value))
        if self.suspicion_open:
            return
        row = [held for held in self._held if self._takes_part(held[1])][-ROW_OF_SUSPICION:]
        if len(row) < ROW_OF_SUSPICION or (at_s, value) not in row:
            return
        for (earlier_s, earlier), (later_s, later) in zip(row, row[1:]):
            if self.utility.step(earlier, later, later_s - earlier_s) is None:
                return
        all_rises = all(held > self.base for _, held in row)
        self.suspicions.append((at_s, "limit_or_exchange" if all_rises else "exchange"))
        self.suspicion_open = True

    def _takes_part(self, value):
        least_drop = TOLERANCES_TO_TAKE_PART * self.utility.tolerance
        return value > self.base or self.base - value > least_drop


# Files ------------------------------------------------------------------------------------------


def micro_of(text, scale=MICRO):
    """`text` times `scale` as an exact integer; an exponent (4e+05) is read by its value."""
    scaled = Decimal(text) * scale
    whole = int(scaled)
    if whole != scaled or not scaled.is_finite():
        raise ValueError(f"quantity {text!r} is finer than a millionth")
    return whole


def rows_of(path, separator, header):
    """The rows of a CSV file, plain or gzip, as lists of fields; the header must be the stated one."""
    with open(path, "rb") as raw:
        is_gzip = raw.read(2) == b"\x1f\x8b"
    opened = gzip.open(path, "rb") if is_gzip else open(path, "rb")
    with io.TextIOWrapper(opened, encoding="utf-8-sig") as lines:
        found = next(lines, "").strip()
        if found != header:
            raise ValueError(f"{path}: header is {found!r}, must be {header!r}")
        for number, line in enumerate(lines, start=2):
            fields = line.strip().split(separator)
            if len(fields) != header.count(separator) + 1:
                raise ValueError(f"{path}:{number}: {len(fields)} fields in {line!r}")
            yield fields


class Clock:
    """Parses naive labels as scheme-local seconds; each date is worked out once."""

    def __init__(self, year, month, day):
        self._slices = (year, month, day)
        self._days = {}

    def parse(self, label):
        day, clock = label[:10], label[11:]
        start = self._days.get(day)
        if start is None:
            at = date(*(int(day[part]) for part in self._slices))
            start = self._days[day] = at.toordinal() * DAY_S
        hour, minute, second = int(clock[0:2]), int(clock[3:5]), int(clock[6:8])
        if len(label) != 19 or hour > 23 or minute > 59 or second > 59:
            raise ValueError(f"label {label!r} is not a time")
        return start + hour * HOUR_S + minute * 60 + second


def read_electricity(path):
    """Half-hour consumptions as cumulative registers: number -> (installed, first value, readings)."""
    clock = Clock(slice(0, 4), slice(5, 7), slice(8, 10))
    labels, quantities, customers = {}, {}, {}
    for customer, label, kwh in rows_of(path, ",", "customer_id,local_time,kwh"):
        at_s = labels.get(label)
        if at_s is None:
            at_s = labels[label] = clock.parse(label)
        quantity = quantities.get(kwh)
        if quantity is None:
            quantity = quantities[kwh] = micro_of(kwh)
        customers.setdefault(customer, []).append((at_s, quantity))
    return {f"E{customer}": registers_of(rows) for customer, rows in customers.items()}


def registers_of(rows):
    """Accumulates one customer's (label, kwh) rows; only the first row of a label advances."""
    rows.sort(key=lambda row: row[0])  # stable: rows of one label stay in file order
    readings, before, after, newest = [], 0, 0, None
    for at_s, quantity in rows:
        if at_s != newest:
            newest, before, after = at_s, after, after + quantity
        readings.append((at_s, before + quantity))
    return readings[0][0] - ELECTRICITY.interval_s, 0, readings


def read_water(path):
    """Cumulative registers in litres, in file order: number -> (installed, first value, readings)."""
    clock = Clock(slice(6, 10), slice(3, 5), slice(0, 2))
    quantities, users = {}, {}
    for user, label, litres, _ in rows_of(path, ";", "user key;datetime;meter reading;diff"):
        quantity = quantities.get(litres)
        if quantity is None:
            quantity = quantities[litres] = micro_of(litres, MICRO // 1_000)
        users.setdefault(user, []).append((clock.parse(label), quantity))
    meters = {}
    for user, readings in users.items():
        number = "W" + user.replace("-", "")[:12].upper()
        if number in meters:
            raise ValueError(f"meter number {number} stands for two users")
        earliest_s, first_value = min(readings, key=lambda reading: reading[0])  # first among equals
        meters[number] = (earliest_s - WATER.interval_s, first_value, readings)
    return meters


# Report -----------------------------------------------------------------------------------------


def judge_all(utility, meters):
    """Judges every reading of every meter: number -> Meter."""
    judged = {}
    for number, (installed_s, first_value, readings) in sorted(meters.items()):
        meter = judged[number] = Meter(utility, installed_s, first_value)
        judge = meter.judge
        for at_s, value in readings:
            judge(at_s, value)
    return judged


def report_of_meter(meter):
    """The figures of one meter."""
    charges = {month: charge_of(meter.utility.blocks, units) for month, units in meter.months.items()}
    months = {
        month: {"consumption": canonical(units, 6), "charge": canonical(charges[month], MONEY_SCALE)}
        for month, units in sorted(meter.months.items())
    }
    return {
        "total": sum(meter.counts.values()),
        **meter.counts,
        "gaps": meter.gaps,
        "suspected": len(meter.suspicions),
        "consumption": canonical(sum(meter.months.values()), 6),
        "charge": canonical(sum(charges.values()), MONEY_SCALE),
        "months": months,
    }


def written(instant_s):
    """A scheme-local instant as text."""
    day, second = divmod(instant_s, DAY_S)
    clock = f"{second // HOUR_S:02d}:{second % HOUR_S // 60:02d}:{second % 60:02d}"
    return f"{date.fromordinal(day).isoformat()}T{clock}"


def report_of(judged):
    """The figures of one utility: the sums over its meters, each suspicion, each meter."""
    meters = {number: report_of_meter(meter) for number, meter in judged.items()}
    counted = ("total", *CLASSES, "gaps", "suspected")
    sums = {key: sum(meter[key] for meter in meters.values()) for key in counted}
    suspicions = [
        {"meter": number, "read_at": written(at_s), "kind": kind}
        for number, meter in judged.items()
        for at_s, kind in meter.suspicions
    ]
    return {**sums, "suspicions": suspicions, "meters": meters}


def build(electricity_path, water_path):
    """The whole report of both files."""
    return {
        "readings": {
            "electricity": report_of(judge_all(ELECTRICITY, read_electricity(electricity_path))),
            "water": report_of(judge_all(WATER, read_water(water_path))),
        }
    }


def main(arguments=None):
    parser = argparse.ArgumentParser(description="What a correct ledger must report for two reading files.")
    parser.add_argument("--electricity", required=True, help="CSV (plain or gzip): customer_id,local_time,kwh")
    parser.add_argument("--water", required=True, help="CSV (plain or gzip): user key;datetime;meter reading;diff")
    parser.add_argument("--out", help="where the JSON goes; standard output if left out")
    options = parser.parse_args(arguments)
    text = json.dumps(build(options.electricity, options.water), indent=1) + "\n"
    if options.out is None:
        sys.stdout.write(text)
    else:
        with open(options.out, "w", encoding="utf-8") as out:
            out.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
