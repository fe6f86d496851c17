//! Asking a node's admin listener whether it is ready: one HTTP/1.1 request by hand.

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const WITHIN: Duration = Duration::from_secs(2);
/// The answer is a few lines; more is not read.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Whether `path` answers with 200; else what it said.
pub(super) async fn answers_ok(address: SocketAddr, path: &str) -> Result<(), String> {
    match timeout(WITHIN, get(address, path)).await {
        Err(_) => Err("no answer in time".to_owned()),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(answer)) if answer.split_whitespace().nth(1) == Some("200") => Ok(()),
        Ok(Ok(answer)) => Err(answer.chars().take(500).collect()),
    }
}

async fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
