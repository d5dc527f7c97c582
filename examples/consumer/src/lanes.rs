//! Order by key: what has one key goes through one lane, one after the other; lanes run side by side.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::num::NonZeroUsize;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// So many lanes, each with room for so many that wait.
///
/// The order is that in which they are [put](Self::put), within this process. Two keys may share a lane.
#[derive(Debug)]
pub struct Lanes<T> {
    lanes: Vec<mpsc::Sender<T>>,
    running: JoinSet<()>,
}

impl<T: Send + 'static> Lanes<T> {
    /// Lanes that do `work`, each with one at a time.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    /// use consumer::lanes::Lanes;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let (done, mut order) = tokio::sync::mpsc::unbounded_channel();
    /// let lanes = Lanes::new(NonZeroUsize::new(4).unwrap(), 10, move |number: u32| {
    ///     let done = done.clone();
    ///     async move { done.send(number).unwrap() }
    /// });
    /// for number in [1, 2, 3] {
    ///     lanes.put("one account", number).await;
    /// }
    /// lanes.finish().await;
    /// assert_eq!([order.recv().await, order.recv().await, order.recv().await], [Some(1), Some(2), Some(3)]);
    /// # }
    /// ```
    pub fn new<F>(lanes: NonZeroUsize, room: usize, work: impl Fn(T) -> F + Clone + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send,
    {
        let mut running = JoinSet::new();
        let lanes = (0..lanes.get()).map(|_| {
            let (lane, mut waiting) = mpsc::channel(room.max(1));
            let work = work.clone();
            running.spawn(async move {
                while let Some(next) = waiting.recv().await {
                    work(next).await;
                }
            });
            lane
        });
        Self { lanes: lanes.collect(), running }
    }

    /// Into its lane; waits while that is full.
    pub async fn put(&self, key: &str, next: T) {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let lane = usize::try_from(hasher.finish() % self.lanes.len() as u64).unwrap_or_default();
        // It ends with this, and not before.
        let _ = self.lanes[lane].send(next).await;
    }

    /// Takes no more, and waits until all lanes have done theirs.
    ///
    /// # Panics
    /// If the work did.
    pub async fn finish(self) {
        let Self { lanes, mut running } = self;
        drop(lanes);
        while let Some(ended) = running.join_next().await {
            if let Err(error) = ended
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::{Barrier, Semaphore};

    use super::*;

    const FOUR: NonZeroUsize = NonZeroUsize::new(4).unwrap();

    /// Two keys that do not share a lane: found, and not assumed.
    #[tokio::test]
    async fn two_keys_run_side_by_side() {
        let lane = |key: &str| {
            let mut hasher = DefaultHasher::new();
            key.hash(&mut hasher);
            hasher.finish() % 4
        };
        let keys: Vec<String> = (0..100).map(|number| format!("key-{number}")).collect();
        let other = keys.iter().find(|key| lane(key) != lane(&keys[0])).unwrap();
        // It lets nobody pass before there are two.
        let both = Arc::new(Barrier::new(2));
        let lanes = Lanes::new(FOUR, 1, move |()| {
            let both = Arc::clone(&both);
            async move {
                both.wait().await;
            }
        });
        lanes.put(&keys[0], ()).await;
        lanes.put(other, ()).await;
        lanes.finish().await;
    }

    #[tokio::test]
    async fn a_lane_takes_no_more_than_it_has_room_for() {
        let gate = Arc::new(Semaphore::new(0));
        let at = Arc::clone(&gate);
        let lanes = Arc::new(Lanes::new(FOUR, 1, move |()| {
            let gate = Arc::clone(&at);
            async move { gate.acquire().await.unwrap().forget() }
        }));
        // One is being worked on or about to be, one waits, and one has no place at least.
        let more = Arc::clone(&lanes);
        let putting = tokio::spawn(async move {
            for _ in 0..3 {
                more.put("key", ()).await;
            }
        });
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(!putting.is_finished());
        gate.add_permits(3);
        putting.await.unwrap();
        Arc::into_inner(lanes).unwrap().finish().await;
    }
}
