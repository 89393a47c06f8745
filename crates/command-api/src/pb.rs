//! The contract as Rust: messages, clients and servers of `ledger.v1`, generated from `proto/`.
//!
//! Written by hand is only the debug output of messages with personal data, which holds none of them
//! (C17). The comments of the protos are the documentation.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::restriction
)]

tonic::include_proto!("ledger.v1");

/// The contract as an encoded `google.protobuf.FileDescriptorSet`, comments included.
pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("ledger_v1");

macro_rules! kept_back {
    ($($message:ty),+) => {
        $(impl std::fmt::Debug for $message {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($message), " (kept back)"))
            }
        })+
    };
}

kept_back!(
    PersonData,
    PersonTexts,
    UpdatePersonRequest,
    FindPersonsRequest,
    find_persons_request::By
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c17_no_message_shows_personal_data_by_itself() {
        let texts = || {
            Some(PersonTexts {
                values: vec!["SECRET".to_owned()],
            })
        };
        let data = || PersonData {
            name: "SECRET".to_owned(),
            identity_numbers: vec!["SECRET".to_owned()],
            telephones: vec!["SECRET".to_owned()],
            emails: vec!["SECRET".to_owned()],
        };
        let add = AddPersonRequest {
            reference: "R-1".to_owned(),
            data: Some(data()),
        };
        let get = GetPersonResponse {
            data: Some(data()),
            ..Default::default()
        };
        let update = UpdatePersonRequest {
            name: "SECRET".to_owned(),
            identity_numbers: texts(),
            telephones: texts(),
            emails: texts(),
            ..Default::default()
        };
        let by = find_persons_request::By::Telephone("SECRET".to_owned());
        let find = FindPersonsRequest {
            by: Some(by.clone()),
        };
        let shown = format!("{add:?} {get:?} {update:?} {by:?} {find:?} {:?}", data());
        assert!(!shown.contains("SECRET"), "{shown}");
        assert!(shown.contains("R-1"));
    }
}
