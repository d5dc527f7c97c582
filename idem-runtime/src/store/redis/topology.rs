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

/// Where a request goes next.
enum Route {
    /// To whoever is known to serve its key.
    Home,
    /// To where it was redirected.
    To { place: Place, asking: bool },
}

impl Topology {
    /// Asks whoever serves `name`, and goes on asking until there is an answer that is none of the passing kind, as long
    /// as there is time for another try.
    pub(super) async fn ask(
        &self,
        name: &str,
        request: &Request,
        wait: Option<Wait>,
        patience: Duration,
    ) -> Result<Replies, Fault> {
        let began = Instant::now();
        let mut route = Route::Home;
        let mut pause = FIRST_PAUSE;
        let mut sent_before = false;
        for tries in 1_u32.. {
            let (answer, remedy) = self.try_once(name, request, wait, &route).await;
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
            if began.elapsed() + rest >= patience {
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
        name: &str,
        request: &Request,
        wait: Option<Wait>,
        route: &Route,
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
        let answer = link.ask(request, Manner { asking, wait }).await;
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
