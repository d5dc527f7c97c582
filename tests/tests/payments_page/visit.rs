//! One person at the page.

use idem_tests::browser::Browser;
use idem_tests::process::{Program, built};
use serde_json::Value;

/// The program, and a browser in which its page is open.
pub(crate) struct Visit {
    pub(crate) program: Program,
    pub(crate) browser: Browser,
}

impl Visit {
    /// With its charges and records in memory.
    pub(crate) async fn start() -> Self {
        // A slow provider is slow for longer than any retry is late on a busy machine.
        Self::with(&["--listen", "127.0.0.1:0", "--store", "memory:", "--delay", "50ms", "--slow", "10s"]).await
    }

    pub(crate) async fn with(arguments: &[&str]) -> Self {
        let program = Program::start(&built("payments"), arguments).await;
        let browser = Browser::start(1200, 900).await;
        browser.open(&format!("http://127.0.0.1:{}/", program.address.port())).await;
        let visit = Self { program, browser };
        visit.says("Ready.").await;
        visit
    }

    /// Waits until the status line says this.
    pub(crate) async fn says(&self, text: &str) {
        let script = format!("return document.querySelector('[role=status]').textContent.includes('{text}')");
        self.browser.until(text, &script).await;
    }

    /// Clicks on the switch of this name.
    pub(crate) async fn switch(&self, name: &str) {
        let switch = self.browser.named("switch", name).await;
        self.browser.click(&switch).await;
    }

    /// Types how many needless retries there are to be.
    pub(crate) async fn retries(&self, number: u32) {
        let field = self.browser.named("spinbutton", "Retries after the answer").await;
        self.browser.script_with("arguments[0].select()", vec![field.argument()]).await;
        for digit in number.to_string().chars() {
            self.browser.press(digit).await;
        }
    }

    /// Clicks on *Pay*, and waits until the payment is done and its outcome is shown.
    pub(crate) async fn pay(&self) {
        let button = self.browser.named("button", "Pay €12.50").await;
        self.browser.click(&button).await;
        self.done().await;
    }

    pub(crate) async fn done(&self) {
        self.says(" is done: ").await;
        let agrees = "return document.querySelector('.verdict').textContent.endsWith(', 1 charge')";
        self.browser.until("one charge", agrees).await;
    }

    /// What happened to each request of the latest payment: its status, and the words.
    pub(crate) async fn happened(&self) -> Vec<(String, String)> {
        let rows = "return [...document.querySelector('.payment').querySelectorAll('tbody tr')] \
                    .map((row) => ['.code', '.happened'].map((cell) => row.querySelector(cell).textContent))";
        serde_json::from_value(self.browser.script(rows).await).unwrap()
    }

    /// The totals that the page shows, by their names, when they are what the server says.
    pub(crate) async fn totals(&self) -> Totals {
        let totals = "return [...document.querySelectorAll('dl > div')] \
                      .map((total) => [total.querySelector('dt').textContent, Number(total.querySelector('dd').textContent)])";
        idem_tests::until("the page shows what the server counts", async || {
            let counts = self.json("/v1/counts").await;
            let count = |name: &str| counts[name].as_u64().unwrap();
            let charged = self.json("/v1/payments").await.as_array().unwrap().len() as u64;
            let refused = count("in_progress") + count("key_reused");
            let shown: Vec<(String, u64)> = serde_json::from_value(self.browser.script(totals).await).unwrap();
            let shown: Vec<(&str, u64)> = shown.iter().map(|(name, number)| (name.as_str(), *number)).collect();
            let requests = count("executed") + count("unprotected") + count("replayed") + refused;
            let counted = Totals {
                requests,
                executed: count("executed") + count("unprotected"),
                replayed: count("replayed"),
                refused,
                charges: charged,
            };
            (shown == counted.by_name()).then_some(counted)
        })
        .await
    }

    async fn json(&self, path: &str) -> Value {
        let url = format!("http://127.0.0.1:{}{path}", self.program.address.port());
        reqwest::get(url).await.unwrap().json().await.unwrap()
    }

    /// Nothing was asked of any other host, and nothing went wrong in the page: no error, and no breach of its own policy.
    pub(crate) async fn ends_well(self) {
        let here = format!("http://127.0.0.1:{}/", self.program.address.port());
        let mut asked = 0;
        for entry in self.browser.log("performance").await {
            let entry: Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
            let message = &entry["message"];
            // A browser opens with a page of its own.
            let own = message["params"]["documentURL"].as_str().is_some_and(|page| page.starts_with("chrome://"));
            if message["method"] == "Network.requestWillBeSent" && !own {
                let url = message["params"]["request"]["url"].as_str().unwrap();
                assert!(url.starts_with(&here), "{url}");
                asked += 1;
            }
        }
        assert!(asked > 5, "{asked}");
        for entry in self.browser.log("browser").await {
            let text = entry["message"].as_str().unwrap();
            // The browser itself notes what is refused or lost, and that is what the page is for.
            let shown = entry["source"] == "network" && text.starts_with(&format!("{here}v1/payments "));
            assert!(shown, "{entry}");
        }
    }
}

/// What the page counts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) requests: u64,
    pub(crate) executed: u64,
    pub(crate) replayed: u64,
    pub(crate) refused: u64,
    pub(crate) charges: u64,
}

impl Totals {
    fn by_name(&self) -> [(&'static str, u64); 5] {
        [
            ("Requests", self.requests),
            ("Executed", self.executed),
            ("Replayed", self.replayed),
            ("Refused", self.refused),
            ("Charges", self.charges),
        ]
    }
}
