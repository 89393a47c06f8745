//! Prints how many readings a second one core decodes: one a message, and a hundred.
//!
//! A figure to look at, not a test: `cargo run --release -p meter-gateway --example decode_rate`.

use bytes::Bytes;
use ledger_core::time::{Zone, ZoneError};
use meter_gateway::bench::decode_rate;

fn main() -> Result<(), ZoneError> {
    let zone = Zone::named("Asia/Brunei")?;
    let one = |n: u32| {
        format!(
            r#"{{"meter":"E1{n:07}","read_at":"2012-02-10T08:00:00+08:00","value":"1234.567"}}"#
        )
    };
    let hundred: Vec<String> = (0..100).map(one).collect();
    let hundred = format!(r#"{{"readings":[{}]}}"#, hundred.join(","));
    for (name, payload) in [("one", one(1)), ("hundred", hundred)] {
        let rate = decode_rate(&Bytes::from(payload), &zone);
        println!("{name}: {} readings/s", rate.messages_per_s);
    }
    Ok(())
}
