//! Brokers that go away, and what is special to one of them.

use idem_tests::outside::Outside;
use idem_tests::proxy::{Fate, Proxy};
use idem_tests::rabbitmq_server::RabbitMqServer;
use lapin::BasicProperties;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, ExchangeDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};

use super::bed::{Bed, Broker, pay};

impl Bed {
    async fn kill_broker(&mut self) {
        match &mut self.broker {
            Broker::Shared(_) => panic!("others use it"),
            Broker::RabbitMq(server) => server.kill().await,
            Broker::RedisStreams(server) => server.kill(),
        }
    }

    async fn restart_broker(&mut self) {
        match &mut self.broker {
            Broker::Shared(_) => panic!("others use it"),
            Broker::RabbitMq(server) => server.restart().await,
            Broker::RedisStreams(server) => server.restart().await,
        }
    }

    fn pause_broker(&self) {
        match &self.broker {
            Broker::Shared(_) => panic!("others use it"),
            Broker::RabbitMq(server) => server.pause(),
            Broker::RedisStreams(server) => server.pause(),
        }
    }

    fn let_broker_go_on(&self) {
        match &self.broker {
            Broker::Shared(_) => panic!("others use it"),
            Broker::RabbitMq(server) => server.go_on(),
            Broker::RedisStreams(server) => server.go_on(),
        }
    }
}

/// First it is killed between the record and the acknowledgement, and then it is stopped there.
async fn a_broker_that_goes_away_before_the_acknowledgement_delivers_again_and_is_told(mut bed: Bed) {
    bed.publish(&[pay("p-1", "ann", 5)]).await;
    let outside = Outside::new().await;
    let consumer = bed.gated(&outside, "after-completion", &["--stop-after", "2"]);
    let stopped = outside.next_at("after-completion").await;
    bed.kill_broker().await;
    // From here on it has nobody to acknowledge to.
    consumer.says("is gone").await;
    stopped.go_on().await;
    consumer.says("booked").await;
    bed.restart_broker().await;
    // On the same process: it has found the broker again.
    consumer.says("seen before").await;

    bed.publish(&[pay("p-2", "ann", 5)]).await;
    let stopped = outside.next_at("after-completion").await;
    bed.pause_broker();
    stopped.go_on().await;
    until_times(&consumer, "booked", 2).await;
    bed.let_broker_go_on();
    let said = consumer.ends_well().await;
    assert!(said.contains("will be delivered again, and recognised"), "{said}");
    assert_eq!(bed.ids(), ["p-1", "p-2"]);
    assert_eq!((bed.waiting().await, bed.dead().await), (0, vec![]));
}

async fn until_times(consumer: &super::process::Consumer, text: &str, times: usize) {
    idem_tests::until(text, async || (consumer.times(text) >= times).then_some(())).await;
}

with_each_broker! { of its own:
    a_broker_that_goes_away_before_the_acknowledgement_delivers_again_and_is_told
}

/// The connection is cut with the acknowledgement in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_that_is_lost_on_its_way_is_sent_for_the_next_delivery() {
    const BASIC_ACK: &[u8] = &[0, 60, 0, 80];
    let bed = Bed::rabbitmq().await;
    let proxy = Proxy::start(bed.rabbitmq_server().port(), BASIC_ACK).await;
    proxy.next([Fate::IsCut]);
    bed.publish(&[pay("p-1", "ann", 5)]).await;
    let url = format!("amqp://guest:guest@127.0.0.1:{}/%2f", proxy.port());
    // To its consumer, an acknowledgement that was written looks like one that arrived: there are two.
    let said = bed.start_at(&url, "consumer-1", &["--stop-after", "2"]).ends_well().await;
    assert!(said.contains("is gone") && said.contains("seen before"), "{said}");
    assert_eq!((bed.ids(), bed.waiting().await, proxy.left()), (vec!["p-1".into()], 0, 0));
}

