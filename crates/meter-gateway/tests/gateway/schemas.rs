//! The published schemas say what the decoder does.

use bytes::Bytes;
use ledger_core::time::Zone;
use meter_gateway::decode::{READINGS_PER_MESSAGE_MAX, Reason, decode};
use serde_json::Value;

const READING: &str = include_str!("../../../../docs/schemas/reading.schema.json");
const BATCH: &str = include_str!("../../../../docs/schemas/reading-batch.schema.json");
const GUIDE: &str = include_str!("../../../../docs/nats.md");

fn parsed(schema: &str) -> Value {
    serde_json::from_str(schema).unwrap()
}

#[test]
fn every_example_of_the_schemas_is_decoded() {
    let zone = Zone::named("Asia/Brunei").unwrap();
    for schema in [READING, BATCH] {
        let schema = parsed(schema);
        let examples = schema["examples"].as_array().unwrap();
        assert!(examples.len() >= 2);
        for example in examples {
            let decoded = decode(&Bytes::from(example.to_string()), &zone);
            assert_eq!(decoded.malformed, [], "{example}");
            assert!(!decoded.readings.is_empty());
        }
    }
}

#[test]
fn the_schema_names_the_fields_and_limits_of_the_decoder() {
    let zone = Zone::named("Asia/Brunei").unwrap();
    let schema = parsed(READING);
    let example = schema["examples"][1].as_object().unwrap();
    let known: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(known, example.keys().collect::<Vec<_>>());
    for required in schema["required"].as_array().unwrap() {
        let mut without = example.clone();
        without.remove(required.as_str().unwrap());
        let decoded = decode(&Bytes::from(Value::Object(without).to_string()), &zone);
        assert_eq!(
            decoded.malformed[0].reason,
            Reason::MissingField,
            "{required}"
        );
    }
    let most = &parsed(BATCH)["$defs"]["readings"]["maxItems"];
    assert_eq!(most.as_u64(), Some(READINGS_PER_MESSAGE_MAX as u64));
}

#[test]
fn the_guide_lists_every_reason() {
    for reason in Reason::ALL {
        assert!(GUIDE.contains(&format!("`{reason}`")), "{reason}");
    }
}
