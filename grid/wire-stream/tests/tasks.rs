//! Streams in tokio's tasks.

#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::Numbers;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wire::tokio::{Listener, Stream};

fn runtimes() -> [tokio::runtime::Runtime; 2] {
    [
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap(),
    ]
}

async fn echoes() -> std::net::SocketAddr {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.into_split();
                tokio::io::copy(&mut reader, &mut writer).await
            });
        }
    });
    address
}

async fn join(stream: &mut Stream) {
    let joined = async {
        let mut byte = [0];
        while !stream.writes_to_memory() {
            stream.write_all(b"?").await.unwrap();
            stream.read_exact(&mut byte).await.unwrap();
        }
        stream.write_all(b"?").await.unwrap();
        stream.read_exact(&mut byte).await.unwrap();
    };
    tokio::time::timeout(common::PATIENCE, joined).await.expect("joined");
}

#[test]
fn many_tasks_get_back_what_they_send() {
    common::daemon();
    for runtime in runtimes() {
        runtime.block_on(async {
            let address = echoes().await;
            let tasks: Vec<_> = (0..100)
                .map(|seed| {
                    tokio::spawn(async move {
                        let mut stream = Stream::connect(address).await.unwrap();
                        let mut numbers = Numbers(seed);
                        for _ in 0..100 {
                            let mut sent = vec![0; 1 + numbers.below(3000) as usize];
                            numbers.fill(&mut sent);
                            stream.write_all(&sent).await.unwrap();
                            let mut got = vec![0; sent.len()];
                            stream.read_exact(&mut got).await.unwrap();
                            assert!(got == sent);
                        }
                        join(&mut stream).await;
                        stream.shutdown().await.unwrap();
                        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
    }
}

#[test]
fn a_stream_larger_than_the_ring_goes_both_ways_at_once() {
    common::daemon();
    for runtime in runtimes() {
        runtime.block_on(async {
            let mut stream = Stream::connect(echoes().await).await.unwrap();
            join(&mut stream).await;
            let mut sent = vec![0; 8 << 20];
            Numbers(3).fill(&mut sent);
            let (mut reader, mut writer) = stream.into_split();
            let to_send = sent.clone();
            let writes = tokio::spawn(async move { writer.write_all(&to_send).await });
            let mut got = Vec::new();
            reader.read_to_end(&mut got).await.unwrap();
            writes.await.unwrap().unwrap();
            assert!(got == sent);
        });
    }
}

#[test]
fn a_task_that_waits_hears_of_the_end_and_timers_go_on_meanwhile() {
    common::daemon();
    for runtime in runtimes() {
        runtime.block_on(async {
            let listener = Listener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (close, may_close) = tokio::sync::oneshot::channel::<()>();
            let other = tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut byte = [0];
                while stream.read_exact(&mut byte).await.is_ok() && &byte == b"?" {
                    stream.write_all(&byte).await.unwrap();
                }
                let _ = may_close.await;
                drop(stream);
            });
            let mut stream = Stream::connect(address).await.unwrap();
            join(&mut stream).await;
            stream.write_all(b".").await.unwrap();
            let waits = tokio::time::timeout(Duration::from_millis(5), stream.read(&mut [0; 8])).await;
            assert!(waits.is_err());
            close.send(()).unwrap();
            assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
            other.await.unwrap();
        });
    }
}

#[test]
fn a_stream_of_a_runtime_talks_with_one_whose_calls_wait() {
    common::daemon();
    let listener = wire::Listener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let echoes = std::thread::spawn(move || common::echo(listener.accept().unwrap().0).unwrap());
    for runtime in runtimes().into_iter().take(1) {
        runtime.block_on(async {
            let mut stream = Stream::connect(address).await.unwrap();
            join(&mut stream).await;
            let sent = vec![9; 3_000_000];
            let (mut reader, mut writer) = tokio::io::split(stream);
            let mut got = vec![0; sent.len()];
            let (wrote, read) = tokio::join!(writer.write_all(&sent), reader.read_exact(&mut got));
            wrote.unwrap();
            read.unwrap();
            assert!(got == sent);
        });
    }
    assert!(echoes.join().unwrap() > 3_000_000);
}

#[test]
fn a_task_that_always_has_bytes_lets_others_run() {
    common::daemon();
    let [runtime, _] = runtimes();
    runtime.block_on(async {
        const BYTES: usize = 20_000;
        let mut stream = Stream::connect(echoes().await).await.unwrap();
        join(&mut stream).await;
        stream.write_all(&[b'!'; BYTES]).await.unwrap();
        while stream.peek(&mut [0; BYTES]).await.unwrap() < BYTES {
            tokio::task::yield_now().await;
        }
        let turns = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&turns);
        let other = tokio::spawn(async move {
            loop {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        });
        for _ in 0..BYTES {
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 1);
        }
        other.abort();
        // As with tokio's own streams: after some hundred reads.
        assert!(turns.load(Ordering::Relaxed) >= BYTES / 1000);
    });
}

fn drawn(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    Numbers(seed).fill(&mut bytes);
    bytes
}

#[test]
fn bytes_in_memory_are_looked_at_passed_over_and_handed_on_each_once() {
    common::daemon();
    for runtime in runtimes() {
        runtime.block_on(async {
            let mut stream = Stream::connect(echoes().await).await.unwrap();
            assert!(!stream.has_filled_memory() && stream.peek_at_memory(&mut [0; 9]) == 0 && stream.pass_over(9) == 0);
            join(&mut stream).await;
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let to = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (mut other, _) = listener.accept().unwrap();
            // A ring goes around several times.
            for seed in 0..20 {
                let sent = drawn(seed, 50_000);
                stream.write_all(&sent).await.unwrap();
                let mut seen = vec![0; sent.len()];
                while stream.peek_at_memory(&mut seen) < sent.len() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                assert!(stream.has_filled_memory() && seen == sent);
                assert_eq!(stream.pass_over(1000), 1000);
                let mut gone = 0;
                while gone < 40_000 {
                    let before: &[u8] = if gone == 0 { b"head" } else { b"" };
                    match stream.hand_on(&to, before, 40_000 - gone) {
                        Ok(Some(length)) => gone += length - before.len(),
                        Ok(None) => panic!("bytes lie there"),
                        Err(full) => assert_eq!(full.kind(), std::io::ErrorKind::WouldBlock),
                    }
                    let mut came = vec![0; if gone == 40_000 { 40_004 } else { 0 }];
                    std::io::Read::read_exact(&mut other, &mut came).unwrap();
                    assert!(came.is_empty() || (came.starts_with(b"head") && came[4..] == sent[1000..41_000]));
                }
                let mut rest = vec![0; 9000];
                stream.read_exact(&mut rest).await.unwrap();
                assert!(rest == sent[41_000..] && !stream.has_filled_memory());
                assert!(stream.hand_on(&to, b"x", 9).unwrap().is_none(), "nothing goes by itself");
            }
        });
    }
}

#[test]
fn ends_that_are_woken_later_are_woken() {
    common::daemon();
    for runtime in runtimes() {
        runtime.block_on(async {
            let address = echoes().await;
            let tasks: Vec<_> = (0..40)
                .map(|seed| {
                    tokio::spawn(async move {
                        let mut stream = Stream::connect(address).await.unwrap();
                        stream.set_eager(false);
                        stream.wake_later();
                        join(&mut stream).await;
                        for round in 0..50 {
                            let sent = drawn(seed * 100 + round, 1 + 700 * round as usize);
                            stream.write_all(&sent).await.unwrap();
                            let mut came = vec![0; sent.len()];
                            stream.read_exact(&mut came).await.unwrap();
                            assert!(came == sent);
                        }
                    })
                })
                .collect();
            for task in tasks {
                tokio::time::timeout(common::PATIENCE, task).await.expect("answered").unwrap();
            }
        });
    }
}
