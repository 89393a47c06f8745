//! The protocol's numbers: sizes a server takes and clients take.

/// Largest append, in bytes of all its events, that every server version takes by default.
pub const APPEND_BYTES_MAX: usize = 1024 * 1024;
/// Largest message a server must take: a large append with its frame.
pub const SERVER_MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Largest message clients take.
pub const CLIENT_MESSAGE_BYTES_MAX: usize = 17 * 1024 * 1024;
/// Events a subscription looks at between two checkpoints when the client names no other window.
pub const WINDOW_DEFAULT: u32 = 32;
/// The port that addresses without one mean.
pub const PORT_DEFAULT: u16 = 2113;
