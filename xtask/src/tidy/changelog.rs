//! Lint `changelog`: the newest version says what changed in the events and how one upgrades.
//!
//! Events outlive every release, so whoever upgrades reads these two headings first, also when
//! they say that there is nothing to do.

use crate::tidy::{Finding, Verdict};
use crate::tree::Tree;

const CHANGELOG: &str = "CHANGELOG.md";
const HEADINGS: [&str; 2] = ["Events", "Upgrade"];

pub(crate) fn check(tree: &Tree) -> Verdict {
    let Some(text) = tree.text(CHANGELOG) else {
        let findings = vec![Finding::in_file(
            CHANGELOG,
            "missing; it tells what an upgrade needs",
        )];
        return Verdict {
            findings,
            looked_at: "nothing".to_owned(),
        };
    };
    let mut lines = text
        .lines()
        .enumerate()
        .skip_while(|(_, line)| !line.starts_with("## "));
    let Some((index, version)) = lines.next() else {
        let findings = vec![Finding::in_file(CHANGELOG, "no version (`## 0.1.0`)")];
        return Verdict {
            findings,
            looked_at: "nothing".to_owned(),
        };
    };
    let section: Vec<&str> = lines
        .map(|(_, line)| line)
        .take_while(|line| !line.starts_with("## "))
        .collect();
    let missing = HEADINGS.iter().filter(|heading| !says(&section, heading));
    let findings = missing.map(|heading| {
        let what = format!("`{version}` has no `### {heading}` with text under it");
        Finding::at(CHANGELOG, index.saturating_add(1), what)
    });
    Verdict {
        findings: findings.collect(),
        looked_at: format!("newest: {}", version.trim_start_matches("## ")),
    }
}

/// The heading is there and something stands under it.
fn says(section: &[&str], heading: &str) -> bool {
    let wanted = format!("### {heading}");
    let under = section
        .iter()
        .skip_while(|line| line.trim_end() != wanted)
        .skip(1);
    under
        .take_while(|line| !line.starts_with('#'))
        .any(|line| !line.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    fn count(text: &str) -> usize {
        check(&Tree::of(&[("CHANGELOG.md", text)])).findings.len()
    }

    #[test]
    fn a_newest_version_with_both_headings_passes() {
        let text = "# Changes\n\n## 0.2.0\n\n### Events\n\nNone.\n\n### Upgrade\n\nNothing to do.\n\n## 0.1.0\n";
        assert_eq!(count(text), 0);
    }

    #[test]
    fn headings_of_an_older_version_do_not_count() {
        assert_eq!(
            count("## 0.2.0\n\n## 0.1.0\n### Events\nx\n### Upgrade\nx\n"),
            2
        );
    }

    #[test]
    fn a_heading_with_nothing_under_it_does_not_count() {
        assert_eq!(count("## 0.1.0\n### Events\n\n### Upgrade\nx\n"), 1);
        assert_eq!(count("# Changes\n"), 1);
        assert_eq!(check(&Tree::of(&[])).findings.len(), 1);
    }
}
