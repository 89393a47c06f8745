//! What each kind of event says to customers and meters, by example.

use super::*;
use event_store::{Position, StreamName};
use ledger_core::event::{KINDS, encode, kind_of};
use ledger_core::ids::{AccountId, MeterNumber};

fn recorded(event: AccountEvent) -> RecordedEvent {
    let event = Event::from(event);
    RecordedEvent {
        stream: StreamName::new("account-A1").unwrap(),
        revision: 3,
        position: Position {
            commit: 9,
            prepare: 9,
        },
        id: Uuid::nil(),
        kind: kind_of(&event).into(),
        data: encode(&event).into(),
        meta: Bytes::from_static(br#"{"at":"2012-02-10T00:00:00Z","by":"clock"}"#),
        recorded_at_ms: 0,
    }
}

fn text(message: &Outgoing) -> &str {
    std::str::from_utf8(&message.payload).unwrap()
}

#[test]
fn c18_a_low_credit_notice_names_account_utility_and_credit_and_nobody() {
    let event = LowCreditEvent::at("4.9");
    let said = messages_of(&recorded(event), &Addressee::default()).unwrap();
    let notice = said.notification.unwrap();
    assert_eq!(notice.subject, "notify.low-credit");
    assert_eq!(notice.id, "00000000-0000-0000-0000-000000000000:low-credit");
    assert_eq!(
        text(&notice),
        r#"{"id":"00000000-0000-0000-0000-000000000000","kind":"low-credit","account":"A1","at":"2012-02-10T00:00:00Z","utility":"electricity","credit":"4.9"}"#
    );
    assert_eq!(said.order, None);
}

#[test]
fn u4_a_receipt_goes_by_sms_and_e_mail_to_the_opaque_reference_of_who_pays() {
    let policy = ledger_core::scheme::SchemePolicy::builtin("usms").unwrap();
    let to = Addressee {
        person: Some("person-7".to_owned()),
        media: policy.notifications().clone(),
    };
    assert_eq!(to.media("receipt"), [Medium::Sms, Medium::EMail]);
    let said = messages_of(&recorded(LowCreditEvent::at("4.9")), &to).unwrap();
    assert!(
        text(&said.notification.unwrap())
            .contains(r#""person":"person-7","by":["sms"],"utility":"electricity""#)
    );
}

#[test]
fn k1_a_new_number_is_told_by_sms_under_the_opaque_reference() {
    let policy = ledger_core::scheme::SchemePolicy::builtin("kplc").unwrap();
    let to = Addressee {
        person: Some("person-7".to_owned()),
        media: policy.notifications().clone(),
    };
    let number = |text: &str| AccountId::parse(text).unwrap();
    let event = AccountEvent::AccountRenumbered(AccountRenumbered {
        from: number("A1"),
        to: number("22-1"),
    });
    let said = messages_of(&recorded(event), &to).unwrap();
    let notice = said.notification.unwrap();
    assert_eq!(notice.subject, "notify.renumbered");
    assert_eq!(
        text(&notice),
        r#"{"id":"00000000-0000-0000-0000-000000000000","kind":"renumbered","account":"A1","at":"2012-02-10T00:00:00Z","person":"person-7","by":["sms"],"old_number":"A1","new_number":"22-1"}"#
    );
}

struct LowCreditEvent;

impl LowCreditEvent {
    fn at(credit: &str) -> AccountEvent {
        let a = Money::parse(credit).unwrap();
        AccountEvent::LowCreditNoticed(ledger_core::event::LowCreditNoticed {
            u: Utility::Electricity,
            a,
        })
    }
}

#[test]
fn c20_an_order_carries_its_number_action_and_expiry_and_a_notice_goes_with_it() {
    let until = Timestamp::parse("2012-02-11T00:00:00Z").unwrap();
    let m = MeterNumber::parse("E1").unwrap();
    let ordered = SupplyOrdered {
        u: Utility::Electricity,
        m: m.clone(),
        n: 4,
        until,
        why: SupplyReason::NoCredit,
    };
    let said = messages_of(
        &recorded(AccountEvent::SupplyDisconnectionOrdered(ordered)),
        &Addressee::default(),
    )
    .unwrap();
    assert_eq!(said.notification.unwrap().subject, "notify.disconnected");
    let order = said.order.unwrap();
    assert_eq!(order.subject, "meter.orders.E1");
    assert_eq!(
        text(&order),
        r#"{"order":4,"meter":"E1","utility":"electricity","action":"disconnect","reason":"no-credit","ordered_at":"2012-02-10T00:00:00Z","expires_at":"2012-02-11T00:00:00Z"}"#
    );
    let repeated = MeterOrderRepeated {
        u: Utility::Electricity,
        m,
        n: 5,
        until,
        on: false,
    };
    let said = messages_of(
        &recorded(AccountEvent::MeterOrderRepeated(repeated)),
        &Addressee::default(),
    )
    .unwrap();
    assert_eq!(
        said.notification, None,
        "a repeated order is no second notice"
    );
    assert!(text(&said.order.unwrap()).contains(r#""order":5"#));
}

#[test]
fn every_kind_that_speaks_is_a_kind_of_the_log() {
    assert_eq!(KINDS.iter().filter(|kind| speaks(kind)).count(), 22);
}

#[test]
fn an_account_is_the_one_of_the_stream() {
    assert!(AccountId::parse("A1").is_ok());
    let mut stray = recorded(LowCreditEvent::at("1"));
    stray.stream = StreamName::new("meter-E1").unwrap();
    assert!(messages_of(&stray, &Addressee::default()).is_err());
}
