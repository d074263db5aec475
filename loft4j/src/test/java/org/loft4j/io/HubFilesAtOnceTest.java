package org.loft4j.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.loft4j.io.TinyHub.NAME;
import static org.loft4j.io.TinyHub.WEIGHTS;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The files of one model, which come several at once. */
@Timeout(60)
class HubFilesAtOnceTest {
    /** So patient that nothing but an order ends a wait while a test lasts. */
    private static final HubRetries PATIENT =
            new HubRetries(3, Duration.ofMillis(1), Duration.ofMillis(20), Duration.ofMinutes(5));

    private static final int HALF = WEIGHTS.length / 2;

    @RegisterExtension
    final TinyHub tiny = new TinyHub();

    private final HubServer server = tiny.server;
    private final List<String> shards = tiny.shard(2 * SideBySide.AT_ONCE);

    /** A listener that counts down when the half of a file has come, for each of some. */
    private static final class Halves implements HubListener {
        private final Set<String> waited = ConcurrentHashMap.newKeySet();
        private final List<String> failed = new ArrayList<>();
        private final CountDownLatch come;

        Halves(List<String> files) {
            waited.addAll(files);
            come = new CountDownLatch(files.size());
        }

        @Override
        public void onBytes(String file, long have, long size) {
            if (have == HALF && waited.remove(file)) {
                come.countDown();
            }
        }

        @Override
        public void onFailure(HubName name) {
            failed.add(name.toString());
        }

        void await() throws IOException {
            try {
                assertTrue(come.await(30, TimeUnit.SECONDS), waited.toString());
            } catch (InterruptedException e) {
                throw new InterruptedIOException();
            }
        }
    }

    private Hub hub(HubListener listener) {
        return new Hub(tiny.environment(null, false), PATIENT, listener);
    }

    private void assertWhole(Path snapshot) throws IOException {
        for (String shard : shards) {
            assertArrayEquals(server.files.get(shard), Files.readAllBytes(snapshot.resolve(shard)), shard);
        }
    }

