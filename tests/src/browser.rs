//! A real browser: headless Chromium, driven over WebDriver.

use std::process::{Child, Command, Stdio};

use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::{ParseError, Url};

use crate::process::{free_port, signal};

/// A browser with a profile of its own. It is killed when it is dropped.
#[derive(Debug)]
pub struct Browser {
    /// What drives it.
    pub client: Client,
    driver: Child,
    chromium: u32,
    _profile: TempDir,
}

/// Something on a page, by its number in the browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found(String);

impl Browser {
    /// Starts one whose window is so many pixels wide and high.
    ///
    /// # Panics
    /// When `chromium` or `chromedriver` is not installed or does not start.
    pub async fn start(width: u32, height: u32) -> Self {
        let port = free_port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver (Debian package chromium-driver)");
        let profile = TempDir::new().expect("a folder");
        let capabilities = capabilities(&profile, width, height);
        let url = format!("http://127.0.0.1:{port}");
        let mut connector = ClientBuilder::new(HttpConnector::new());
        connector.capabilities(capabilities);
        crate::until("chromedriver listens", async || reqwest::get(format!("{url}/status")).await.ok()).await;
        let client = crate::soon("a browser", connector.connect(&url)).await.expect("a browser");
        let chromium = client.capabilities().and_then(|had| had["goog:processID"].as_u64()).expect("its number");
        let browser = Self { client, driver, chromium: chromium as u32, _profile: profile };
        browser.size(width, height).await;
        browser
    }

    /// Makes the page so many pixels wide and high, also less than a window can have.
    pub async fn size(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Emulates a media feature, such as `prefers-color-scheme`.
    pub async fn prefer(&self, feature: &str, value: &str) {
        let media = json!({ "features": [{ "name": feature, "value": value }] });
        self.devtools("Emulation.setEmulatedMedia", media).await;
    }

    /// Opens a page.
    ///
    /// # Panics
    /// When that fails.
    pub async fn open(&self, url: &str) {
        crate::soon("the page", self.client.goto(url)).await.expect("the page");
    }

    /// The result of a script: a function's body.
    ///
    /// # Panics
    /// When it throws.
    pub async fn script(&self, body: &str) -> Value {
        self.script_with(body, vec![]).await
    }

    /// The result of a script, which gets these `arguments`.
    ///
    /// # Panics
    /// When it throws.
    pub async fn script_with(&self, body: &str, arguments: Vec<Value>) -> Value {
        let run = self.client.execute(body, arguments);
        crate::soon("a script's end", run).await.unwrap_or_else(|error| panic!("{body}: {error}"))
    }

    /// Waits until a script gives something else than `null` or `false`.
    pub async fn until(&self, what: &str, body: &str) -> Value {
        crate::until(what, async || match self.script(body).await {
            Value::Null | Value::Bool(false) => None,
            value => Some(value),
        })
        .await
    }

    /// The one thing on the page that assistive technology would call by this role and this name.
    ///
    /// # Panics
    /// When there is none, or more than one.
    pub async fn named(&self, role: &str, name: &str) -> Found {
        let mut found = Vec::new();
        let candidates = "return [...document.querySelectorAll('button, input, a, form, fieldset, section, [role]')]";
        let candidates = self.script(candidates).await;
        for candidate in candidates.as_array().expect("a list").iter().map(Found::read) {
            if self.role(&candidate).await == role && self.name(&candidate).await == name {
                found.push(candidate);
            }
        }
        assert_eq!(found.len(), 1, "{role} {name}");
        found.remove(0)
    }

    /// What has the focus.
    pub async fn focused(&self) -> Found {
        Found::read(&self.script("return document.activeElement").await)
    }

    /// The name that assistive technology gives to it.
    pub async fn name(&self, it: &Found) -> String {
        self.computed(it, "computedlabel").await
    }

    /// The role that assistive technology gives to it.
    pub async fn role(&self, it: &Found) -> String {
        self.computed(it, "computedrole").await
    }

    async fn computed(&self, it: &Found, what: &'static str) -> String {
        let answer = self.ask(Method::GET, format!("element/{}/{what}", it.0), None).await;
        answer.as_str().expect("a text").to_owned()
    }

    /// Clicks with the mouse, in the middle of it.
    pub async fn click(&self, it: &Found) {
        self.ask(Method::POST, format!("element/{}/click", it.0), Some(json!({}))).await;
    }

    /// Presses a key and lets it go.
    pub async fn press(&self, key: char) {
        let actions = [("keyDown", key), ("keyUp", key)].map(|(kind, key)| json!({ "type": kind, "value": key }));
        let actions = json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] });
        self.ask(Method::POST, "actions".to_owned(), Some(actions)).await;
    }

    /// The new entries of a log: `browser` is the console, `performance` what its developer tools were told.
    ///
    /// # Panics
    /// When there is no such log.
    pub async fn log(&self, kind: &str) -> Vec<Value> {
        let log = self.ask(Method::POST, "se/log".to_owned(), Some(json!({ "type": kind }))).await;
        log.as_array().expect("a log").clone()
    }

    /// What the page looks like, as PNG.
    ///
    /// # Panics
    /// When that fails.
    pub async fn picture(&self) -> Vec<u8> {
        crate::soon("a picture", self.client.screenshot()).await.expect("a picture")
    }

    /// Asks the developer tools.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let command = json!({ "cmd": command, "params": parameters });
        self.ask(Method::POST, "goog/cdp/execute".to_owned(), Some(command)).await
    }

    async fn ask(&self, method: Method, path: String, body: Option<Value>) -> Value {
        let what = format!("{method} {path}");
        let answer = self.client.issue_cmd(Ask { method, path, body });
        crate::soon(&what, answer).await.unwrap_or_else(|error| panic!("{what}: {error}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It would outlive its driver.
        signal(self.chromium, "KILL");
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Found {
    /// An element is an object with one entry (WebDriver, section 12.1).
    fn read(value: &Value) -> Self {
        let number = value.as_object().and_then(|entries| entries.values().next()?.as_str());
        Self(number.unwrap_or_else(|| panic!("no element: {value}")).to_owned())
    }

    /// To be handed to a script.
    #[must_use]
    pub fn argument(&self) -> Value {
        json!({ "element-6066-11e4-a52e-4f735466cecf": self.0 })
    }
}

fn capabilities(profile: &TempDir, width: u32, height: u32) -> Capabilities {
    let mut arguments = vec![
        "--headless=new".to_owned(),
        "--disable-background-networking".to_owned(),
        // The shared memory of a container is small.
        "--disable-dev-shm-usage".to_owned(),
        format!("--user-data-dir={}", profile.path().display()),
        format!("--window-size={width},{height}"),
    ];
    if rustix::process::geteuid().is_root() {
        arguments.push("--no-sandbox".to_owned());
    }
    let wanted = json!({
        "browserName": "chrome",
        "goog:chromeOptions": { "args": arguments },
        "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
    });
    wanted.as_object().expect("an object").clone()
}

/// A command by its path. Chromium has more of them than the standard, and so than the client.
#[derive(Debug)]
struct Ask {
    method: Method,
    path: String,
    body: Option<Value>,
}

impl WebDriverCompatibleCommand for Ask {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (self.method.clone(), self.body.as_ref().map(ToString::to_string))
    }
}
