//! Who may call: the seam to whoever keeps the keys, and credentials as clients send them.
//!
//! Absent on purpose: keys, passwords and users. What a server can do and who is in its cluster is told
//! without credentials, because clients ask before they send any.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a caller may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Who it is, for the log.
    pub name: String,
    /// Whether it may append, where the server takes appends at all.
    pub append: bool,
}

/// Why a caller may not call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// No credentials, or wrong ones.
    Unauthenticated,
    /// Known, but not allowed to read the history.
    Forbidden,
}

/// Says who may call. Called for every call: it must not wait.
pub trait Authorize: Send + Sync + 'static {
    /// Judges the `authorization` header of a call.
    ///
    /// # Errors
    /// When the caller may not read.
    fn check(&self, header: Option<&str>) -> Result<Grant, Denied>;
}

/// Lets everybody do everything; for tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllowAll;

impl Authorize for AllowAll {
    fn check(&self, _header: Option<&str>) -> Result<Grant, Denied> {
        Ok(Grant {
            name: "anybody".to_owned(),
            append: true,
        })
    }
}

/// Credentials of a header.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// `Basic`: a user with a password.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// `Bearer`: a token.
    Bearer(String),
}

impl Credentials {
    /// Reads a header; `None` when it is neither form or not text.
    #[must_use]
    pub fn of_header(header: &str) -> Option<Self> {
        let (scheme, value) = header.trim().split_once(' ')?;
        let value = value.trim();
        if scheme.eq_ignore_ascii_case("basic") {
            let text = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
            let (user, password) = text.split_once(':')?;
            Some(Self::Basic {
                user: user.to_owned(),
                password: password.to_owned(),
            })
        } else if scheme.eq_ignore_ascii_case("bearer") && !value.is_empty() {
            Some(Self::Bearer(value.to_owned()))
        } else {
            None
        }
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Basic { user, .. } => write!(f, "Basic {user} (password kept back)"),
            Self::Bearer(_) => f.write_str("Bearer (token kept back)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_and_bearer_credentials_are_read() {
        let basic = Credentials::of_header("Basic YWRtaW46Y2hhOm5nZWl0");
        assert_eq!(
            basic,
            Some(Credentials::Basic {
                user: "admin".to_owned(),
                password: "cha:ngeit".to_owned()
            })
        );
        let bearer = Credentials::of_header("bearer abc");
        assert_eq!(bearer, Some(Credentials::Bearer("abc".to_owned())));
    }

    #[test]
    fn broken_credentials_are_none() {
        for header in [
            "",
            "Basic",
            "Basic ???",
            "Basic YWI=",
            "Digest x",
            "Bearer ",
        ] {
            assert_eq!(Credentials::of_header(header), None, "{header:?}");
        }
    }

    #[test]
    fn credentials_do_not_show_their_secret() {
        let shown = format!(
            "{:?} {:?}",
            Credentials::of_header("Basic YWRtaW46Y2hhOm5nZWl0"),
            Credentials::of_header("Bearer hush")
        );
        assert!(
            !shown.contains("cha:ngeit") && !shown.contains("hush"),
            "{shown}"
        );
    }
}