    /** A thread whose work has ended may take a moment to end itself. */
    private static void assertNobodyDownloads() {
        for (Thread thread : Thread.getAllStackTraces().keySet()) {
            if (thread.getName().equals("loft-download")) {
                try {
                    thread.join(2000);
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
                assertFalse(thread.isAlive());
            }
        }
    }

    @Test
    void asManyComeAtOnceAsAHostIsAskedForAndNoMore() throws IOException {
        CyclicBarrier gate = new CyclicBarrier(SideBySide.AT_ONCE);
        AtomicInteger inside = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        AtomicInteger passed = new AtomicInteger();
        server.doorman = request -> {
            boolean asked = request.method().equals("HEAD") || request.host().equals("elsewhere");
            if (asked && request.path().contains("model-0")) {
                most.accumulateAndGet(inside.incrementAndGet(), Math::max);
                try {
                    gate.await(20, TimeUnit.SECONDS);
                    passed.incrementAndGet();
                } catch (InterruptedException | BrokenBarrierException | TimeoutException e) {
                    throw new IllegalStateException(e);
                } finally {
                    inside.decrementAndGet();
                }
            }
        };
        assertWhole(tiny.hub().snapshot(NAME));
        assertEquals(SideBySide.AT_ONCE, most.get());
        assertEquals(2 * shards.size(), passed.get());
        assertNobodyDownloads();
    }

    @Test
    void theFirstFaultEndsTheOthersAndIsToldOnceWithItsFile() throws IOException {
        List<String> silent = shards.subList(0, SideBySide.AT_ONCE - 1);
        String wrong = shards.get(SideBySide.AT_ONCE - 1);
        Halves halves = new Halves(silent);
        silent.forEach(shard -> server.answers.put("GET " + shard, HubServer.silentAfter(HALF)));
        server.answers.put("GET " + wrong, (exchange, content) -> {
            halves.await();
            byte[] other = content.clone();
            other[123_456] ^= 1;
            HubServer.whole(exchange, other);
        });
        HubException failure =
                assertThrows(HubException.class, () -> hub(halves).snapshot(NAME));
        assertTrue(failure.getMessage().contains(wrong + " arrived with another checksum"), failure.getMessage());
        assertEquals(0, failure.getSuppressed().length);
        assertEquals(List.of(NAME.toString()), halves.failed);
        assertNobodyDownloads();
        assertFalse(Files.exists(tiny.incomplete(wrong)));
        for (String shard : shards.subList(SideBySide.AT_ONCE, shards.size())) {
            assertEquals(0, server.bodies(shard), shard);
        }
        assertGoesOn(silent);
    }

    @Test
    void whoIsInterruptedLeavesWhatHasComeForTheNextCall() throws Exception {
        List<String> silent = shards.subList(0, SideBySide.AT_ONCE);
        silent.forEach(shard -> server.answers.put("GET " + shard, HubServer.silentAfter(HALF)));
        Halves halves = new Halves(silent);
        List<Object> ends = new ArrayList<>();
        Thread asking = new Thread(() -> {
            ends.add(
                    assertThrows(InterruptedIOException.class, () -> hub(halves).snapshot(NAME))
                            .getMessage());
            ends.add(Thread.currentThread().isInterrupted());
        });
        asking.start();
        halves.await();
        asking.interrupt();
        asking.join(30_000);
        assertEquals(List.of("interrupted: the next call goes on where this one ended", true), ends);
        assertEquals(List.of(NAME.toString()), halves.failed);
        assertNobodyDownloads();
        assertGoesOn(silent);
    }

    /** Nothing can be used, and the next call asks for the other half of each. */
    private void assertGoesOn(List<String> halves) throws IOException {
        assertNull(tiny.hub().cached(NAME));
        for (String shard : halves) {
            assertEquals(HALF, Files.size(tiny.incomplete(shard)), shard);
        }
        server.answers.clear();
        server.requests.clear();
        assertWhole(tiny.hub().snapshot(NAME));
        for (String shard : halves) {
            assertEquals(List.of("bytes=" + HALF + "-"), tiny.ranges(shard));
        }
    }

    /** Weights that came before what lies beside them would pass for a whole model of this commit. */
    @Test
    void filesShowWhenAllHaveCome() throws IOException {
        server.files.put("model.safetensors", WEIGHTS);
        server.answers.put("GET tokenizer.json", (exchange, content) -> {
            while (!Files.exists(tiny.blob("model.safetensors"))) {
                HubRetries.sleep(Duration.ofMillis(5));
            }
            HubServer.status(403).give(exchange, content);
        });
        HubException failure = assertThrows(HubException.class, () -> tiny.hub().snapshot(NAME));
        assertTrue(failure.getMessage().contains("/tokenizer.json: if it is gated"), failure.getMessage());
        assertFalse(Files.exists(tiny.repository().resolve("snapshots")));
        server.answers.clear();
        server.requests.clear();
        Path snapshot = tiny.hub().snapshot(NAME);
        assertArrayEquals(WEIGHTS, Files.readAllBytes(snapshot.resolve("model.safetensors")));
        assertEquals(0, server.bodies("model.safetensors"), "they had come");
    }

    @Test
    void filesOfTheSameContentComeOnce() throws IOException {
        server.with("added_tokens.json", "{}").with("special_tokens_map.json", "{}");
        List<String> told = new ArrayList<>();
        Path snapshot = hub(new HubListener() {
                    @Override
                    public void onStart(HubName name, int files, long bytes) {
                        told.add(files + " of " + bytes);
                    }

                    @Override
                    public void onWait(String file) {
                        told.add(file);
                    }
                })
                .snapshot(NAME);
        int small =
                server.files.get("config.json").length + 2 + server.files.get("model.safetensors.index.json").length;
        assertEquals(List.of("3 of " + small, shards.size() + " of " + (long) shards.size() * WEIGHTS.length), told);
        for (String file : List.of("tokenizer.json", "added_tokens.json", "special_tokens_map.json")) {
            assertEquals("{}", Files.readString(snapshot.resolve(file)));
        }
    }

    @Test
    void aListenerHearsOneWordAtATime() throws IOException {
        AtomicBoolean speaking = new AtomicBoolean();
        AtomicInteger words = new AtomicInteger();
        AtomicInteger across = new AtomicInteger();
        Set<Thread> speakers = ConcurrentHashMap.newKeySet();
        hub(new HubListener() {
                    @Override
                    public void onBytes(String file, long have, long size) {
                        across.addAndGet(speaking.getAndSet(true) ? 1 : 0);
                        speakers.add(Thread.currentThread());
                        words.incrementAndGet();
                        Thread.yield();
                        speaking.set(false);
                    }
                })
                .snapshot(NAME);
        assertEquals(0, across.get(), "of " + words);
        assertTrue(speakers.size() > 1, speakers.toString());
    }
}
