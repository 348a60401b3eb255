//! What `deliver` is measured against: bare requests by the HTTP client that it uses itself.
//!
//! `requests URL FILE` posts each line of FILE, one after the other over one connection, signs it as `deliver` does, and reads no
//! journal and keeps no cursor. It prints the seconds. `benches/deliver.py` runs it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use std::error::Error;
use std::io::Write;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    // `cargo bench` adds an option of its own.
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let (Some(url), Some(file)) = (args.next(), args.next()) else { return Err("requests URL FILE".into()) };
    let bodies = std::fs::read_to_string(file)?;
    rustls::crypto::ring::default_provider().install_default().ok();
    let client = Client::builder().redirect(Policy::none()).referer(false).no_proxy().build()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &[7; 32]);
    let began = Instant::now();
    for (number, body) in bodies.lines().enumerate() {
        let signed = ring::hmac::sign(&key, format!("{number}.0.{body}").as_bytes());
        let request = client
            .post(&url)
            .header(CONTENT_TYPE, "application/cloudevents+json; charset=utf-8")
            .header("webhook-id", number)
            .header("webhook-timestamp", 0)
            .header("webhook-signature", format!("v1,{}", STANDARD.encode(signed)))
            .body(body.to_owned());
        runtime.block_on(async { request.send().await?.error_for_status()?.bytes().await })?;
    }
    writeln!(std::io::stdout(), "{:.6}", began.elapsed().as_secs_f64())?;
    Ok(())
}
