package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.time.Duration;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.loft4j.tensor.Heritage;
import org.loft4j.tensor.Threads;

class InTurnTest {
    private final InTurn inTurn = new InTurn("generator");

    @AfterEach
    void close() {
        inTurn.close(() -> {});
    }

    private Thread worker() {
        return inTurn.use(() -> inTurn.apart(Thread::currentThread));
    }

    @Test
    void whoIsAtWorkCannotCloseWhatItWorksWith() {
        List<String> done = new ArrayList<>();
        String answer = inTurn.use(() -> {
            IllegalStateException refused =
                    assertThrows(IllegalStateException.class, () -> inTurn.close(() -> done.add("closed")));
            assertTrue(String.valueOf(refused.getMessage()).contains("generator"), refused.getMessage());
            return inTurn.apart(() -> {
                assertThrows(IllegalStateException.class, () -> inTurn.close(() -> done.add("closed")));
                return "answer";
            });
        });
        assertEquals("answer", answer);
        assertEquals(List.of(), done);
        inTurn.close(() -> done.add("closed"));
        inTurn.close(() -> done.add("closed again"));
        assertEquals(List.of("closed"), done);
        assertThrows(IllegalStateException.class, () -> inTurn.use(() -> "late"));
    }

    /** What a model holds is freed once, whatever that ends in. */
    @Test
    void whatCannotBeClosedWellIsClosed() {
        Thread worker = worker();
        assertThrows(
                IllegalArgumentException.class,
                () -> inTurn.close(() -> {
                    throw new IllegalArgumentException("freed in part");
                }));
        inTurn.close(() -> {
            throw new AssertionError("twice");
        });
        assertThrows(IllegalStateException.class, () -> inTurn.use(() -> "late"));
        assertEnds(worker);
    }

    private static void assertEnds(Thread thread) {
        try {
            thread.join(60_000);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        assertFalse(thread.isAlive());
    }

    @Test
    void theModelWorksOnOneThreadAndEachThatAsksHearsOnItsOwn() throws InterruptedException {
        Set<Thread> workers = ConcurrentHashMap.newKeySet();
        Set<Thread> heard = ConcurrentHashMap.newKeySet();
        List<Thread> asking = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            asking.add(new Thread(() -> inTurn.use(() -> inTurn.apart(() -> {
                inTurn.back(() -> heard.add(Thread.currentThread()));
                return workers.add(Thread.currentThread());
            }))));
        }
        asking.forEach(Thread::start);
        for (Thread thread : asking) {
            thread.join(60_000);
        }
        assertEquals(Set.copyOf(asking), heard);
        assertEquals(Set.of(worker()), workers);
        assertEquals("loft-generator", worker().getName());
        assertTrue(worker().isDaemon());
    }

    /** A fault has its type, and the frames of both threads, each once. */
    @Test
    void faultsTellWhereAndForWhom() {
        IllegalArgumentException fault = assertThrows(
                IllegalArgumentException.class,
                () -> inTurn.use(() -> inTurn.apart(() -> {
                    throw new IllegalArgumentException("in the model");
                })));
        List<StackTraceElement> trace = Arrays.asList(fault.getStackTrace());
        assertEquals(1, count(trace, "atWork"), trace.toString());
        assertEquals(1, count(trace, "apart"), trace.toString());
        assertEquals(1, count(trace, "faultsTellWhereAndForWhom"), trace.toString());
    }

    private static long count(List<StackTraceElement> trace, String method) {
        return trace.stream()
                .filter(frame -> frame.getMethodName().equals(method))
                .count();
    }

    /** Those of a listener go through the model's thread, checked ones of other languages too, and stay what they are. */
    @Test
    void aFaultOfAListenerEndsTheWork() {
        IOException fault = new IOException("the browser has gone");
        StackTraceElement[] trace = fault.getStackTrace();
        List<Object> seen = new ArrayList<>();
        IOException caught = assertThrows(
                IOException.class,
                () -> inTurn.use(() -> inTurn.apart(() -> {
                    try {
                        inTurn.back(() -> InTurnTest.<RuntimeException>fail(fault));
                        return "not reached";
                    } finally {
                        seen.add(Thread.currentThread());
                    }
                })));
        assertSame(fault, caught);
        assertEquals(List.of(worker()), seen);
        assertEquals(trace.length, Arrays.asList(caught.getStackTrace()).indexOf(trace[trace.length - 1]) + 1);
    }

