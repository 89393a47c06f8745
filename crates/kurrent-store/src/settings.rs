//! The connection string: `kurrentdb://user:password@host:port,…?option=value&…`.
//!
//! Every option is either understood or refused by its name, so that a misspelt one is not silently without
//! effect. The password is never shown: not by `Debug`, not in an error. Absent on purpose: reading other
//! nodes than the leader, since the ledger reads what it has just written.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use kurrent_wire::limits::PORT_DEFAULT;

/// Most hosts of one connection string; a cluster has three or five members.
pub const HOSTS_MAX: usize = 64;
/// Rounds of discovery in one attempt to connect, where the string does not say.
const DISCOVER_ATTEMPTS_DEFAULT: u32 = 10;
/// Between two rounds of discovery, where the string does not say.
const DISCOVERY_INTERVAL_DEFAULT_MS: u64 = 100;
/// How long a member may take to say who is in the cluster, where the string does not say.
const GOSSIP_TIMEOUT_DEFAULT_MS: u64 = 3_000;
/// Between two pings of a quiet connection, where the string does not say.
const KEEP_ALIVE_DEFAULT_MS: u64 = 10_000;
/// Longest time an option may name: a day. What is longer is a mistake of units.
const OPTION_MS_MAX: u64 = 86_400_000;

/// A connection string that cannot be used. Never holds the password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Another scheme, or none.
    #[error(
        "a connection string begins with kurrentdb://, kurrentdb+discover://, esdb:// or esdb+discover://"
    )]
    Scheme,
    /// No host, or too many.
    #[error("a connection string names 1 to {HOSTS_MAX} hosts, this one {0}")]
    Hosts(usize),
    /// A host or its port cannot be used.
    #[error("host {0:?} is not NAME or NAME:PORT")]
    Host(String),
    /// The part before the `@` cannot be used.
    #[error("credentials are user:password before the @, percent-encoded; {0}")]
    Credentials(&'static str),
    /// A piece after the `?` is not `name=value`.
    #[error("{0:?} in the connection string is not name=value")]
    Piece(String),
    /// No such option.
    #[error("option {0:?} of the connection string is not known; known are {KNOWN}")]
    Unknown(String),
    /// The option stands twice.
    #[error("option {0} stands twice in the connection string")]
    Twice(String),
    /// The value does not fit.
    #[error("option {name}={value} of the connection string: {wanted}")]
    Value {
        /// The option.
        name: &'static str,
        /// What was given.
        value: String,
        /// What would fit.
        wanted: &'static str,
    },
    /// A file that an option names cannot be read.
    #[error("option {name}: {path} cannot be read: {reason}")]
    File {
        /// The option.
        name: &'static str,
        /// The file.
        path: String,
        /// The system's words.
        reason: String,
    },
}

const KNOWN: &str = "tls, tlsVerifyCert, tlsCaFile, userCertFile, userKeyFile, maxDiscoverAttempts, \
     discoveryInterval, gossipTimeout, nodePreference, defaultDeadline, keepAliveInterval, \
     keepAliveTimeout, connectionName, throwOnAppendFailure";

/// Where a node is reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Host {
    /// Name or address; an IPv6 address with its brackets.
    pub name: String,
    /// Port.
    pub port: u16,
}

impl Host {
    /// As a server names one: an IPv6 address may come with or without its brackets. `None` for what is no host.
    pub(crate) fn named(name: &str, port: &str) -> Option<Self> {
        let text = if name.contains(':') && !name.starts_with('[') {
            format!("[{name}]:{port}")
        } else {
            format!("{name}:{port}")
        };
        text.parse().ok()
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.port)
    }
}

