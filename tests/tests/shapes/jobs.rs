//! Functions that are no handlers, of every shape: each runs once for its key, and gives the same value the second time.

use std::future::Future;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use idem_runtime::{Done, Execution, Idempotency, JobError, JobRefusal, MemoryStore, idempotent_fn};
use serde::{Deserialize, Serialize};

static STORE: LazyLock<Idempotency> = LazyLock::new(|| Idempotency::new(MemoryStore::new()));
static RUNS: AtomicU64 = AtomicU64::new(0);

/// A number that no other run gets.
fn run() -> u64 {
    RUNS.fetch_add(1, Ordering::SeqCst)
}

async fn once<T: PartialEq + std::fmt::Debug, F: Future<Output = Result<T, JobRefusal>>>(call: impl Fn() -> F) {
    let first = call().await.unwrap();
    assert_eq!(call().await.unwrap(), first);
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    id: u64,
    text: String,
}

fn message(text: &str) -> Message {
    Message { id: 7, text: text.to_owned() }
}

#[idempotent_fn(ttl = "1h", key = message.id, store = &STORE, fingerprint = &message)]
async fn of_its_own(message: Message) -> Result<(u64, String), JobRefusal> {
    std::future::ready(()).await;
    Ok((run(), message.text))
}

#[tokio::test]
async fn arguments_of_its_own() {
    once(|| of_its_own(message("a"))).await;
    let other = of_its_own(message("b")).await.unwrap_err();
    assert!(matches!(other, JobRefusal::KeyReused));
}

#[idempotent_fn(ttl = "1h", key = (id, part), scope = "eu".to_owned() + name, store = store)]
async fn that_borrows(store: &Idempotency, id: &str, part: u8, name: &str) -> Result<(u64, String), JobRefusal> {
    Ok((run(), format!("{id} {name} {part} {}", store.store_name())))
}

#[tokio::test]
async fn borrowed_arguments() {
    let (store, id) = (Idempotency::new(MemoryStore::new()), String::from("k"));
    once(|| that_borrows(&store, &id, 1, "x")).await;
    assert_ne!(
        that_borrows(&store, &id, 1, "y").await.unwrap(),
        that_borrows(&store, &id, 1, "x").await.unwrap(),
        "another scope"
    );
}

#[idempotent_fn(ttl = "1h", key = id.as_ref(), store = &STORE)]
async fn of_any_kind<T, const N: usize>(
    values: [T; N],
    id: impl ToString + AsRef<str>,
) -> Result<(u64, Vec<String>), JobRefusal>
where
    T: std::fmt::Display,
{
    Ok((run(), values.iter().map(ToString::to_string).chain([id.to_string()]).collect()))
}

#[tokio::test]
async fn type_parameters() {
    once(|| of_any_kind([1, 2], "generic")).await;
    assert_eq!(of_any_kind([1, 2], "generic").await.unwrap().1, ["1", "2", "generic"]);
}

struct Consumer<S> {
    idempotency: Idempotency,
    seen: u64,
    sink: S,
}

impl<S: Fn(u64) + Send + Sync> Consumer<S> {
    #[idempotent_fn(ttl = "1h", operation = "by_reference", key = self.name(*id), store = &self.idempotency)]
    async fn by_reference(&self, id: u64) -> Result<u64, JobRefusal> {
        (self.sink)(id);
        Ok(run())
    }

    #[idempotent_fn(ttl = "1h", operation = "by_mutable", key = id, store = &self.idempotency)]
    async fn by_mutable(&mut self, mut id: u64) -> Result<u64, JobRefusal> {
        id += 1;
        self.seen += 1;
        std::future::ready(()).await;
        Ok(run() + id)
    }

    #[idempotent_fn(ttl = "1h", operation = "by_arc", key = id, store = &self.idempotency)]
    async fn by_arc(self: Arc<Self>, id: u64) -> Result<u64, JobRefusal> {
        (self.sink)(id);
        Ok(run())
    }

    #[idempotent_fn(ttl = "1h", operation = "by_value", key = id, store = &self.idempotency)]
    async fn by_value(mut self, id: u64) -> Result<u64, JobRefusal> {
        self.seen += id;
        Ok(run() + self.seen)
    }

    #[idempotent_fn(ttl = "1h", operation = "associated", key = id, store = &STORE)]
    async fn associated(id: u64) -> Result<u64, JobRefusal> {
        Ok(run() + Self::LEAST + id)
    }

    const LEAST: u64 = 1;

    fn name(&self, id: u64) -> String {
        format!("{}-{id}", self.seen)
    }
}

fn consumer() -> Consumer<impl Fn(u64) + Send + Sync> {
    Consumer { idempotency: STORE.clone(), seen: 0, sink: |_| {} }
}

#[tokio::test]
async fn methods() {
    let borrowed = consumer();
    once(|| borrowed.by_reference(1)).await;
    let shared = Arc::new(consumer());
    once(|| Arc::clone(&shared).by_arc(1)).await;
    once(|| consumer().by_value(1)).await;
    let mut mutable = consumer();
    assert_eq!(mutable.by_mutable(1).await.unwrap(), mutable.by_mutable(1).await.unwrap());
    assert_eq!(mutable.seen, 1);
    let associated = Consumer::<fn(u64)>::associated(1).await.unwrap();
    assert_eq!(Consumer::<fn(u64)>::associated(1).await.unwrap(), associated);
}

trait Consume {
    async fn consume(&self, id: &str) -> Result<u64, JobRefusal>;
}

