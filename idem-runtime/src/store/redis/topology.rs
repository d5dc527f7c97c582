//! One server or a cluster, and how a request finds the server that answers it.

use std::time::Duration;

use tokio::time::Instant;

use super::cluster::Cluster;
use super::fault::{self, Fault, Remedy};
use super::link::Link;
use super::request::{Manner, Replies, Request, Wait};
use super::slots;
use super::url::Place;

/// Before a request is sent again to a server that is not ready for it; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// How often a request is sent again without a pause: the next redirection tells nothing new.
const QUICK: u32 = 3;

#[derive(Clone)]
pub(super) enum Topology {
    /// One server, which sentinels may name.
    Single(Link),
    Cluster(Cluster),
}

/// How long a request may go on.
struct Within {
    began: Instant,
    /// It is not sent again after that long.
    patience: Duration,
    /// Nothing is waited for after that.
    until: Instant,
}

/// Where a request goes next.
enum Route {
    /// To whoever is known to serve its key.
    Home,
    /// To where it was redirected.
    To { place: Place, asking: bool },
}

impl Topology {
    /// Asks whoever serves `name`, and goes on asking until there is an answer that is none of the passing kind, as long
    /// as there is time for another try: for `patience`, and no longer than `until`.
    pub(super) async fn ask(
        &self,
        name: &str,
        request: &Request,
        wait: Option<Wait>,
        patience: Duration,
        until: Instant,
    ) -> Result<Replies, Fault> {
        let began = Instant::now();
        // What nearly every request comes to, by itself. The rest is boxed: each request would carry the room for it with it.
        let first = match (self, wait) {
            (Self::Single(link), None) => {
                let answer = link.ask_shared(request, Manner::default(), until.min(began + link.limit(None))).await;
                match answer {
                    Ok(replies) if replies.are_plain() => return Ok(replies),
                    answer => Some(answer),
                }
            }
            _ => None,
        };
        Box::pin(self.ask_again(first, name, request, wait, Within { began, patience, until })).await
    }

    /// Asks, after what came of the `first` time, if there was one.
    async fn ask_again(
        &self,
        mut first: Option<Result<Replies, Fault>>,
        name: &str,
        request: &Request,
        wait: Option<Wait>,
        Within { began, patience, until }: Within,
    ) -> Result<Replies, Fault> {
        let mut route = Route::Home;
        let mut pause = FIRST_PAUSE;
        let mut sent_before = false;
        for tries in 1_u32.. {
            let (answer, remedy) = self.try_once(first.take(), name, request, wait, &route, until).await;
            sent_before |= answer.is_err();
            let is_quick = matches!(remedy, Remedy::Moved(_) | Remedy::Ask(_) | Remedy::Reconnect) && tries < QUICK;
            route = match remedy {
                Remedy::None => return answer.map(|replies| Replies { sent_before, ..replies }),
                Remedy::Suspect => {
                    self.doubt();
                    return answer;
                }
                Remedy::Moved(place) => {
                    self.doubt();
                    Route::To { place, asking: false }
                }
                Remedy::Ask(place) => Route::To { place, asking: true },
                Remedy::Later => route,
                Remedy::Reconnect | Remedy::Elsewhere => {
                    self.doubt();
                    Route::Home
                }
            };
            let rest = if is_quick { Duration::ZERO } else { pause };
            let next = Instant::now() + rest;
            if next >= until || next.saturating_duration_since(began) >= patience {
                // Sent from one node to the next until there was no time left.
                let is_lost = matches!(route, Route::To { .. });
                return if is_lost { Err(Fault::Unserved) } else { answer };
            }
            if !is_quick {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
        Err(Fault::TimedOut)
    }

    async fn try_once(
        &self,
        made: Option<Result<Replies, Fault>>,
        name: &str,
        request: &Request,
        wait: Option<Wait>,
        route: &Route,
        until: Instant,
    ) -> (Result<Replies, Fault>, Remedy) {
        let (cluster, place, link, asking) = match (self, route) {
            (Self::Single(link), _) => (false, None, link.clone(), false),
            (Self::Cluster(cluster), Route::To { place, asking }) => {
                (true, Some(place.clone()), cluster.link(place), *asking)
            }
            (Self::Cluster(cluster), Route::Home) => match cluster.primary_of(slots::slot_of(name)) {
                Some((place, link)) => (true, Some(place), link, false),
                None => return (Err(Fault::Unserved), Fault::Unserved.remedy()),
            },
        };
        let answer = match made {
            Some(answer) => answer,
            None => {
                let limit = until.min(Instant::now() + link.limit(wait));
                link.ask_until(request, Manner { asking, wait }, limit).await
            }
        };
        let remedy = match remedy_of(&answer) {
            // Only a cluster redirects; who meets one of its nodes at `redis://` is told so.
            Remedy::Moved(_) | Remedy::Ask(_) if !cluster => Remedy::None,
            Remedy::Moved(said) => Remedy::Moved(beside(place, said)),
            Remedy::Ask(said) => Remedy::Ask(beside(place, said)),
            Remedy::Elsewhere if answer.is_ok() => {
                link.leave();
                Remedy::Elsewhere
            }
            remedy => remedy,
        };
        (answer, remedy)
    }

    /// What is known of the cluster may be out of date.
    fn doubt(&self) {
        if let Self::Cluster(cluster) = self {
            cluster.survey_soon();
        }
    }
}

fn beside(place: Option<Place>, said: Place) -> Place {
    place.map_or_else(|| said.clone(), |here| slots::beside(&here, &said))
}

/// What the first error in an answer asks for that asks for anything.
fn remedy_of(answer: &Result<Replies, Fault>) -> Remedy {
    let replies = match answer {
        Ok(replies) => replies,
        Err(fault) => return fault.remedy(),
    };
    let [first, second] = &replies.values;
    let faults = [first, second, &replies.confirmed].into_iter().filter_map(fault::of_reply);
    faults.map(|fault| fault.remedy()).find(|remedy| *remedy != Remedy::None).unwrap_or(Remedy::None)
}
