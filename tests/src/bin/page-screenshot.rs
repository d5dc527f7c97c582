//! Takes the picture of the page that the README shows, or of how it looks otherwise:
//! `cargo run -p idem-tests --all-features --bin page-screenshot -- examples/payments/page.png`.
//!
//! It looks best with the Debian packages `fonts-inter` and `fonts-jetbrains-mono`.

use std::io::{Cursor, ErrorKind};
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use idem_tests::browser::Browser;
use idem_tests::process::{Program, built};
use png::{Compression, Filter};

#[derive(Debug, Parser)]
struct Options {
    /// The PNG file to write
    file: PathBuf,
    /// In pixels
    #[arg(long, default_value_t = 1200)]
    width: u32,
    /// The colours that are asked for
    #[arg(long, default_value = "light")]
    scheme: Scheme,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Scheme {
    Light,
    Dark,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let options = Options::parse();
    let arguments = ["--listen", "127.0.0.1:0", "--store", "memory:"];
    let program = Program::start(&built("payments"), &arguments).await;
    let browser = Browser::start(options.width, 900).await;
    let scheme = match options.scheme {
        Scheme::Light => "light",
        Scheme::Dark => "dark",
    };
    browser.prefer("prefers-color-scheme", scheme).await;
    browser.open(&format!("http://{}/", program.address)).await;
    browser.until("the totals", "return document.querySelector('#status').textContent == 'Ready.'").await;
    let pay = browser.named("button", "Pay €12.50").await;
    let fault = browser.named("switch", "Lose the answer").await;
    browser.click(&fault).await;
    browser.click(&pay).await;
    browser.until("the last retry", "return document.querySelector('#status').textContent.includes('done')").await;
    browser.until("the charge", "return document.querySelector('.verdict').textContent.endsWith('1 charge')").await;
    browser.until("rest", "return document.getAnimations().length == 0").await;
    let height = browser.script("return document.documentElement.scrollHeight").await;
    browser.size(options.width, height.as_u64().unwrap_or(900) as u32).await;
    browser.script("document.activeElement.blur()").await;
    std::fs::write(options.file, smaller(&browser.picture().await)?)
}

/// The same picture, in fewer bytes: where most of it is flat, PNG's filters are in the way of its compression.
fn smaller(picture: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut picture = png::Decoder::new(Cursor::new(picture)).read_info()?;
    let mut pixels = vec![0; picture.output_buffer_size().ok_or(ErrorKind::OutOfMemory)?];
    picture.next_frame(&mut pixels)?;
    let mut smaller = Vec::new();
    let mut encoder = png::Encoder::with_info(&mut smaller, picture.info().clone())?;
    encoder.set_compression(Compression::High);
    encoder.set_filter(Filter::NoFilter);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(smaller)
}
