//! Decimals as files write them, exactly: also with an exponent (`2e+05`), and scaled from litres to m³.

use ledger_core::num::Quantity;

/// Decimals of a quantity.
const PLACES: i32 = 6;
/// Longest text looked at: a quantity has at most 20 signs.
const TEXT_BYTES_MAX: usize = 40;
/// Largest exponent looked at, either way; beyond it no quantity fits.
const EXPONENT_MAX: i32 = 30;

/// Reads a decimal times ten to the power of `shift` (-3: litres to m³).
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn quantity(text: &str, shift: i32) -> Result<Quantity, String> {
    let malformed = || format!("{:?} is not a decimal number", cut(text));
    if text.is_empty() || text.len() > TEXT_BYTES_MAX {
        return Err(malformed());
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| malformed())?),
        None => (text, 0),
    };
    if exponent.abs() > EXPONENT_MAX {
        return Err(format!("{text:?} is out of range"));
    }
    let (negative, digits) = mantissa
        .strip_prefix('-')
        .map_or((false, mantissa), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let has_digits = !whole.is_empty() && (digits.len() == whole.len() || !fraction.is_empty());
    if !has_digits
        || !whole
            .bytes()
            .chain(fraction.bytes())
            .all(|b| b.is_ascii_digit())
    {
        return Err(malformed());
    }
    let number: i128 = format!("{whole}{fraction}")
        .parse()
        .map_err(|_| format!("{text:?} is out of range"))?;
    let decimals = i32::try_from(fraction.len()).map_err(|_| malformed())?;
    let micro = scaled(number, PLACES + shift + exponent - decimals)
        .ok_or_else(|| format!("{text:?} is finer than a millionth, or out of range"))?;
    let micro = i64::try_from(if negative { -micro } else { micro })
        .map_err(|_| format!("{text:?} is out of range"))?;
    // The text form is the only door that checks the range.
    Quantity::parse(&Quantity::from_micro(micro).to_string()).map_err(|error| error.to_string())
}

fn scaled(number: i128, power: i32) -> Option<i128> {
    let factor = 10_i128.checked_pow(power.unsigned_abs())?;
    if power >= 0 {
        return number.checked_mul(factor);
    }
    (number % factor == 0).then(|| number / factor)
}

fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, shift: i32) -> String {
        quantity(text, shift).map_or_else(|error| error, |quantity| quantity.to_string())
    }

    #[test]
    fn c3_an_exponent_is_read_by_its_value_exactly() {
        assert_eq!(read("2e+05", -3), "200");
        assert_eq!(read("4e+05", 0), "400000");
        assert_eq!(read("1.5e-3", 0), "0.0015");
    }

    #[test]
    fn c3_litres_become_cubic_metres_without_rounding() {
        assert_eq!(read("68321", -3), "68.321");
        assert_eq!(read("0.125", -3), "0.000125");
        assert_eq!(
            read("0.0001", -3),
            "\"0.0001\" is finer than a millionth, or out of range"
        );
    }

    #[test]
    fn what_is_no_decimal_is_refused() {
        for bad in [
            "", "-", ".5", "5.", "1,5", "1e", "e5", "NaN", "inf", "+5", "0x10", "1e99",
        ] {
            assert!(quantity(bad, 0).is_err(), "{bad:?}");
        }
        assert_eq!(read("-3.5", 0), "-3.5");
    }
}