impl<S> Consume for Consumer<S> {
    #[allow(clippy::future_not_send, reason = "so is the function's own, of a consumer that cannot be shared")]
    #[idempotent_fn(ttl = "1h", operation = "of_a_trait", key = id, store = &self.idempotency)]
    async fn consume(&self, id: &str) -> Result<u64, JobRefusal> {
        let _ = id;
        Ok(run())
    }
}

#[tokio::test]
async fn methods_of_a_trait() {
    let consumer = consumer();
    once(|| consumer.consume("k")).await;
}

#[idempotent_fn(ttl = "1h", key = (tenant, id), store = &STORE)]
async fn with_patterns(
    Message { id, ref text }: Message,
    (tenant, mut parts): (&'static str, Vec<u8>),
    _: Arc<str>,
    #[cfg(any())] missing: NoSuchType,
    #[allow(unused_variables)] spare @ (0..=u64::MAX): u64,
    [first, .., last]: [u8; 4],
) -> Result<(u64, String), JobRefusal> {
    parts.push(first + last);
    Ok((run(), format!("{text}{parts:?}")))
}

#[tokio::test]
async fn patterns() {
    once(|| with_patterns(message("a"), ("t", vec![1]), "x".into(), 5, [1, 2, 3, 4])).await;
}

#[derive(Debug)]
enum Failure {
    Refused(JobRefusal),
    Number,
    Early,
}

impl From<JobRefusal> for Failure {
    fn from(refusal: JobRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<std::num::ParseIntError> for Failure {
    fn from(_: std::num::ParseIntError) -> Self {
        Self::Number
    }
}

#[idempotent_fn(ttl = "1h", key = text, store = &STORE)]
async fn that_returns_early(text: String) -> Result<u64, Failure> {
    if text.is_empty() || text == "early" {
        return Err(Failure::Early);
    }
    let number: u64 = text.parse()?;
    Ok(number + run())
}

#[tokio::test]
async fn early_returns_and_question_marks() {
    for _ in 0..2 {
        assert!(matches!(that_returns_early("early".into()).await, Err(Failure::Early)));
        assert!(matches!(that_returns_early("x".into()).await, Err(Failure::Number)));
        let missing = that_returns_early(String::new()).await;
        assert!(matches!(missing, Err(Failure::Refused(JobRefusal::InvalidKey))));
    }
    assert_eq!(that_returns_early("1000".into()).await.unwrap(), that_returns_early("1000".into()).await.unwrap());
}

mod aliased {
    pub(super) type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
}

#[idempotent_fn(ttl = "1h", key = id, store = &STORE)]
async fn with_an_alias(id: Option<u64>) -> aliased::Result<Done<u64>> {
    Ok(Done::executed(run() + id.ok_or("no id")?))
}

#[tokio::test]
async fn a_caller_can_know_whether_it_ran() {
    let first = with_an_alias(Some(1)).await.unwrap();
    let second = with_an_alias(Some(1)).await.unwrap();
    assert_eq!((first.is_replayed(), second.is_replayed()), (false, true));
    assert_eq!(*first, *second);
    let refused = with_an_alias(None).await.unwrap_err();
    assert!(matches!(refused.downcast_ref(), Some(JobRefusal::MissingKey)), "the error can be told from others");
}

#[idempotent_fn(ttl = "1h", key = id, store = &STORE)]
async fn with_a_typed_error(id: u64) -> Result<u64, JobError<&'static str>> {
    if id == 0 { Err(JobError::Failed("no")) } else { Ok(run()) }
}

#[tokio::test]
async fn an_error_of_both() {
    assert!(matches!(with_a_typed_error(0).await, Err(JobError::Failed("no"))));
    assert_eq!(with_a_typed_error(1).await.unwrap(), with_a_typed_error(1).await.unwrap());
}

#[idempotent_fn(ttl = "1h", key = id, store = &STORE)]
async fn that_knows_its_execution(
    #[supplied] execution: Execution,
    id: u64,
) -> Result<(Option<String>, u32), JobRefusal> {
    Ok((execution.derive_key(&id.to_string()), execution.attempt()))
}

#[tokio::test]
async fn what_is_supplied_is_not_passed() {
    let (key, attempt) = that_knows_its_execution(7).await.unwrap();
    assert_eq!((key.map(|key| key.len()), attempt), (Some(32), 1));
}

/// The names that the expansion needs are somebody else's here.
#[idempotent_fn(ttl = "1h", key = __store, store = &STORE)]
#[tracing::instrument(skip_all)]
pub async fn with_names_in_the_way(__store: u64, __arguments: u64) -> Result<u64, JobRefusal> {
    let __job = __store + __arguments;
    Ok(run() + __job)
}

#[tokio::test]
async fn names_and_attributes_in_the_way() {
    once(|| with_names_in_the_way(1, 2)).await;
}

#[allow(clippy::future_not_send, reason = "what it borrows cannot be sent")]
#[idempotent_fn(ttl = "1h", key = 7 + shared.len(), store = &STORE)]
async fn that_cannot_be_sent(shared: &std::rc::Rc<str>) -> Result<u64, JobRefusal> {
    std::future::ready(()).await;
    Ok(run() + shared.len() as u64)
}

#[tokio::test]
async fn what_borrows_need_not_be_sent() {
    let shared = std::rc::Rc::from("x");
    once(|| that_cannot_be_sent(&shared)).await;
}

const fn is_send<T: Send>(_: &T) {}

#[tokio::test]
async fn the_futures_can_be_spawned() {
    is_send(&of_its_own(message("spawned")));
    is_send(&that_borrows(&STORE, "k", 1, "x"));
    let consumer = consumer();
    is_send(&consumer.by_reference(1));
    tokio::spawn(with_a_typed_error(5)).await.unwrap().unwrap();
}
