//! `PersonService` over the socket: what staff get, what is refused and how, who may call.

use command_api::pb;
use tonic::Code;
use tonic_types::StatusExt;

use crate::harness::{Setup, World, hours, info_of, instant, reason_of, start};

fn data() -> pb::PersonData {
    pb::PersonData {
        name: "Aminah binti Haji Abdullah".to_owned(),
        identity_numbers: vec!["01-098765".to_owned()],
        telephones: vec!["+673 876 5432".to_owned()],
        emails: vec!["aminah@example.org".to_owned()],
    }
}

fn add(reference: &str, data: pb::PersonData) -> pb::AddPersonRequest {
    pb::AddPersonRequest {
        reference: reference.to_owned(),
        data: Some(data),
    }
}

fn erase(person: &str) -> pb::ErasePersonRequest {
    pb::ErasePersonRequest {
        person: person.to_owned(),
        reason: pb::ErasureReason::Request.into(),
        document: "DPO-17".to_owned(),
    }
}

#[tokio::test]
async fn c17_a_person_is_added_shown_changed_found_and_erased_over_the_socket() {
    let world = World::start().await;
    let staff = world.client("office").await;
    let mut persons = staff.persons();
    let added = persons
        .add_person(add("P-1", data()))
        .await
        .unwrap()
        .into_inner();
    let again = persons
        .add_person(add("P-1", data()))
        .await
        .unwrap()
        .into_inner();
    assert!(again.duplicate && again.person == added.person);
    let ask = pb::GetPersonRequest {
        person: added.person.clone(),
    };
    let shown = persons.get_person(ask.clone()).await.unwrap().into_inner();
    let kept = shown.data.unwrap();
    assert_eq!(
        (kept.name.as_str(), kept.telephones[0].as_str()),
        ("Aminah binti Haji Abdullah", "+6738765432")
    );
    assert_eq!((shown.revision, shown.added_at), (1, instant(start())));
    let change = pb::UpdatePersonRequest {
        person: added.person.clone(),
        revision: 1,
        emails: Some(pb::PersonTexts::default()),
        ..Default::default()
    };
    let updated = persons
        .update_person(change.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!((updated.revision, updated.changed), (2, true));
    let other = pb::UpdatePersonRequest {
        name: "Aminah".to_owned(),
        ..change
    };
    let stale = persons.update_person(other).await.unwrap_err();
    assert_eq!(
        (stale.code(), reason_of(&stale).as_str()),
        (Code::Aborted, "PERSON_CHANGED")
    );
    let by = pb::find_persons_request::By::IdentityNumber("01098765".to_owned());
    let found = persons
        .find_persons(pb::FindPersonsRequest { by: Some(by) })
        .await
        .unwrap();
    assert_eq!(
        found.into_inner().persons,
        std::slice::from_ref(&added.person)
    );
    let mut later = staff.at(hours(1)).persons();
    let erased = later
        .erase_person(erase(&added.person))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (
            erased.identity_numbers,
            erased.telephones,
            erased.emails,
            erased.again
        ),
        (1, 1, 0, false)
    );
    assert_eq!(
        (erased.erased_at, erased.erased_by.as_str()),
        (instant(hours(1)), "office")
    );
    let again = staff
        .at(hours(9))
        .persons()
        .erase_person(erase(&added.person))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        again,
        pb::ErasePersonResponse {
            again: true,
            ..erased
        }
    );
    let gone = persons.get_person(ask).await.unwrap_err();
    let info = info_of(&gone);
    assert_eq!(
        (gone.code(), info.reason.as_str()),
        (Code::FailedPrecondition, "PERSON_ERASED")
    );
    assert_eq!(info.metadata["reason"], "request");
    assert_eq!(info.metadata["erased_at"], hours(1).to_string());
    let list = persons
        .list_persons(pb::ListPersonsRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(list.persons[0].reason(), pb::ErasureReason::Request);
}

#[tokio::test]
async fn c17_a_malformed_person_names_every_field_and_repeats_no_value() {
    let world = World::start().await;
    let mut persons = world.client("office").await.persons();
    let bad = pb::PersonData {
        name: String::new(),
        identity_numbers: vec!["secret!".to_owned()],
        telephones: vec!["555-secret".to_owned()],
        emails: vec!["secret@".to_owned()],
    };
    let status = persons.add_person(add("P-1", bad)).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let details = status.get_error_details();
    let fields: Vec<_> = details
        .bad_request()
        .unwrap()
        .field_violations
        .iter()
        .map(|v| v.field.as_str())
        .collect();
    assert_eq!(
        fields,
        ["name", "identity_numbers[0]", "telephones[0]", "emails[0]"]
    );
    assert!(!format!("{status:?}").contains("secret"), "{status:?}");
    let unreasoned = pb::ErasePersonRequest {
        reason: 0,
        ..erase("p-x")
    };
    let status = persons.erase_person(unreasoned).await.unwrap_err();
    assert_eq!(
        status.code(),
        Code::InvalidArgument,
        "a reason must be given"
    );
}

#[tokio::test]
async fn c17_other_data_under_a_reference_is_a_conflict_and_nobody_is_not_found() {
    let world = World::start().await;
    let mut persons = world.client("office").await.persons();
    persons.add_person(add("P-1", data())).await.unwrap();
    let other = pb::PersonData {
        name: "Bakar".to_owned(),
        ..Default::default()
    };
    let status = persons.add_person(add("P-1", other)).await.unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status).as_str()),
        (Code::AlreadyExists, "KEY_CONFLICT")
    );
    let nobody = pb::GetPersonRequest {
        person: "p-nobody".to_owned(),
    };
    let status = persons.get_person(nobody).await.unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status).as_str()),
        (Code::NotFound, "NOT_FOUND")
    );
}

#[tokio::test]
async fn c17_every_look_over_the_socket_is_in_the_audit_trail_with_its_actor() {
    let world = World::start().await;
    let mut persons = world.client("office").await.persons();
    let added = persons
        .add_person(add("P-1", data()))
        .await
        .unwrap()
        .into_inner();
    for _ in 0..2 {
        let ask = pb::GetPersonRequest {
            person: added.person.clone(),
        };
        persons.get_person(ask).await.unwrap();
    }
    let ask = pb::ReadPersonAuditRequest {
        page_size: 2,
        ..Default::default()
    };
    // Whoever runs the ledger may look at the trail and not at the data.
    let mut operator = world.client("runner").await.persons();
    let trail = operator.read_person_audit(ask).await.unwrap().into_inner();
    let told: Vec<_> = trail
        .lines
        .iter()
        .map(|l| (l.act.as_str(), l.actor.as_str()))
        .collect();
    assert_eq!(told, [("add", "office"), ("show", "office")]);
    assert!(trail.more);
    let refused = operator
        .get_person(pb::GetPersonRequest {
            person: added.person,
        })
        .await
        .unwrap_err();
    assert_eq!(reason_of(&refused), "ROLE_MISSING");
}

#[tokio::test]
async fn c17_a_server_without_a_master_key_keeps_no_persons_and_says_so() {
    let world = World::with(Setup {
        persons: false,
        ..Setup::default()
    })
    .await;
    let mut persons = world.client("office").await.persons();
    let status = persons.add_person(add("P-1", data())).await.unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status).as_str()),
        (Code::FailedPrecondition, "PERSONS_NOT_KEPT")
    );
}