    @SuppressWarnings("unchecked")
    private static <E extends Throwable> void fail(Throwable fault) throws E {
        throw (E) fault;
    }

    @Test
    void anInterruptDoesNotEndTheWorkByItselfAndIsSeenByListeners() {
        List<Boolean> seen = new ArrayList<>();
        Thread asking = Thread.currentThread();
        String answer = inTurn.use(() -> inTurn.apart(() -> {
            asking.interrupt();
            inTurn.back(() -> seen.add(Thread.currentThread().isInterrupted()));
            assertThrows(CancellationException.class, inTurn::requireWanted);
            inTurn.back(() -> seen.add(Thread.interrupted()));
            inTurn.requireWanted();
            inTurn.back(() -> seen.add(Thread.currentThread().isInterrupted()));
            inTurn.back(asking::interrupt);
            return "answer";
        }));
        assertTrue(Thread.interrupted());
        assertEquals("answer", answer);
        assertEquals(List.of(true, true, false), seen);
    }

    @Test
    @Timeout(60)
    void workThatLooksForAnInterruptIsGivenUp() {
        Thread asking = Thread.currentThread();
        assertThrows(
                CancellationException.class,
                () -> inTurn.use(() -> inTurn.apart(() -> {
                    asking.interrupt();
                    while (true) {
                        inTurn.requireWanted();
                        Thread.onSpinWait();
                    }
                })));
        assertTrue(Thread.interrupted());
        assertEquals("the next", inTurn.use(() -> inTurn.apart(() -> "the next")));
    }

    /** What asking ended in while another thread had the turn, by what was done to it or to all that wait. */
    private List<Object> whileAnotherHasTheTurn(Consumer<Thread> done) throws InterruptedException {
        List<Object> ends = new ArrayList<>();
        Thread waiting = new Thread(() -> {
            try {
                ends.add(inTurn.use(() -> "answered"));
            } catch (IllegalStateException e) {
                ends.add(e.getClass());
            }
            ends.add(Thread.currentThread().isInterrupted());
        });
        inTurn.use(() -> {
            startAndAwait(waiting);
            done.accept(waiting);
            return true;
        });
        waiting.join(60_000);
        return ends;
    }

    private static void startAndAwait(Thread thread) {
        thread.start();
        while (thread.getState() != Thread.State.WAITING) {
            Thread.onSpinWait();
        }
    }

    @Test
    @Timeout(60)
    void whoWaitsForItsTurnMayGiveUp() throws InterruptedException {
        assertEquals(List.of(CancellationException.class, true), whileAnotherHasTheTurn(waiting -> {
            waiting.interrupt();
            assertEnds(waiting);
        }));
        Thread.currentThread().interrupt();
        assertThrows(CancellationException.class, () -> inTurn.use(() -> "answered"));
        assertTrue(Thread.interrupted());
        assertEquals(List.of("answered", false), whileAnotherHasTheTurn(waiting -> {}));
    }

    /** Closing waits for the answer in progress alone, with all that this asks, and not for those that would come before it. */
    @Test
    @Timeout(60)
    void closingRefusesWhoWaitsForItsTurn() throws InterruptedException {
        List<String> done = Collections.synchronizedList(new ArrayList<>());
        Thread closing = new Thread(() -> inTurn.close(() -> done.add("closed")));
        assertEquals(List.of(IllegalStateException.class, false), whileAnotherHasTheTurn(waiting -> {
            startAndAwait(closing);
            done.add(inTurn.use(() -> inTurn.apart(() -> "answered")));
        }));
        closing.join(60_000);
        assertEquals(List.of("answered", "closed"), done);
    }

    /** Who asks again at once comes behind those that wait. */
    @Test
    @Timeout(60)
    void whoCameFirstIsServedFirst() throws InterruptedException {
        List<String> served = Collections.synchronizedList(new ArrayList<>());
        for (int i = 0; i < 50; i++) {
            Thread waiting = new Thread(() -> inTurn.use(() -> served.add("waiting")));
            inTurn.use(() -> {
                startAndAwait(waiting);
                return true;
            });
            inTurn.use(() -> served.add("again"));
            waiting.join(60_000);
            assertEquals(List.of("waiting", "again"), served.subList(2 * i, 2 * i + 2));
        }
    }

