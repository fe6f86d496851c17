//! A stream whose first bytes were looked at already, and whose peer must keep taking our bytes.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tamga_consensus::Stream;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// What a client that speaks HTTP/2 without TLS says first (RFC 9113 §3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// First byte of a TLS handshake record.
const TLS_HANDSHAKE: u8 = 0x16;

/// What the first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    Tls,
    Http2,
    Http1,
}

/// See the module.
pub(super) struct Guarded {
    inner: Box<dyn Stream>,
    seen: Vec<u8>,
    given: usize,
    stall_max: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Guarded {
    pub(super) fn new(inner: Box<dyn Stream>, stall_max: Duration) -> Self {
        Self { inner, seen: Vec::new(), given: 0, stall_max, stalled: None }
    }

    /// Reads until it is clear what the peer speaks; what was read is given again to whoever reads next. The caller sets
    /// the time limit.
    pub(super) async fn opening(&mut self) -> io::Result<Opening> {
        loop {
            if self.seen.first() == Some(&TLS_HANDSHAKE) {
                return Ok(Opening::Tls);
            }
            if !HTTP2_PREFACE.starts_with(&self.seen) {
                return Ok(Opening::Http1);
            }
            if self.seen.len() == HTTP2_PREFACE.len() {
                return Ok(Opening::Http2);
            }
            let mut next = [0; 24];
            let wanted = HTTP2_PREFACE.len() - self.seen.len();
            let n = self.inner.read(&mut next[..wanted]).await?;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.seen.extend_from_slice(&next[..n]);
        }
    }

    /// Fails when `poll` has been pending for too long without a break.
    fn watched<T>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.stalled = None;
            return poll;
        }
        let stall_max = self.stall_max;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(stall_max)));
        match stalled.as_mut().poll(cx) {
            Poll::Ready(()) => {
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer takes no more bytes")))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.given < this.seen.len() {
            let rest = &this.seen[this.given..];
            let n = rest.len().min(buf.remaining());
            buf.put_slice(&rest[..n]);
            this.given += n;
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut this.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.watched(cx, poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.inner).poll_flush(cx);
        self.watched(cx, poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.watched(cx, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write_vectored(cx, parts);
        self.watched(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt as _, duplex};

    use super::*;

    async fn opening_of(bytes: &[u8]) -> (Opening, Vec<u8>) {
        let (mut client, server) = duplex(64);
        client.write_all(bytes).await.unwrap();
        drop(client);
        let mut guarded = Guarded::new(Box::new(server), Duration::from_secs(1));
        let opening = guarded.opening().await.unwrap();
        let mut all = Vec::new();
        guarded.read_to_end(&mut all).await.unwrap();
        (opening, all)
    }

    #[tokio::test]
    async fn first_bytes_tell_the_protocol_and_are_not_lost() {
        for (bytes, expected) in [
            (&b"\x16\x03\x01\x02\x00"[..], Opening::Tls),
            (b"GET / HTTP/1.1\r\n\r\n", Opening::Http1),
            (b"PROPFIND / HTTP/1.1\r\n\r\n", Opening::Http1),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nmore", Opening::Http2),
            (b"\x00", Opening::Http1),
        ] {
            assert_eq!(opening_of(bytes).await, (expected, bytes.to_vec()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_given_up() {
        let (_client, server) = duplex(4);
        let mut guarded = Guarded::new(Box::new(server), Duration::from_secs(30));
        let error = guarded.write_all(&[0; 100]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
