//! `kill -9` of the consumer at each step of one message.

use idem_tests::outside::Outside;

use super::bed::{Bed, pay};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It was delivered, and nothing was done with it yet.
    BeforeClaim,
    AfterClaim,
    /// It is booked, and not committed.
    BeforeCommit,
    /// It is committed with its record, and not acknowledged.
    AfterCommit,
    AfterAcknowledgement,
}

async fn killed_at_each_step_a_message_is_booked_once(mut bed: Bed) {
    use Step::*;
    for step in [BeforeClaim, AfterClaim, BeforeCommit, AfterCommit, AfterAcknowledgement] {
        bed.queue = format!("{step:?}-{}", uuid::Uuid::new_v4());
        let (first, second) = (format!("{step:?}-1"), format!("{step:?}-2"));
        let before = bed.booked().len();
        bed.publish(&[pay(&first, "ann", 5), pay(&second, "ann", 7)]).await;
        killed(&bed, step).await;
        assert_eq!(bed.booked().len() - before, usize::from(matches!(step, AfterCommit | AfterAcknowledgement)));

        let left = if step == AfterAcknowledgement { "1" } else { "2" };
        let said = bed.start("consumer-1", &["--stop-after", left]).ends_well().await;
        assert_eq!(bed.ids()[before..], [first.clone(), second.clone()], "{step:?}");
        let lines_about = |id: &str, text: &str| {
            let key = bed.key(id);
            said.lines().filter(|line| line.contains(&key) && line.contains(text)).count()
        };
        let of_first = (lines_about(&first, " booked "), lines_about(&first, " seen before "));
        let expected = match step {
            BeforeClaim | AfterClaim | BeforeCommit => (1, 0),
            AfterCommit => (0, 1),
            AfterAcknowledgement => (0, 0),
        };
        assert_eq!(of_first, expected, "{step:?}: {said}");
        assert_eq!(lines_about(&second, " booked "), 1);
        assert_eq!((bed.waiting().await, bed.dead().await), (0, vec![]), "{step:?}");
    }
}

/// A consumer that is killed with the first of two messages at this step.
async fn killed(bed: &Bed, step: Step) {
    let outside = Outside::new().await;
    let at = match step {
        Step::BeforeClaim | Step::AfterAcknowledgement => "before-claim",
        Step::AfterClaim => "after-claim",
        Step::BeforeCommit => "before-completion",
        Step::AfterCommit => "after-completion",
    };
    let consumer = bed.gated(&outside, at, &[]);
    let first = outside.next_at(at).await;
    let _second = if step == Step::AfterAcknowledgement {
        first.go_on().await;
        // It has one message in hand at once: the broker has the acknowledgement of the one before.
        outside.next_at(at).await
    } else {
        first
    };
    consumer.kill();
    bed.until_nobody_consumes().await;
}

/// Whatever takes its consumers down does not do so for ever.
async fn a_message_that_is_delivered_too_often_is_put_aside_untried(bed: Bed) {
    bed.publish_with(&[pay("bad", "ann", 5)], 2).await;
    for _ in 0..3 {
        let outside = Outside::new().await;
        let consumer = bed.gated(&outside, "before-claim", &[]);
        let _stopped = outside.next_at("before-claim").await;
        consumer.kill();
        bed.until_nobody_consumes().await;
    }
    bed.publish_with(&[pay("good", "ann", 5)], 2).await;
    // It was in hand three times; a third time is once too often for either broker.
    let more: &[&str] = match &bed.broker {
        super::bed::Broker::RedisStreams(_) => &["--max-deliveries", "3", "--stop-after", "2"],
        _ => &["--stop-after", "1"],
    };
    bed.start("consumer-1", more).ends_well().await;
    assert_eq!((bed.ids(), bed.waiting().await), (vec!["good".into()], 0));
    assert_eq!(bed.dead().await, [(Some("bad".into()), "delivered_too_often".into())]);
}

async fn told_to_stop_in_the_middle_it_acknowledges_what_has_begun(bed: Bed) {
    bed.publish(&[pay("a", "ann", 5), pay("b", "ann", 5)]).await;
    let outside = Outside::new().await;
    let consumer = bed.gated(&outside, "after-claim", &[]);
    let stopped = outside.next_at("after-claim").await;
    consumer.signal("TERM");
    consumer.says("stopping").await;
    stopped.go_on().await;
    consumer.ends_well().await;
    assert_eq!((bed.ids(), bed.waiting().await), (vec!["a".into()], 1));
    let said = bed.start("consumer-1", &["--stop-after", "1"]).ends_well().await;
    assert!(!said.contains("seen before"), "{said}");
    assert_eq!((bed.ids(), bed.waiting().await), (vec!["a".into(), "b".into()], 0));
}

with_each_broker! {
    killed_at_each_step_a_message_is_booked_once
    a_message_that_is_delivered_too_often_is_put_aside_untried
    told_to_stop_in_the_middle_it_acknowledges_what_has_begun
}