/// As Celery 5 sends a task, and sends it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_of_celerys_is_booked_once() {
    let bed = Bed::rabbitmq().await;
    bed.publish(&[]).await;
    for retries in [0, 1] {
        let task = "0d5c7b2e-6ce4-4f0c-9a3c-0f6f3c1d2b11";
        let mut headers = FieldTable::default();
        for (name, value) in [("lang", "py"), ("task", "ledger.book"), ("id", task), ("root_id", task)] {
            headers.insert(name.into(), AMQPValue::LongString(value.into()));
        }
        headers.insert("retries".into(), AMQPValue::LongInt(retries));
        let properties = BasicProperties::default()
            .with_correlation_id(task.into())
            .with_content_type("application/json".into())
            .with_content_encoding("utf-8".into())
            .with_headers(headers);
        let body = br#"[[], {"account": "ann", "cents": 5}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]"#;
        publish_raw(bed.rabbitmq_server(), &bed.queue, properties, body).await;
    }
    let said = bed.start("consumer-1", &["--stop-after", "2"]).ends_well().await;
    assert!(said.contains("seen before"), "{said}");
    assert_eq!((bed.ids().len(), bed.waiting().await, bed.dead().await), (1, 0, vec![]));
}

async fn publish_raw(server: &RabbitMqServer, queue: &str, properties: BasicProperties, body: &[u8]) {
    let (_connection, channel) = server.channel().await;
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let published = channel.basic_publish("".into(), queue.into(), BasicPublishOptions::default(), body, properties);
    assert!(published.await.unwrap().await.unwrap().is_ack());
}

/// Somebody has deleted their exchange, which costs the channel. As many as may be in hand cannot be put aside, and none of them
/// stays with a consumer that can do nothing with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_place_for_dead_letters_a_consumer_makes_one_and_goes_on() {
    let bed = Bed::rabbitmq().await;
    bed.publish(&[pay("p-1", "ann", 5)]).await;
    let consumer = bed.start("consumer-1", &["--prefetch", "2", "--stop-after", "5"]);
    consumer.says("booked").await;
    let (server, dead) = (bed.rabbitmq_server(), format!("{}.dead", bed.queue));
    let (_connection, channel) = server.channel().await;
    channel.exchange_delete((&*dead).into(), ExchangeDeleteOptions::default()).await.unwrap();
    // Not as the producer does it, who would declare it anew.
    for (id, content) in [("bad-1", "{"), ("bad-2", "{"), ("bad-3", "{")] {
        let properties = BasicProperties::default().with_message_id(id.into());
        publish_raw(server, &bed.queue, properties, content.as_bytes()).await;
    }
    let good = pay("p-2", "ann", 5).content;
    publish_raw(server, &bed.queue, BasicProperties::default().with_message_id("p-2".into()), good.as_bytes()).await;
    let said = consumer.ends_well().await;
    assert!(said.contains("it cannot be put aside") && said.contains("delivered again"), "{said}");
    let malformed = |id: &str| (Some(id.to_owned()), "malformed".to_owned());
    assert_eq!(bed.dead().await, [malformed("bad-1"), malformed("bad-2"), malformed("bad-3")], "{said}");
    assert_eq!((bed.ids(), bed.waiting().await), (vec!["p-1".to_owned(), "p-2".into()], 0));
}

/// What was delivered to a consumer that never comes back, under a name that nobody has any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_of_a_consumer_that_is_gone_for_good_are_claimed() {
    let bed = Bed::redis_streams().await;
    bed.publish(&[pay("p-1", "ann", 5), pay("p-2", "bob", 5), pay("p-3", "ann", 5)]).await;
    let outside = Outside::new().await;
    let gone = bed.gated(&outside, "after-completion", &[]);
    let _stopped = outside.next_at("after-completion").await;
    gone.kill();
    let said = bed.start("another", &["--stop-after", "3"]).ends_well().await;
    assert!(said.contains("delivered again") && said.contains("seen before"), "{said}");
    let mut ids = bed.ids();
    ids.sort();
    assert_eq!((ids, bed.waiting().await), (vec!["p-1".into(), "p-2".into(), "p-3".into()], 0));
}
