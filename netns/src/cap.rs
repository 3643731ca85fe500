//! Permission as an argument.

/// Proof that the caller may change the network configuration of the namespace it passes
/// along with this: CAP_NET_ADMIN in the user namespace that owns it. Control-path calls
/// take one; the `syscall` crate mints it after asking the host.
#[derive(Debug)]
pub struct NetAdmin(());

impl NetAdmin {
    /// Call this only where the check was made (or, in a test, deliberately granted).
    #[must_use]
    pub const fn granted() -> Self {
        Self(())
    }
}