    /** A caller's list may belong to its thread, and change. */
    @Test
    void whatIsAskedIsReadByWhoAsks() {
        Set<Thread> readers = ConcurrentHashMap.newKeySet();
        List<String> asked = new AbstractList<>() {
            @Override
            public String get(int index) {
                readers.add(Thread.currentThread());
                return "question";
            }

            @Override
            public int size() {
                return 1;
            }
        };
        assertEquals(List.of("question"), inTurn.ask(asked, some -> List.copyOf(some.subList(0, 1))));
        assertEquals(Set.of(Thread.currentThread()), readers);
    }

    /** Though the answer before it takes its time. */
    @Test
    @Timeout(60)
    void whoComesWhileItClosesIsRefusedAtOnce() throws InterruptedException {
        Thread closing = new Thread(() -> inTurn.close(() -> {}));
        List<Object> ends = Collections.synchronizedList(new ArrayList<>());
        Thread late =
                new Thread(() -> ends.add(assertThrows(IllegalStateException.class, () -> inTurn.use(() -> "late"))
                        .getMessage()));
        inTurn.use(() -> {
            startAndAwait(closing);
            late.start();
            assertEnds(late);
            return true;
        });
        closing.join(60_000);
        assertEquals(List.of("the generator is closed"), ends);
    }

    /** As soon as the listener has returned, and no longer than until it clears it. */
    @Test
    @Timeout(60)
    void anInterruptByAListenerIsSeenAtOnce() {
        Thread asking = Thread.currentThread();
        inTurn.use(() -> inTurn.apart(() -> {
            for (int i = 0; i < 200; i++) {
                inTurn.back(asking::interrupt);
                assertThrows(CancellationException.class, inTurn::requireWanted);
                inTurn.back(() -> {
                    assertTrue(Thread.interrupted());
                    inTurn.use(() -> inTurn.apart(() -> {
                        inTurn.requireWanted();
                        return true;
                    }));
                });
                inTurn.requireWanted();
            }
            return true;
        }));
        assertFalse(Thread.interrupted());
    }

    /** A listener may ask for another answer, and so may the model. */
    @Test
    void whatIsHandedBackMayAskAgain() {
        List<Object> seen = new ArrayList<>();
        Thread here = Thread.currentThread();
        String answer = inTurn.use(() -> inTurn.apart(() -> {
            inTurn.back(() -> seen.add(inTurn.use(() -> inTurn.apart(() -> {
                inTurn.back(() -> seen.add(Thread.currentThread()));
                return Thread.currentThread();
            }))));
            seen.add(worker());
            return "answer";
        }));
        assertEquals("answer", answer);
        assertEquals(List.of(here, worker(), worker()), seen);
        RuntimeException inner = assertThrows(
                RuntimeException.class,
                () -> inTurn.use(() -> inTurn.apart(() -> {
                    inTurn.back(() -> inTurn.use(() -> inTurn.apart(() -> {
                        throw new IllegalStateException("of the inner one");
                    })));
                    return "not reached";
                })));
        assertEquals("of the inner one", inner.getMessage());
        List<StackTraceElement> trace = Arrays.asList(inner.getStackTrace());
        assertEquals(1, count(trace, "whatIsHandedBackMayAskAgain"), trace.toString());
        assertEquals(worker(), worker());
    }

    /** A server would keep the application of its first request. */
    @Test
    void theThreadTakesOverNothingFromWhoAsksFirst() {
        try (Heritage heritage = new Heritage()) {
            inTurn.use(() -> inTurn.apart(() -> {
                heritage.look();
                return true;
            }));
            assertEquals(List.of(worker()), heritage.lookedIn());
            heritage.requireNone();
        }
    }

    @Test
    void theThreadOfWhatNobodyClosesEnds() {
        InTurn idle = new InTurn("classifier", Duration.ofMillis(20));
        Thread first = idle.use(() -> idle.apart(Thread::currentThread));
        assertEnds(first);
        Thread second = idle.use(() -> idle.apart(Thread::currentThread));
        assertNotSame(first, second);
        assertEnds(second);
    }

    /** A thread whose first operation comes while a training's lanes are at work takes over the one thread that they have. */
    @Test
    void anAnswerUsesAllCoresWhateverWasAtWorkWhenItsThreadBegan() {
        try (Threads cores = Threads.of(3)) {
            int left = inTurn.use(() -> inTurn.apart(() -> {
                torch.set_num_threads(1);
                return torch.get_num_threads();
            }));
            assertEquals(1, left);
            assertEquals(3, inTurn.use(() -> inTurn.apart(torch::get_num_threads)));
        }
    }
}
