//! How far a partition may be committed: Kafka keeps one number for each, and everything below it counts as done.

use std::collections::BTreeSet;

/// What of a partition is in hand, and what of it is done. Messages of one partition are handled side by side, so that they
/// end in any order; the offset that is committed is that of the first one that has not ended.
#[derive(Debug, Default)]
pub(super) struct Progress {
    in_hand: BTreeSet<i64>,
    /// Done, and not known to be committed.
    done: BTreeSet<i64>,
    /// What is delivered next.
    next: i64,
}

impl Progress {
    /// A message was delivered. `false`: it is in hand already, as after the client has begun anew at an earlier offset.
    pub(super) fn take(&mut self, offset: i64) -> bool {
        self.next = offset + 1;
        self.in_hand.insert(offset)
    }

    /// A message is done.
    pub(super) fn done(&mut self, offset: i64) {
        if self.in_hand.remove(&offset) {
            self.done.insert(offset);
        }
    }

    /// What is to be committed, if anything is that was not: the first offset that is not done.
    pub(super) fn position(&self) -> Option<i64> {
        let position = self.in_hand.first().map_or(self.next, |first| self.next.min(*first));
        self.done.first().is_some_and(|done| *done < position).then_some(position)
    }

    /// The broker has this position. Gives how many messages that has put behind.
    pub(super) fn committed(&mut self, position: i64) -> usize {
        let rest = self.done.split_off(&position);
        std::mem::replace(&mut self.done, rest).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(offsets: impl IntoIterator<Item = i64>) -> Progress {
        let mut progress = Progress::default();
        for offset in offsets {
            assert!(progress.take(offset));
        }
        progress
    }

    #[test]
    fn nothing_is_committed_past_what_is_in_hand() {
        let mut progress = delivered([10, 11, 12]);
        assert_eq!(progress.position(), None);
        progress.done(12);
        progress.done(11);
        assert_eq!(progress.position(), None);
        progress.done(10);
        assert_eq!(progress.position(), Some(13));
        assert_eq!(progress.committed(13), 3);
        assert_eq!(progress.position(), None);
    }

    #[test]
    fn what_is_committed_twice_counts_once() {
        let mut progress = delivered([0, 1, 2, 3]);
        progress.done(0);
        progress.done(2);
        assert_eq!(progress.position(), Some(1));
        progress.done(1);
        assert_eq!(progress.committed(1), 1);
        assert_eq!(progress.position(), Some(3));
        assert_eq!((progress.committed(3), progress.committed(3)), (2, 0));
    }

    /// Some offsets are taken by what is no message: a transaction's end, or what compaction has removed.
    #[test]
    fn gaps_are_no_messages() {
        let mut progress = delivered([5, 9]);
        progress.done(5);
        assert_eq!(progress.position(), Some(9));
        progress.done(9);
        assert_eq!(progress.position(), Some(10));
    }

    #[test]
    fn what_is_delivered_again_from_an_earlier_offset_is_not_skipped() {
        let mut progress = delivered([5, 6, 7]);
        progress.done(5);
        progress.done(7);
        assert!(progress.take(3));
        assert_eq!(progress.position(), None);
        progress.done(3);
        assert_eq!(progress.position(), Some(4));
        assert!(progress.take(5), "it was done, and is told apart by its record");
        assert!(!progress.take(6), "it is in hand");
    }
}
