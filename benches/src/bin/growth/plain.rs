//! What any table takes that is as large and whose entries end: the limit of the store in memory. With the time read once for
//! each, as whoever has to judge an entry's end must: the processor gets nothing of the next one before it has that.

use std::collections::hash_map::{Entry, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Mutex;
use std::time::Instant;

use idem_benches::{Table, median};

/// As many as the store has.
const SHARDS: usize = 256;
const BATCH: u32 = 1_000;

/// The keys are random, and need no hash.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, _: &[u8]) {}
    fn write_u64(&mut self, word: u64) {
        self.0 = word;
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

type Shard = Mutex<HashMap<u64, [u64; 2], BuildHasherDefault<AsItIs>>>;

fn now(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX)
}

pub(super) fn table(table: &mut Table) {
    let shards: Vec<Shard> = (0..SHARDS).map(|_| Mutex::default()).collect();
    let on = |key: u64| shards[usize::try_from(key >> 24).unwrap_or(0) % SHARDS].lock().expect("no panic");
    let begun = Instant::now();
    let (mut there, mut first) = (0, None);
    for live in [1_000_u64, 10_000, 100_000, 1_000_000, 10_000_000] {
        for _ in there..live {
            let key = rand::random();
            on(key).insert(key, [key, 0]);
        }
        there = live;
        let (mut news, mut founds) = (Vec::new(), Vec::new());
        let known = rand::random();
        on(known).insert(known, [known, 0]);
        for _ in 0..21 {
            let keys: Vec<u64> = (0..BATCH).map(|_| rand::random()).collect();
            let start = Instant::now();
            for key in &keys {
                let mut shard = on(*key);
                let ends = now(begun);
                match shard.entry(*key) {
                    Entry::Vacant(place) => *place.insert([*key, ends]),
                    Entry::Occupied(_) => panic!("a random key twice"),
                };
            }
            news.push(start.elapsed().as_secs_f64() * 1e6 / f64::from(BATCH));
            for key in &keys {
                on(*key).remove(key);
            }
            let start = Instant::now();
            for _ in 0..BATCH {
                let shard = on(known);
                let now = now(begun);
                assert!(shard.get(&known).is_some_and(|[_, ends]| *ends <= now));
            }
            founds.push(start.elapsed().as_secs_f64() * 1e6 / f64::from(BATCH));
        }
        let new = median(news);
        let first = *first.get_or_insert(new);
        table.row(&[
            "a plain hash map".to_owned(),
            live.to_string(),
            format!("{new:.2} us"),
            format!("{:.2}", new / first),
            format!("{:.2} us", median(founds)),
            String::new(),
        ]);
    }
}
