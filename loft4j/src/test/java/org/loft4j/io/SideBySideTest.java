package org.loft4j.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class SideBySideTest {
    private static final List<Integer> ITEMS = IntStream.range(0, 40).boxed().toList();

    private static int slowly(int item) throws IOException {
        HubRetries.sleep(Duration.ofMinutes(5));
        return item;
    }

    /** Whichever came first. */
    @Test
    void whatComesOfEachIsInTheirOrder() throws IOException {
        CountDownLatch second = new CountDownLatch(1);
        List<Integer> squares = SideBySide.each(ITEMS, item -> {
            if (item == 1) {
                second.countDown();
            } else if (item == 0) {
                await(second);
            }
            return item * item;
        });
        assertEquals(ITEMS.stream().map(item -> item * item).toList(), squares);
        assertEquals(List.of(), SideBySide.each(List.<Integer>of(), SideBySideTest::slowly));
    }

    private static void await(CountDownLatch latch) throws IOException {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new InterruptedIOException();
        }
    }

    /** Those at work are interrupted and waited for, and the others not begun; a listener in Kotlin may throw the last. */
    @Test
    void theFirstFaultEndsAll() {
        for (Throwable fault : List.of(
                new IOException("gone"),
                new IllegalStateException("odd"),
                new AssertionError("worse"),
                new Exception("of no kind that Java would let out"))) {
            Set<Integer> begun = ConcurrentHashMap.newKeySet();
            Set<Integer> interrupted = ConcurrentHashMap.newKeySet();
            CountDownLatch others = new CountDownLatch(SideBySide.AT_ONCE - 1);
            Throwable thrown = assertThrows(
                    Throwable.class,
                    () -> SideBySide.each(ITEMS, item -> {
                        begun.add(item);
                        if (item == 2) {
                            await(others);
                            throw SideBySideTest.<RuntimeException>unchecked(fault);
                        }
                        others.countDown();
                        try {
                            return slowly(item);
                        } catch (InterruptedIOException e) {
                            interrupted.add(item);
                            throw e;
                        }
                    }));
            assertSame(fault, thrown);
            assertEquals(Set.of(0, 1, 3), interrupted);
            assertEquals(SideBySide.AT_ONCE, begun.size());
        }
    }

    @SuppressWarnings("unchecked")
    private static <E extends Throwable> E unchecked(Throwable fault) throws E {
        throw (E) fault;
    }

    @Test
    void whoIsInterruptedEndsAllAndStaysInterrupted() {
        Thread asking = Thread.currentThread();
        assertThrows(
                InterruptedIOException.class,
                () -> SideBySide.each(ITEMS, item -> {
                    asking.interrupt();
                    return slowly(item);
                }));
        assertTrue(Thread.interrupted());
    }
}
