//! Whether a version of a scheme may be published, after those before it (C12).
//!
//! A version is published once and never changes; it holds from its own first instant on, which lies
//! after everything priced so far, so that no charge that was made is made again by other rules.

use super::policy::SchemePolicy;
use crate::event::SchemePublished;
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// What a publication comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publication {
    /// A version more.
    New,
    /// This very version was published before.
    Already,
}

/// Judges a version of a scheme.
///
/// `known` is the newest version that is served, `published` the newest in the log, `digest` that of the
/// proposed text, `priced_until` the time of the newest charge under the scheme.
///
/// # Errors
/// The refusal: a version that is lower, or published with other content; other zone, currency or
/// utilities; a first instant that is not after the version before or after what is priced.
pub fn judge_publication(
    known: &SchemePolicy,
    published: Option<&SchemePublished>,
    (proposed, digest): (&SchemePolicy, &str),
    priced_until: Option<Timestamp>,
) -> Result<Publication, Rejection> {
    let version = proposed.version();
    if let Some(published) = published.filter(|published| published.version == version) {
        return if published.digest == digest {
            Ok(Publication::Already)
        } else {
            Err(Rejection::SchemeConflict { version })
        };
    }
    if version < known.version() {
        let newest = known.version();
        return Err(Rejection::SchemeVersionTooLow { newest });
    }
    if version == known.version() {
        // The version that was served from its file until now is put on record.
        return if known.same_rules_as(proposed) {
            Ok(Publication::New)
        } else {
            Err(Rejection::SchemeConflict { version })
        };
    }
    must_go_on(known, proposed)?;
    let from = proposed.effective_from();
    if let Some(priced_until) = priced_until.filter(|priced| from <= *priced) {
        return Err(Rejection::SchemePricedAlready { from, priced_until });
    }
    Ok(Publication::New)
}

/// A scheme keeps its zone, its currency and its utilities; versions follow each other in time.
fn must_go_on(known: &SchemePolicy, proposed: &SchemePolicy) -> Result<(), Rejection> {
    let bad = |field: &str, reason: &str| {
        Err(Rejection::BadInput {
            field: field.to_owned(),
            reason: reason.to_owned(),
        })
    };
    if known.zone().name() != proposed.zone().name() {
        return bad("zone", "a scheme keeps its zone");
    }
    if known.currency() != proposed.currency() {
        return bad("currency", "a scheme keeps its currency");
    }
    let lost = crate::utility::Utility::ALL
        .into_iter()
        .any(|u| known.utility(u).is_some() && proposed.utility(u).is_none());
    if lost {
        return bad("utilities", "a scheme keeps its utilities");
    }
    let from = proposed.effective_from();
    if from != proposed.zone().start_of_day(proposed.zone().date_of(from)) {
        return bad("effective_from", "must be a midnight of the scheme's zone");
    }
    if from <= known.effective_from() {
        return bad(
            "effective_from",
            "must be after the first instant of the version before",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(version: u32, from: &str, minimum: &str) -> SchemePolicy {
        let text = SchemePolicy::builtin_text("usms").unwrap();
        let text = text
            .replacen("version = 1", &format!("version = {version}"), 1)
            .replacen(
                "effective_from = \"2000-01-01T00:00:00+08:00\"",
                &format!("effective_from = \"{from}\""),
                1,
            )
            .replacen("minimum = \"2.00\"", &format!("minimum = \"{minimum}\""), 1);
        SchemePolicy::from_toml(&text).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn published(version: u32, digest: &str) -> SchemePublished {
        SchemePublished {
            scheme: "usms".to_owned(),
            version,
            from: at("2000-01-01T00:00:00Z"),
            digest: digest.to_owned(),
            text: String::new(),
        }
    }

    const FROM: &str = "2026-07-01T00:00:00+08:00";

    #[test]
    fn c12_a_version_is_published_once_and_never_changes() {
        let known = version(2, "2026-01-01T00:00:00+08:00", "3.00");
        let judge = |proposed: &SchemePolicy, digest: &str| {
            judge_publication(&known, Some(&published(2, "aa")), (proposed, digest), None)
        };
        assert_eq!(judge(&known, "aa"), Ok(Publication::Already));
        assert_eq!(
            judge(&known, "bb"),
            Err(Rejection::SchemeConflict { version: 2 })
        );
        let lower = version(1, FROM, "3.00");
        assert_eq!(
            judge(&lower, "cc"),
            Err(Rejection::SchemeVersionTooLow { newest: 2 })
        );
        assert_eq!(judge(&version(3, FROM, "3.00"), "dd"), Ok(Publication::New));
    }

    #[test]
    fn c12_the_version_served_from_its_file_is_put_on_record_only_as_it_is() {
        let known = version(1, "2000-01-01T00:00:00+08:00", "2.00");
        let judge = |proposed: &SchemePolicy| {
            let priced = Some(at("2026-03-01T00:00:00Z"));
            judge_publication(&known, None, (proposed, "aa"), priced)
        };
        assert_eq!(judge(&known), Ok(Publication::New));
        let other = version(1, "2000-01-01T00:00:00+08:00", "2.50");
        assert_eq!(judge(&other), Err(Rejection::SchemeConflict { version: 1 }));
    }

    #[test]
    fn c12_a_version_does_not_reach_back_to_what_is_priced_unless_nothing_is() {
        let known = version(1, "2000-01-01T00:00:00+08:00", "2.00");
        let next = version(2, FROM, "2.00");
        let judge =
            |priced: Option<Timestamp>| judge_publication(&known, None, (&next, "aa"), priced);
        assert_eq!(judge(None), Ok(Publication::New));
        let before = next.effective_from().just_before();
        assert_eq!(judge(Some(before)), Ok(Publication::New));
        let priced_until = next.effective_from();
        assert_eq!(
            judge(Some(priced_until)),
            Err(Rejection::SchemePricedAlready {
                from: priced_until,
                priced_until
            })
        );
    }

    #[test]
    fn c12_the_version_in_force_is_that_of_the_time() {
        let first = version(1, "2000-01-01T00:00:00+08:00", "2.00");
        let chain = version(2, FROM, "3.00").succeeding(std::sync::Arc::new(first));
        let in_force = |text: &str| chain.in_force_at(at(text)).version();
        assert_eq!(in_force("2026-06-30T15:59:59.999Z"), 1);
        assert_eq!(in_force("2026-06-30T16:00:00Z"), 2);
        assert_eq!(in_force("1999-01-01T00:00:00Z"), 1);
    }
}
