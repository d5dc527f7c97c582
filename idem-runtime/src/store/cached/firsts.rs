//! Whose outcome is known to be the first one that is sent.

use std::collections::HashSet;

use parking_lot::Mutex;

use crate::store::OwnerToken;

/// More owners at once than there are requests in a process.
const MOST: usize = 64 * 1024;

/// Owners that were given their claim through this cache, and have sent no outcome since.
///
/// A store says `Held` to an owner that sends a second outcome, and keeps the first: one whose answer was lost, for
/// instance. So only an outcome that is known to be the first one is known to be what the store holds. Nothing is answered
/// from here, and who is forgotten only has its record read from the store once more.
#[derive(Default)]
pub(super) struct Firsts(Mutex<HashSet<OwnerToken>>);

impl Firsts {
    pub(super) fn add(&self, owner: OwnerToken) {
        let mut owners = self.0.lock();
        if owners.len() >= MOST {
            owners.clear();
        }
        owners.insert(owner);
    }

    /// Whether the outcome that `owner` is about to send is its first.
    pub(super) fn take(&self, owner: OwnerToken) -> bool {
        self.0.lock().remove(&owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_first_once_and_the_set_is_bounded() {
        let firsts = Firsts::default();
        let owner = OwnerToken::random();
        assert!(!firsts.take(owner));
        firsts.add(owner);
        assert!(firsts.take(owner));
        assert!(!firsts.take(owner));
        for _ in 0..3 * MOST {
            firsts.add(OwnerToken::random());
        }
        assert!(firsts.0.lock().len() <= MOST);
    }
}
