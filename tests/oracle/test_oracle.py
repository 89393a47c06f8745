"""Shows the oracle's judgements, splits and tariffs by cases small enough to work out by hand.

Owns: the tests of oracle.py and compare.py. Why: a witness is worth what its own proof is worth.
Absent on purpose: the ledger itself. The last test needs the two real files; it names the folder
that holds them by LEDGER_DATA and is skipped, visibly, where that is not set.
"""

import contextlib
import gzip
import io
import json
import os
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import compare  # noqa: E402
import oracle  # noqa: E402
from oracle import ELECTRICITY, HOUR_S, MICRO, WATER, Meter, canonical, charge_of  # noqa: E402

TOP = oracle.REGISTER_TOP
ISO = oracle.Clock(slice(0, 4), slice(5, 7), slice(8, 10))


def at(label):
    return ISO.parse(label)


NOON = at("2016-05-10 12:00:00")


def water(first_litres=1_000_000, installed_s=NOON - HOUR_S):
    return Meter(WATER, installed_s, first_litres * 1_000)


def litres(meter, at_s, value):
    return meter.judge(at_s, value * 1_000)


def used(meter):
    return sum(meter.months.values())


class Judgement(unittest.TestCase):
    def test_c8_the_first_reading_is_charged_from_the_installation(self):
        meter = water()
        self.assertEqual(litres(meter, NOON, 1_000_120), "accepted")
        self.assertEqual(used(meter), 120_000)

    def test_c8_a_reading_before_the_installation_is_refused_and_judged_afresh(self):
        meter = water()
        for _ in range(2):
            self.assertEqual(litres(meter, NOON - HOUR_S - 1, 1_000_000), "refused")
        self.assertEqual(meter.counts["refused"], 2)

    def test_c8_the_installation_is_itself_a_known_instant(self):
        meter = water()
        self.assertEqual(litres(meter, NOON - HOUR_S, 1_000_000), "duplicate")
        self.assertEqual(litres(meter, NOON - HOUR_S, 1_000_001), "conflicting")

    def test_c9_a_value_the_register_cannot_show_is_refused(self):
        meter = Meter(WATER, NOON - HOUR_S, TOP - MICRO)
        self.assertEqual(meter.judge(NOON, TOP), "refused")
        self.assertEqual(meter.judge(NOON, -1), "refused")
        self.assertEqual(meter.judge(NOON, TOP - 1), "accepted")

    def test_c8_an_identical_repeat_is_a_duplicate_and_charges_nothing(self):
        meter = water()
        litres(meter, NOON, 1_000_120)
        self.assertEqual(litres(meter, NOON, 1_000_120), "duplicate")
        self.assertEqual(used(meter), 120_000)

    def test_c8_another_value_at_a_known_instant_conflicts_and_the_first_stands(self):
        meter = water()
        litres(meter, NOON, 1_000_120)
        self.assertEqual(litres(meter, NOON, 1_000_150), "conflicting")
        self.assertEqual(litres(meter, NOON, 1_000_150), "duplicate")
        self.assertEqual(litres(meter, NOON, 1_000_160), "conflicting")
        self.assertEqual(litres(meter, NOON, 1_000_120), "duplicate")
        self.assertEqual(litres(meter, NOON + HOUR_S, 1_000_200), "accepted")
        self.assertEqual(used(meter), 200_000)

    def test_c8_an_old_instant_is_recognised_before_it_is_called_late(self):
        meter = water()
        litres(meter, NOON, 1_000_100)
        litres(meter, NOON + HOUR_S, 1_000_200)
        self.assertEqual(litres(meter, NOON, 1_000_100), "duplicate")
        self.assertEqual(litres(meter, NOON, 1_000_101), "conflicting")

    def test_c8_a_late_reading_is_kept_and_charges_nothing(self):
        meter = water()
        litres(meter, NOON + HOUR_S, 1_000_200)
        self.assertEqual(litres(meter, NOON, 1_000_100), "late")
        self.assertEqual(litres(meter, NOON, 1_000_100), "duplicate")
        self.assertEqual(litres(meter, NOON, 1_000_099), "conflicting")
        self.assertEqual(used(meter), 200_000)

    def test_c8_a_quarantined_instant_is_known_too(self):
        meter = water()
        self.assertEqual(litres(meter, NOON, 2_000_000), "quarantined")
        self.assertEqual(litres(meter, NOON, 2_000_000), "duplicate")
        self.assertEqual(litres(meter, NOON, 1_000_100), "conflicting")

    def test_c9_a_drop_within_tolerance_is_zero_use_and_keeps_the_higher_base(self):
        meter = water()
        self.assertEqual(litres(meter, NOON, 999_990), "accepted")
        self.assertEqual((meter.base, meter.base_s), (1_000_000_000, NOON))
        self.assertEqual(litres(meter, NOON + HOUR_S, 1_000_005), "accepted")
        self.assertEqual(used(meter), 5_000)

    def test_c9_a_drop_past_tolerance_is_quarantined_and_the_base_stays(self):
        meter = water()
        self.assertEqual(litres(meter, NOON, 999_989), "quarantined")
        self.assertEqual((meter.base, meter.base_s), (1_000_000_000, NOON - HOUR_S))
        self.assertEqual(litres(meter, NOON + HOUR_S, 1_000_007), "accepted")
        self.assertEqual(used(meter), 7_000)

    def test_c9_electricity_tolerates_a_tenth_of_a_kilowatt_hour(self):
        for drop, expected in ((100_000, "accepted"), (100_001, "quarantined")):
            meter = Meter(ELECTRICITY, NOON, 5 * MICRO)
            self.assertEqual(meter.judge(NOON + 1_800, 5 * MICRO - drop), expected)

    def test_c9_a_rise_at_the_flow_limit_is_accepted_and_above_it_quarantined(self):
        for rise, expected in ((5_000, "accepted"), (5_001, "quarantined")):
            self.assertEqual(litres(water(), NOON, 1_000_000 + rise), expected)
        for rise, expected in ((50 * MICRO, "accepted"), (50 * MICRO + 1, "quarantined")):
            self.assertEqual(Meter(ELECTRICITY, NOON, 0).judge(NOON + 1_800, rise), expected)

    def test_c9_the_flow_limit_is_taken_over_at_least_five_minutes(self):
        # 5 m3/h over 5 min is 416.666… litres.
        for rise, expected in ((416, "accepted"), (417, "quarantined")):
            self.assertEqual(litres(water(), NOON - HOUR_S + 10, 1_000_000 + rise), expected)

    def test_c9_a_register_is_counted_through_zero(self):
        meter = Meter(WATER, NOON - HOUR_S, TOP - MICRO)
        self.assertEqual(meter.judge(NOON, MICRO // 2), "accepted")
        self.assertEqual((used(meter), meter.base), (1_500_000, MICRO // 2))

    def test_c9_a_rollover_needs_the_last_tenth_the_first_tenth_and_the_flow(self):
        long_s = 100 * 365 * oracle.DAY_S
        cases = (
            (9 * TOP // 10, TOP // 10 - 1, long_s, "accepted"),
            (9 * TOP // 10 - 1, TOP // 10 - 1, long_s, "quarantined"),
            (9 * TOP // 10, TOP // 10, long_s, "quarantined"),
            (TOP - MICRO, 4 * MICRO, HOUR_S, "accepted"),
            (TOP - MICRO, 4 * MICRO + 1, HOUR_S, "quarantined"),
        )
        for base, value, elapsed_s, expected in cases:
            meter = Meter(WATER, NOON, base)
            self.assertEqual(meter.judge(NOON + elapsed_s, value), expected, (base, value))

    def test_c10_a_gap_is_more_than_one_and_a_half_intervals_after_the_base(self):
        for elapsed_s, gaps in ((5_400, 0), (5_401, 1)):
            meter = water(installed_s=NOON)
            litres(meter, NOON + elapsed_s, 1_000_001)
            self.assertEqual(meter.gaps, gaps)

    def test_c10_a_quarantined_reading_does_not_shorten_a_gap_but_zero_use_does(self):
        meter = water(installed_s=NOON)
        litres(meter, NOON + HOUR_S, 900_000)
        litres(meter, NOON + 2 * HOUR_S, 1_000_001)
        self.assertEqual(meter.gaps, 1)
        meter = water(installed_s=NOON)
        litres(meter, NOON + HOUR_S, 999_999)
        litres(meter, NOON + 2 * HOUR_S, 1_000_001)
        self.assertEqual(meter.gaps, 0)


class Suspicion(unittest.TestCase):
    def held(self, meter, *values, start=0):
        for hour, value in enumerate(values, start=start):
            self.assertEqual(litres(meter, NOON + hour * HOUR_S, value), "quarantined")
        return [kind for _, kind in meter.suspicions]

    def test_c9_three_agreeing_drops_raise_an_exchange(self):
        self.assertEqual(self.held(water(), 10, 20, 30), ["exchange"])

    def test_c9_three_agreeing_rises_raise_limit_or_exchange(self):
        self.assertEqual(self.held(water(), 1_500_000, 1_500_100, 1_500_200), ["limit_or_exchange"])

    def test_c9_two_are_not_enough(self):
        self.assertEqual(self.held(water(), 10, 20), [])

    def test_c9_one_is_raised_while_open(self):
        self.assertEqual(self.held(water(), 10, 20, 30, 40, 50), ["exchange"])

    def test_c9_three_that_disagree_raise_nothing_until_the_newest_three_agree(self):
        meter = water()
        self.assertEqual(self.held(meter, 400_000, 10, 20), [])
        self.assertEqual(self.held(meter, 30, start=3), ["exchange"])

    def test_c9_a_drop_within_tolerance_agrees(self):
        self.assertEqual(self.held(water(), 30, 20, 21), ["exchange"])
        self.assertEqual(self.held(water(), 30, 19, 21), [])

    def test_c9_a_drop_of_ten_tolerances_takes_no_part(self):
        # 100 litres below the base is ten tolerances; 101 is more.
        self.assertEqual(self.held(water(), 999_900, 999_900, 999_900), [])
        self.assertEqual(self.held(water(), 999_899, 999_899, 999_899), ["exchange"])
        self.assertEqual(self.held(water(), 10, 20, 999_900, 30), ["exchange"])

    def test_c9_an_accepted_reading_breaks_the_row(self):
        meter = water()
        self.held(meter, 10, 20)
        self.assertEqual(litres(meter, NOON + 2 * HOUR_S, 1_000_100), "accepted")
        self.assertEqual(self.held(meter, 30, 40, start=3), [])

    def test_c9_an_accepted_reading_withdraws_an_open_suspicion(self):
        meter = water()
        self.held(meter, 10, 20, 30)
        litres(meter, NOON + 3 * HOUR_S, 1_000_100)
        self.assertFalse(meter.suspicion_open)
        self.assertEqual(self.held(meter, 40, 50, 60, start=4), ["exchange", "exchange"])

    def test_c9_the_row_goes_by_read_time_and_needs_the_new_reading_in_it(self):
        meter = water()
        for hour, value in ((2, 30), (0, 10), (1, 20)):
            litres(meter, NOON + hour * HOUR_S, value)
        self.assertEqual([when for when, _ in meter.suspicions], [NOON + HOUR_S])
        meter = water()
        for hour, value in ((1, 400_000), (2, 10), (3, 20), (0, 9)):
            litres(meter, NOON + hour * HOUR_S, value)
        self.assertEqual(meter.suspicions, [])

    def test_c9_a_row_that_is_already_complete_is_not_raised_by_a_reading_before_it(self):
        meter = water()
        self.held(meter, 10, 20, 30, start=5)
        self.assertEqual(litres(meter, NOON + 2 * HOUR_S, 1_000_100), "accepted")
        self.assertEqual(self.held(meter, 5, start=3), ["exchange"])
        self.assertEqual(self.held(meter, 40, start=8), ["exchange", "exchange"])

    def test_c9_a_foreign_register_between_true_readings_raises_nothing(self):
        meter = water(207_774)
        for hour in range(4):
            start = NOON + hour * HOUR_S
            self.assertEqual(litres(meter, start, 456_017 + hour), "quarantined")
            self.assertEqual(litres(meter, start + 60, 207_800 + hour), "accepted")
        self.assertEqual((meter.suspicions, used(meter)), ([], 29_000))


class Split(unittest.TestCase):
    def test_c10_a_reading_at_the_first_instant_of_a_month_belongs_to_the_month_before(self):
        start, end = at("2012-01-31 23:30:00"), at("2012-02-01 00:00:00")
        self.assertEqual(list(oracle.shares_of(100, start, end)), [("2012-01", 100)])

    def test_c10_the_running_total_is_truncated_and_a_share_is_the_difference(self):
        start, end = at("2016-02-29 23:00:00"), at("2016-03-01 02:00:00")
        self.assertEqual(
            list(oracle.shares_of(100, start, end)), [("2016-02", 33), ("2016-03", 67)]
        )

    def test_c10_a_gap_over_months_is_cut_in_proportion(self):
        # 1 day of December, 31 of January, 29 of February 2012, 1 of March: 62 days.
        start, end = at("2011-12-31 00:00:00"), at("2012-03-02 00:00:00")
        self.assertEqual(
            list(oracle.shares_of(62_000_001, start, end)),
            [("2011-12", 1_000_000), ("2012-01", 31_000_000), ("2012-02", 29_000_000), ("2012-03", 1_000_001)],
        )

    def test_c10_cuts_at_days_do_not_change_the_share_of_a_month(self):
        start, end = at("2016-01-29 07:13:00"), at("2016-03-02 05:01:07")
        for total in (1, 999_983, 77_777_777):
            by_day, before, cut = {}, 0, start
            while cut < end:
                following = min((cut // oracle.DAY_S + 1) * oracle.DAY_S, end)
                running = total * (following - start) // (end - start)
                month = oracle.month_of(cut)[0]
                by_day[month] = by_day.get(month, 0) + running - before
                before, cut = running, following
            self.assertEqual(dict(oracle.shares_of(total, start, end)), by_day)

    def test_c10_the_share_of_zero_use_moves_the_time_from_which_the_next_is_even(self):
        meter = water(installed_s=at("2016-02-28 00:00:00"))
        litres(meter, at("2016-03-01 00:00:00"), 999_995)
        litres(meter, at("2016-03-02 00:00:00"), 1_000_010)
        self.assertEqual(meter.months, {"2016-02": 0, "2016-03": 10_000})


class Tariff(unittest.TestCase):
    def charge(self, blocks, units):
        return canonical(charge_of(blocks, oracle.micro_of(units)), oracle.MONEY_SCALE)

    def test_u_tariffs_electricity_residential(self):
        cases = {
            "0": "0",
            "0.237": "0.00237",
            "600": "6",
            "600.5": "6.04",
            "601": "6.08",
            "2000": "118",
            "4000": "318",
            "5000": "438",
        }
        for units, expected in cases.items():
            self.assertEqual(self.charge(ELECTRICITY.blocks, units), expected, units)

    def test_u_tariffs_water_domestic_for_one_dwelling_unit(self):
        cases = {"54.54": "5.9994", "54.541": "5.99984", "55.54": "6.4394", "0.001": "0.00011"}
        for units, expected in cases.items():
            self.assertEqual(self.charge(WATER.blocks, units), expected, units)

    def test_u_tariffs_blocks_of_140_kva_price_26880_units(self):
        kva = 140 * MICRO
        blocks = ((10 * kva, 20), (100 * kva, 7), (100 * kva, 6), (None, 5))
        self.assertEqual(self.charge(blocks, "26880"), "1948.8")

    def test_c11_each_month_begins_at_the_first_block(self):
        meter = Meter(ELECTRICITY, at("2012-01-31 00:00:00"), 0)
        meter.judge(at("2012-02-01 00:00:00"), 601 * MICRO)
        meter.judge(at("2012-02-02 00:00:00"), 1_202 * MICRO)
        figures = oracle.report_of_meter(meter)
        self.assertEqual((figures["consumption"], figures["charge"]), ("1202", "12.16"))
        self.assertEqual(figures["months"]["2012-02"], {"consumption": "601", "charge": "6.08"})

    def test_c3_one_canonical_written_form(self):
        cases = {(0, 6): "0", (2_000_000, 6): "2", (1, 8): "0.00000001", (-1_500, 3): "-1.5", (100, 0): "100"}
        for (value, places), expected in cases.items():
            self.assertEqual(canonical(value, places), expected)

    def test_c3_a_quantity_finer_than_a_millionth_is_refused(self):
        self.assertEqual(oracle.micro_of("0.000001"), 1)
        self.assertEqual(oracle.micro_of("4e+05", MICRO // 1_000), 400_000_000)
        for text in ("0.0000001", "NaN", "Infinity", "", "x"):
            with self.assertRaises((ValueError, ArithmeticError), msg=text):
                oracle.micro_of(text)


ELECTRICITY_CSV = """customer_id,local_time,kwh
7,2012-02-01 00:30:00,0.2
7,2012-02-01 00:00:00,0.1
7,2012-02-01 00:30:00,0.5
7,2012-02-01 00:30:00,0.2
7,2012-02-01 02:00:00,1
"""
WATER_CSV = """user key;datetime;meter reading;diff
0a1b2c3d-4e5f-0000-0000-000000000000;01/03/2016 10:00:00;1005;5
0a1b2c3d-4e5f-0000-0000-000000000000;01/03/2016 09:00:00;1000;0
0a1b2c3d-4e5f-0000-0000-000000000000;01/03/2016 09:00:00;1001;0
0a1b2c3d-4e5f-0000-0000-000000000000;01/03/2016 11:00:00;2e+03;5
"""


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    def built(self):
        packed = self.folder / "water.csv.gz"
        packed.write_bytes(gzip.compress(WATER_CSV.encode()))
        return oracle.build(self.write("electricity.csv", ELECTRICITY_CSV), str(packed))["readings"]

    def compared(self, ours, theirs):
        paths = [self.write(f"{name}.json", json.dumps(it)) for name, it in (("a", ours), ("b", theirs))]
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = compare.main(paths)
        return code, out.getvalue()

    def test_electricity_rows_become_a_register_that_only_first_rows_advance(self):
        meters = oracle.read_electricity(self.write("electricity.csv", ELECTRICITY_CSV))
        first = at("2012-02-01 00:00:00")
        readings = [
            (first, 100_000),
            (first + 1_800, 300_000),
            (first + 1_800, 600_000),
            (first + 1_800, 300_000),
            (first + 7_200, 1_300_000),
        ]
        self.assertEqual(meters, {"E7": (first - 1_800, 0, readings)})

    def test_electricity_figures_of_the_small_file(self):
        figures = self.built()["electricity"]["meters"]["E7"]
        expected = {
            "total": 5, "accepted": 3, "duplicate": 1, "conflicting": 1, "late": 0, "quarantined": 0,
            "refused": 0, "gaps": 1, "suspected": 0, "consumption": "1.3", "charge": "0.013",
            "months": {
                "2012-01": {"consumption": "0.1", "charge": "0.001"},
                "2012-02": {"consumption": "1.2", "charge": "0.012"},
            },
        }  # fmt: skip
        self.assertEqual(figures, expected)

    def test_water_figures_of_the_small_file(self):
        figures = self.built()["water"]["meters"]["W0A1B2C3D4E5F"]
        expected = {
            "total": 4, "accepted": 2, "duplicate": 0, "conflicting": 1, "late": 1, "quarantined": 0,
            "refused": 0, "gaps": 1, "suspected": 0, "consumption": "1", "charge": "0.11",
            "months": {"2016-03": {"consumption": "1", "charge": "0.11"}},
        }  # fmt: skip
        self.assertEqual(figures, expected)

    def test_two_users_of_one_meter_number_are_refused(self):
        twin = WATER_CSV + "0a1b2c3d-4e5f-ffff-0000-000000000000;01/03/2016 10:00:00;1;0\n"
        with self.assertRaisesRegex(ValueError, "W0A1B2C3D4E5F stands for two users"):
            oracle.read_water(self.write("water.csv", twin))

    def test_another_header_is_refused(self):
        with self.assertRaisesRegex(ValueError, "header"):
            oracle.read_electricity(self.write("water.csv", WATER_CSV))

    def test_the_command_writes_what_build_returns(self):
        electricity = self.write("electricity.csv", ELECTRICITY_CSV)
        water_path = self.write("water.csv", WATER_CSV)
        out = self.folder / "oracle.json"
        arguments = ["--electricity", electricity, "--water", water_path]
        self.assertEqual(oracle.main([*arguments, "--out", str(out)]), 0)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            oracle.main(arguments)
        self.assertEqual(out.read_text(encoding="utf-8"), printed.getvalue())
        self.assertEqual(json.loads(printed.getvalue()), oracle.build(electricity, water_path))

    def test_a_report_alike_has_no_difference(self):
        ours = {"readings": self.built()}
        code, out = self.compared(ours, ours)
        self.assertEqual(code, 0)
        # Per utility 9 sums; per meter 9 counts and 2 figures; per month 2 figures (2 + 1 months).
        self.assertEqual(out, "compared 46 figures of 2 meters and 3 meter months: 0 differences\n")

    def test_each_kind_of_difference_is_named(self):
        def edit(*path, value=None):
            report = {"readings": self.built()}
            place = report
            for key in path[:-1]:
                place = place[key]
            if value is None:
                del place[path[-1]]
            else:
                place[path[-1]] = value
            return report

        meter = ("readings", "electricity", "meters", "E7")
        cases = (
            (edit("readings", "water"), "water: not in the report"),
            (edit(*meter), "electricity.E7: meter is not in the report"),
            (edit(*meter[:-1], "E8", value={}), "electricity.E8: meter is in the report only"),
            (edit(*meter, "late"), "electricity.E7.late: oracle 0, report absent"),
            (edit(*meter, "gaps", value=2), "electricity.E7.gaps: oracle 1, report 2"),
            (edit(*meter, "charge", value="0.0130"), 'electricity.E7.charge: oracle "0.013", report "0.0130"'),
            (edit(*meter, "charge", value=0.013), 'electricity.E7.charge: oracle "0.013", report 0.013'),
            (
                edit(*meter, "months", "2012-01"),
                'electricity.E7.2012-01.consumption: oracle "0.1", report "0"',
            ),
            (edit("readings", "water", "accepted", value=3), "water.accepted: oracle 2, report 3"),
            (edit("readings", "water", "gaps", value=0), "water.gaps: oracle 1, report 0"),
            (edit("readings", "gas", value={}), "gas: utility is in the report only"),
        )
        for report, line in cases:
            code, out = self.compared({"readings": self.built()}, report)
            self.assertEqual(code, 1, line)
            self.assertIn(line + "\n", out)

    def test_a_month_of_no_use_and_the_sums_of_gaps_may_be_left_out(self):
        ours, theirs = {"readings": self.built()}, {"readings": self.built()}
        ours["readings"]["water"]["meters"]["W0A1B2C3D4E5F"]["months"]["2016-04"] = {
            "consumption": "0",
            "charge": "0",
        }
        del theirs["readings"]["water"]["gaps"], theirs["readings"]["water"]["suspected"]
        self.assertEqual(self.compared(ours, theirs)[0], 0)

    def test_an_unreadable_report_is_no_success(self):
        path = self.write("broken.json", "{")
        with contextlib.redirect_stderr(io.StringIO()) as err:
            self.assertEqual(compare.main([path, path]), 2)
        self.assertIn("cannot compare", err.getvalue())

    def test_two_empty_reports_are_no_success(self):
        self.assertEqual(self.compared({"readings": {}}, {"readings": {}})[0], 1)


@unittest.skipUnless(os.environ.get("LEDGER_DATA"), "needs the real files: set LEDGER_DATA to their folder")
class RealFiles(unittest.TestCase):
    def test_the_real_files_give_the_figures_of_the_readme(self):
        folder = Path(os.environ["LEDGER_DATA"])
        readings = oracle.build(
            str(folder / "electricity" / "sgsc50_halfhourly.csv.gz"),
            str(folder / "water" / "daiad92_registers_2016.csv.gz"),
        )["readings"]
        keys = ("total", *oracle.CLASSES, "gaps", "suspected")
        found = {name: [figures[key] for key in keys] for name, figures in readings.items()}
        expected = {
            "electricity": [1_278_870, 1_278_712, 14, 144, 0, 0, 0, 380, 0],
            "water": [674_019, 673_913, 70, 8, 0, 28, 0, 16_749, 0],
        }
        self.assertEqual(found, expected)
        self.assertEqual(self.sums(readings["electricity"]), ("306991.607", "5137.595422"))
        self.assertEqual(self.sums(readings["water"]), ("7719.091", "849.10001"))

    def sums(self, figures):
        def total(key, places):
            parts = (oracle.micro_of(it[key], 10**places) for it in figures["meters"].values())
            return canonical(sum(parts), places)

        return total("consumption", 6), total("charge", oracle.MONEY_SCALE)


if __name__ == "__main__":
    unittest.main()
