//! When requests are sent: as fast as answers come, or by the clock.

use std::io;
use std::num::NonZeroU64;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use crate::connection::Connection;
use crate::load::{CONNECTIONS, Load};

/// When each connection sends its next request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// When it has the answer to the last one.
    AsAnswered,
    /// So many per second over all connections, whether or not there are answers. A request that is sent late, because the
    /// connection still waits for an answer, has been waiting since it should have been sent, and its latency counts that.
    PerSecond(f64),
}

/// What a turn was like.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) answers: u64,
    pub(crate) seconds: f64,
    /// From when each request should have been sent to its answer; by the clock only.
    pub(crate) latencies: Vec<Duration>,
}

/// Sends requests for about this long.
pub(crate) fn drive(load: &Load<'_>, pace: Pace, for_about: Duration) -> io::Result<Tally> {
    let barrier = Barrier::new(CONNECTIONS + 1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS)
            .map(|connection| {
                let barrier = &barrier;
                scope.spawn(move || {
                    let opened = Connection::open(load.address);
                    barrier.wait();
                    match pace {
                        Pace::AsAnswered => as_answered(load, connection, opened?, for_about),
                        Pace::PerSecond(rate) => by_the_clock(load, connection, opened?, rate, for_about),
                    }
                })
            })
            .collect();
        barrier.wait();
        let start = Instant::now();
        let mut tally = Tally::default();
        for thread in threads {
            let (answers, latencies) = thread.join().map_err(|_| io::Error::other("a thread of the load ended"))??;
            tally.answers += answers;
            tally.latencies.extend(latencies);
        }
        tally.seconds = start.elapsed().as_secs_f64();
        Ok(tally)
    })
}

type Driven = io::Result<(u64, Vec<Duration>)>;

fn as_answered(load: &Load<'_>, connection: usize, mut to: Connection, for_about: Duration) -> Driven {
    let mut requests = load.requests(connection).to_vec();
    let start = Instant::now();
    let mut answers = 0;
    while start.elapsed() < for_about {
        let request = &mut requests[load.session(answers)];
        load.next(request, connection, answers);
        load.check(&to.exchange(request.bytes())?, request)?;
        answers += 1;
    }
    Ok((answers, Vec::new()))
}

fn by_the_clock(load: &Load<'_>, connection: usize, mut to: Connection, rate: f64, for_about: Duration) -> Driven {
    // As little later than asked as the kernel can.
    rustix::thread::set_current_timer_slack(NonZeroU64::new(1))?;
    let mut requests = load.requests(connection).to_vec();
    #[allow(clippy::cast_precision_loss, reason = "a small number")]
    let (connections, own) = (CONNECTIONS as f64, connection as f64);
    let interval = Duration::from_secs_f64(connections / rate);
    let start = Instant::now();
    let mut due = interval.mul_f64(own / connections);
    let mut latencies = Vec::new();
    while due < for_about {
        std::thread::sleep(due.saturating_sub(start.elapsed()));
        let number = latencies.len() as u64;
        let request = &mut requests[load.session(number)];
        load.next(request, connection, number);
        load.check(&to.exchange(request.bytes())?, request)?;
        latencies.push(start.elapsed() - due);
        due += interval;
    }
    Ok((latencies.len() as u64, latencies))
}