impl FromStr for Host {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, SettingsError> {
        let bad = || SettingsError::Host(text.to_owned());
        let (name, port) = match text.rsplit_once(':') {
            // A colon inside brackets belongs to the address.
            Some((name, port)) if !port.ends_with(']') => (name, port.parse().map_err(|_| bad())?),
            Some(_) | None => (text, PORT_DEFAULT),
        };
        let inner = name
            .strip_prefix('[')
            .map_or(Some(name), |rest| rest.strip_suffix(']'))
            .ok_or_else(bad)?;
        let bracketed = inner.len() < name.len();
        let fits =
            |c: char| c.is_ascii_alphanumeric() || "-._".contains(c) || bracketed && c == ':';
        if inner.is_empty() || !inner.chars().all(fits) || port == 0 {
            return Err(bad());
        }
        Ok(Self {
            name: name.to_owned(),
            port,
        })
    }
}

/// Who connects.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User.
    pub user: String,
    password: String,
}

impl Credentials {
    /// For a header; the one place that needs the password.
    pub(crate) fn password(&self) -> &str {
        &self.password
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// How connections are secured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Whether the server's certificate is checked.
    pub verify: bool,
    /// Certificates of the authority that is trusted instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Certificate and key this client shows.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// A connection string, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The node, or members of the cluster to ask first.
    pub hosts: Vec<Host>,
    /// Whether members are asked where the leader is.
    pub discover: bool,
    /// Who connects.
    pub credentials: Option<Credentials>,
    /// `None` for plain text.
    pub tls: Option<Tls>,
    /// Rounds of discovery in one attempt to connect.
    pub discover_attempts: u32,
    /// Between two rounds.
    pub discovery_interval: Duration,
    /// How long a member may take to say who is in the cluster.
    pub gossip_timeout: Duration,
    /// How long an append or a read may take; `None` for the adapter's own limits.
    pub deadline: Option<Duration>,
    /// Between two pings of a quiet connection; `None` for no pings.
    pub keep_alive_interval: Option<Duration>,
    /// How long a ping's answer may take.
    pub keep_alive_timeout: Duration,
    /// What the server's lists call this client.
    pub connection_name: Option<String>,
}

impl FromStr for Settings {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, SettingsError> {
        let (scheme, rest) = text.split_once("://").ok_or(SettingsError::Scheme)?;
        let (authority, query) = rest.split_once('?').unwrap_or((rest, ""));
        if query.contains('@') {
            // What looks like a host or an option may be half a password.
            let why = "a ? in the password is written %3F, an @ after the hosts %40";
            return Err(SettingsError::Credentials(why));
        }
        parse(scheme, authority, query)
    }
}

fn parse(scheme: &str, authority: &str, query: &str) -> Result<Settings, SettingsError> {
    let discover = match scheme {
        "kurrentdb" | "kurrent" | "kdb" | "esdb" => false,
        "kurrentdb+discover" | "kurrent+discover" | "kdb+discover" | "esdb+discover" => true,
        _ => return Err(SettingsError::Scheme),
    };
    let (credentials, hosts) = match authority.rsplit_once('@') {
        Some((who, hosts)) => (Some(credentials(who)?), hosts),
        None => (None, authority),
    };
    let hosts = hosts.strip_suffix('/').unwrap_or(hosts);
    let hosts: Vec<&str> = hosts.split(',').filter(|host| !host.is_empty()).collect();
    if hosts.is_empty() || hosts.len() > HOSTS_MAX {
        return Err(SettingsError::Hosts(hosts.len()));
    }
    let hosts: Vec<Host> = hosts
        .into_iter()
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let options = Options::parse(query)?;
    options.into_settings(hosts, discover, credentials)
}

fn credentials(text: &str) -> Result<Credentials, SettingsError> {
    let (user, password) = text
        .split_once(':')
        .ok_or(SettingsError::Credentials("the colon is missing"))?;
    let decoded = |part| decode(part).ok_or(SettingsError::Credentials("an escape is broken"));
    let (user, password) = (decoded(user)?, decoded(password)?);
    if user.is_empty() || user.contains(':') {
        return Err(SettingsError::Credentials(
            "the user is empty or has a colon",
        ));
    }
    Ok(Credentials { user, password })
}

/// Undoes percent-encoding; `None` when an escape is broken or the outcome is not UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes().iter().copied();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |b: u8| char::from(b).to_digit(16);
            let value = digit(rest.next()?)? * 16 + digit(rest.next()?)?;
            bytes.push(u8::try_from(value).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// The options as they were given.
#[derive(Default)]
struct Options {
    tls: Option<bool>,
    verify: Option<bool>,
    ca_file: Option<PathBuf>,
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    attempts: Option<u32>,
    interval: Option<Duration>,
    gossip: Option<Duration>,
    /// `-1` means none, for these three.
    deadline: Option<Option<Duration>>,
    keep_alive: Option<Option<Duration>>,
    keep_alive_timeout: Option<Option<Duration>>,
    name: Option<String>,
}

impl Options {
    fn parse(query: &str) -> Result<Self, SettingsError> {
        let mut options = Self::default();
        let mut seen: Vec<String> = Vec::new();
        for piece in query.split('&').filter(|piece| !piece.is_empty()) {
            let broken = || SettingsError::Piece(piece.to_owned());
            let (name, value) = piece.split_once('=').ok_or_else(broken)?;
            let lower = name.to_ascii_lowercase();
            if seen.contains(&lower) {
                return Err(SettingsError::Twice(name.to_owned()));
            }
            let value = decode(value).ok_or_else(broken)?;
            if !options.set(&lower, &value)? {
                return Err(SettingsError::Unknown(name.to_owned()));
            }
            seen.push(lower);
        }
        Ok(options)
    }

    /// Takes an option; says whether it is known.
    fn set(&mut self, name: &str, value: &str) -> Result<bool, SettingsError> {
        match name {
            "tls" => self.tls = Some(switch("tls", value)?),
            "tlsverifycert" => self.verify = Some(switch("tlsVerifyCert", value)?),
            "tlscafile" => self.ca_file = Some(value.into()),
            "usercertfile" => self.cert_file = Some(value.into()),
            "userkeyfile" => self.key_file = Some(value.into()),
            "maxdiscoverattempts" => self.attempts = Some(attempts(value)?),
            "discoveryinterval" => self.interval = Some(millis("discoveryInterval", value)?),
            "gossiptimeout" => self.gossip = Some(millis("gossipTimeout", value)?),
            "defaultdeadline" => self.deadline = Some(or_none("defaultDeadline", value)?),
            "keepaliveinterval" => self.keep_alive = Some(or_none("keepAliveInterval", value)?),
            "keepalivetimeout" => {
                self.keep_alive_timeout = Some(or_none("keepAliveTimeout", value)?);
            }
            "connectionname" => self.name = Some(connection_name(value)?),
            "nodepreference" => leader_only(value)?,
            // Appends of this adapter always say what became of them.
            "throwonappendfailure" => drop(switch("throwOnAppendFailure", value)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn into_settings(
        self,
        hosts: Vec<Host>,
        discover: bool,
        credentials: Option<Credentials>,
    ) -> Result<Settings, SettingsError> {
        let identity = match (self.cert_file, self.key_file) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                return Err(SettingsError::Value {
                    name: "userCertFile",
                    value: "…".to_owned(),
                    wanted: "userCertFile and userKeyFile go together",
                });
            }
        };
        let tls = self.tls.unwrap_or(true).then_some(Tls {
            verify: self.verify.unwrap_or(true),
            ca_file: self.ca_file,
            identity,
        });
        let default = Duration::from_millis;
        Ok(Settings {
            discover: discover || hosts.len() > 1,
            hosts,
            credentials,
            tls,
            discover_attempts: self.attempts.unwrap_or(DISCOVER_ATTEMPTS_DEFAULT),
            discovery_interval: self
                .interval
                .unwrap_or(default(DISCOVERY_INTERVAL_DEFAULT_MS)),
            gossip_timeout: self.gossip.unwrap_or(default(GOSSIP_TIMEOUT_DEFAULT_MS)),
            deadline: self.deadline.flatten(),
            keep_alive_interval: self
                .keep_alive
                .unwrap_or(Some(default(KEEP_ALIVE_DEFAULT_MS))),
            keep_alive_timeout: self
                .keep_alive_timeout
                .flatten()
                .unwrap_or(default(KEEP_ALIVE_DEFAULT_MS)),
            connection_name: self.name,
        })
    }
}

fn value_error(name: &'static str, value: &str, wanted: &'static str) -> SettingsError {
    SettingsError::Value {
        name,
        value: value.to_owned(),
        wanted,
    }
}

fn switch(name: &'static str, value: &str) -> Result<bool, SettingsError> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(value_error(name, value, "true or false")),
    }
}

fn millis(name: &'static str, value: &str) -> Result<Duration, SettingsError> {
    match value.parse() {
        Ok(ms @ 1..=OPTION_MS_MAX) => Ok(Duration::from_millis(ms)),
        Ok(_) | Err(_) => Err(value_error(name, value, "milliseconds, 1 to 86400000")),
    }
}

/// Milliseconds, or `-1` for none.
fn or_none(name: &'static str, value: &str) -> Result<Option<Duration>, SettingsError> {
    if value == "-1" {
        return Ok(None);
    }
    let wanted = "milliseconds, 1 to 86400000, or -1 for none";
    let duration = millis(name, value).map_err(|_| value_error(name, value, wanted))?;
    Ok(Some(duration))
}

fn attempts(value: &str) -> Result<u32, SettingsError> {
    match value.parse() {
        Ok(rounds @ 1..=1_000) => Ok(rounds),
        Ok(_) | Err(_) => Err(value_error("maxDiscoverAttempts", value, "1 to 1000")),
    }
}

fn connection_name(value: &str) -> Result<String, SettingsError> {
    let fits = (1..=200).contains(&value.len()) && value.bytes().all(|b| (32..127).contains(&b));
    if fits {
        Ok(value.to_owned())
    } else {
        let wanted = "1 to 200 printable ASCII characters";
        Err(value_error("connectionName", value, wanted))
    }
}

fn leader_only(value: &str) -> Result<(), SettingsError> {
    if value.eq_ignore_ascii_case("leader") {
        Ok(())
    } else {
        let wanted = "only leader: what was just written must be read";
        Err(value_error("nodePreference", value, wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Settings {
        text.parse().unwrap()
    }

    fn refused(text: &str) -> String {
        text.parse::<Settings>().unwrap_err().to_string()
    }

    #[test]
    fn a_single_host_without_options_is_tls_on_the_usual_port() {
        let settings = parsed("kurrentdb://localhost");
        assert_eq!(settings.hosts[0].to_string(), "localhost:2113");
        assert!(!settings.discover && settings.credentials.is_none());
        assert!(settings.tls.unwrap().verify);
    }

    #[test]
    fn every_scheme_of_the_official_clients_is_taken_and_another_is_not() {
        for scheme in ["kurrentdb", "kurrentdb+discover", "esdb", "esdb+discover"] {
            let settings = parsed(&format!("{scheme}://a:1?tls=false"));
            assert_eq!(settings.discover, scheme.ends_with("discover"));
            assert_eq!(settings.tls, None);
        }
        assert!(refused("http://a").contains("kurrentdb+discover://"));
        assert!(refused("a:2113").contains("begins with"));
    }

    #[test]
    fn several_hosts_are_a_cluster_also_without_discover() {
        let settings = parsed("esdb://10.0.0.1:2111,b.example,[::1]:2113/?tls=true");
        assert!(settings.discover);
        let hosts: Vec<String> = settings.hosts.iter().map(Host::to_string).collect();
        assert_eq!(hosts, ["10.0.0.1:2111", "b.example:2113", "[::1]:2113"]);
    }

    #[test]
    fn a_host_that_a_server_names_is_taken_with_and_without_brackets() {
        for (name, shown) in [
            ("::1", Some("[::1]:2113")),
            ("[::1]", Some("[::1]:2113")),
            ("10.0.0.1", Some("10.0.0.1:2113")),
            ("db.example", Some("db.example:2113")),
            ("", None),
            ("[::1", None),
        ] {
            let host = Host::named(name, "2113").map(|host| host.to_string());
            assert_eq!(host.as_deref(), shown, "{name}");
        }
    }

    #[test]
    fn every_option_is_understood_whatever_its_case() {
        let settings = parsed(
            "kurrentdb+discover://ops:p%40ss%3Aword@a,b?TLS=true&tlsverifycert=false\
             &tlsCaFile=/etc/ca.pem&maxDiscoverAttempts=3&discoveryInterval=20&gossipTimeout=500\
             &nodePreference=Leader&defaultDeadline=7000&keepAliveInterval=-1&keepAliveTimeout=250\
             &connectionName=ledger%201&userCertFile=c.pem&userKeyFile=k.pem",
        );
        let who = settings.credentials.unwrap();
        assert_eq!((who.user.as_str(), who.password()), ("ops", "p@ss:word"));
        let tls = settings.tls.unwrap();
        assert_eq!(tls.ca_file, Some(PathBuf::from("/etc/ca.pem")));
        assert!(!tls.verify && tls.identity.is_some());
        assert_eq!(settings.discover_attempts, 3);
        assert_eq!(settings.discovery_interval, Duration::from_millis(20));
        assert_eq!(settings.gossip_timeout, Duration::from_millis(500));
        assert_eq!(settings.deadline, Some(Duration::from_secs(7)));
        assert_eq!(settings.keep_alive_interval, None);
        assert_eq!(settings.keep_alive_timeout, Duration::from_millis(250));
        assert_eq!(settings.connection_name.as_deref(), Some("ledger 1"));
    }

    #[test]
    fn a_refused_option_is_named_with_what_would_fit() {
        assert!(
            refused("kurrentdb://a?tsl=false")
                .contains("\"tsl\" of the connection string is not known")
        );
        assert!(refused("kurrentdb://a?tls=no").contains("tls=no"));
        assert!(refused("kurrentdb://a?tls=true&TLS=false").contains("stands twice"));
        assert!(refused("kurrentdb://a?gossipTimeout=0").contains("1 to 86400000"));
        assert!(refused("kurrentdb://a?defaultDeadline=-2").contains("or -1 for none"));
        assert!(refused("kurrentdb://a?nodePreference=follower").contains("only leader"));
        assert!(refused("kurrentdb://a?tls").contains("name=value"));
        assert!(refused("kurrentdb://a?userKeyFile=k").contains("go together"));
    }

    #[test]
    fn hosts_that_cannot_be_reached_by_anyone_are_refused() {
        for bad in [
            "kurrentdb://a:99999",
            "kurrentdb://a:0",
            "kurrentdb://a b",
            "kurrentdb://[::1",
        ] {
            assert!(refused(bad).contains("is not NAME or NAME:PORT"), "{bad}");
        }
        assert!(refused("kurrentdb://").contains("this one 0"));
        let many = format!("kurrentdb://{}", vec!["a"; 65].join(","));
        assert!(refused(&many).contains("this one 65"));
    }

    #[test]
    fn the_password_is_in_no_error_and_not_in_debug() {
        let secret = "s3cr3t";
        let texts = [
            format!("kurrentdb://ops:{secret}@a:99999"),
            format!("kurrentdb://ops:{secret}@a?nope=1"),
            format!("kurrentdb://ops:{secret}%zz@a"),
            format!("kurrentdb://{secret}@a"),
            format!("kurrentdb://:{secret}@a"),
            format!("http://ops:{secret}@a"),
            format!("kurrentdb://ops:{secret}@"),
            format!("kurrentdb://ops:{secret}?x@a"),
            format!("kurrentdb://ops:a?{secret}@a"),
            format!("kurrentdb://ops:pa@{secret}?word@db:2113"),
            format!("kurrentdb://ops:pa@ss?{secret}@db:2113"),
            format!("kurrentdb://ops:pa@ss?tls={secret}@db:2113"),
        ];
        for text in texts {
            let error = text.parse::<Settings>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
        }
        let settings = parsed(&format!("kurrentdb://ops:{secret}@a"));
        let shown = format!("{settings:?}");
        assert!(shown.contains("ops") && !shown.contains(secret), "{shown}");
    }
}
