//! Clients that retry until they have an answer, while everything between the application and its store goes wrong.

mod application;
mod faults;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use idem_tests::proxy::{Fate, Proxy};
use idem_tests::server::Seen;
use idem_tests::{soon, until};
use parking_lot::Mutex;
use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use tokio::task::JoinSet;

use super::Counts;
use super::bed::{Bed, Kind};
use application::{Application, Handlers};
use faults::Fault;

pub(crate) const fn fault(kind: Kind) -> &'static str {
    match kind {
        Kind::Redis | Kind::RedisDressed => {
            "at random: connections cut before a message or with its answer lost, all connections ended, the server \
             killed (`kill -9`) and started again, stopped and continued, out of memory; each between claims and their \
             completions, and at any time"
        }
        _ => {
            "at random: connections cut before a message or with its answer lost, all connections ended, the server \
             killed (`kill -9`) and started again, stopped and continued; each between claims and their completions, \
             and at any time"
        }
    }
}

const PAYMENTS: usize = 1_000;

/// Each payment has two clients.
pub(crate) const REQUESTS: usize = 2 * PAYMENTS;

const CLIENTS: usize = 12;

/// How many messages a fate is said for: more than are sent.
const MESSAGES: usize = 20 * PAYMENTS;

/// What the clients have found out.
#[derive(Default)]
struct Findings {
    answers: Mutex<HashMap<usize, Vec<u8>>>,
    changed: AtomicUsize,
    answered: AtomicUsize,
    refused: AtomicUsize,
}

impl Findings {
    fn note(&self, payment: usize, body: Vec<u8>) {
        let mut answers = self.answers.lock();
        let first = answers.entry(payment).or_insert_with(|| body.clone());
        self.changed.fetch_add(usize::from(*first != body), Ordering::Relaxed);
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until somebody is refused, or nobody is left who could be.
    async fn refusal(&self) {
        let before = self.refused.load(Ordering::Relaxed);
        let noticed = async || (self.refused.load(Ordering::Relaxed) > before || self.is_over()).then_some(());
        until("a refusal", noticed).await;
    }

    fn is_over(&self) -> bool {
        self.answered.load(Ordering::Relaxed) >= REQUESTS
    }
}

pub(crate) async fn run(kind: Kind) -> Counts {
    let mut random = idem_tests::random::drawn();
    let mut bed = Bed::new(kind).await;
    let handlers = Handlers::default();
    let (port, watched) = faults::watched(&bed);
    let proxy = Proxy::start(port, watched).await;
    let url = bed.url().replace(&format!(":{port}"), &format!(":{}", proxy.port()));
    let application = Application::start(kind, &url, handlers.clone()).await;
    // From here on.
    proxy.next((0..MESSAGES).map(|_| match random.random_range(0..100) {
        0..2 => Fate::IsCut,
        2..5 => Fate::LosesItsAnswer,
        _ => Fate::Passes,
    }));

    let findings = Arc::new(Findings::default());
    let waiting: Arc<Mutex<Vec<usize>>> =
        Arc::new(Mutex::new((0..PAYMENTS).flat_map(|payment| [payment; 2]).collect()));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(client(application.request(), Arc::clone(&waiting), Arc::clone(&findings)));
    }

    let mut faults: Vec<_> = Fault::of(kind).into_iter().flat_map(|fault| [(fault, true), (fault, false)]).collect();
    faults.shuffle(&mut random);
    for (number, (fault, within_handlers)) in faults.iter().enumerate() {
        let due = REQUESTS * (number + 1) / (faults.len() + 2);
        let is_due = async || (findings.answered.load(Ordering::Relaxed) >= due).then_some(());
        until("the next fault", is_due).await;
        if *within_handlers {
            handlers.hold();
            until("a handler to be held", async || (handlers.held() > 0).then_some(())).await;
        }
        fault.begin(&mut bed).await;
        handlers.let_pass();
        if fault.is_noticed() {
            findings.refusal().await;
        }
        fault.end(&mut bed).await;
    }
    soon("every client's end", clients.join_all()).await;

    let refused = findings.refused.load(Ordering::Relaxed);
    let (executions, met) = (handlers.executions(), MESSAGES - proxy.left());
    show(format_args!("{kind:?}: {refused} refusals, {} executions, {met} messages watched", executions.len()));
    // The storm was one: clients were refused, and connections lost.
    assert!(refused >= faults.len() / 2 && (PAYMENTS / 2..MESSAGES).contains(&met), "{refused}, {met}");

    let effects = application::effects(&bed, &executions).await;
    let mut counts = Counts {
        operations: findings.answered.load(Ordering::Relaxed),
        repeated: effects.repeated,
        second_executions: effects.second_executions,
        changed_answers: findings.changed.load(Ordering::Relaxed),
        lost_records: 0,
    };
    // Another process, which has seen nothing of it.
    let other = Application::start(kind, &bed.url(), Handlers::default()).await;
    let request = other.request();
    let answers = findings.answers.lock().clone();
    for (payment, body) in answers {
        let again = request.send(payment).await;
        counts.lost_records += usize::from(!again.replayed);
        counts.changed_answers += usize::from(again.replayed && again.body != body);
    }
    counts
}

/// Takes payments, and sends each until it is answered.
async fn client(request: application::Request, waiting: Arc<Mutex<Vec<usize>>>, findings: Arc<Findings>) {
    loop {
        let next = waiting.lock().pop();
        let Some(payment) = next else { return };
        loop {
            let seen = request.send(payment).await;
            if seen.status == 201 {
                findings.note(payment, seen.body);
                break;
            }
            assert!(is_for_now(&seen), "{seen:?}");
            findings.refused.fetch_add(usize::from(seen.status != 409), Ordering::Relaxed);
            // As a client does.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Whether it invites to try again: nothing else may be said to a client whose request is always the same.
fn is_for_now(seen: &Seen) -> bool {
    match seen.status {
        409 => seen.refusal() == "in_progress",
        503 => seen.refusal() == "store_unavailable",
        // The handler's own, when it cannot write.
        500 => true,
        _ => false,
    }
}

#[allow(clippy::print_stdout, reason = "shown when the test fails, so that it can be run again")]
fn show(what: std::fmt::Arguments<'_>) {
    println!("{what}");
}
