package org.loft4j.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class WakefulThreadTest {
    private final WakefulThread thread = WakefulThread.begin("wakeful");

    @Test
    void itDoesTasksInTheirOrderWhetherItWasAwakeOrAsleep() throws Exception {
        Set<Thread> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        AtomicInteger done = new AtomicInteger();
        for (int i = 0; i < 30; i++) {
            int number = i;
            var first = thread.submit(() -> assertTrue(done.compareAndSet(2 * number, 2 * number + 1)));
            thread.submit(() -> {
                        assertTrue(done.compareAndSet(2 * number + 1, 2 * number + 2));
                        seen.add(Thread.currentThread());
                    })
                    .get();
            first.get();
            if (i % 10 == 9) {
                // longer than it stays awake
                Thread.sleep(5);
            }
        }
        assertEquals(60, done.get());
        assertEquals(1, seen.size());
        Thread only = seen.iterator().next();
        assertEquals("wakeful", only.getName());
        assertTrue(only.isDaemon());
    }

    @Test
    void whatATaskEndsInIsToldAndTheThreadGoesOn() throws Exception {
        Error failure = new OutOfMemoryError("no");
        ExecutionException told = assertThrows(
                ExecutionException.class,
                () -> thread.submit(() -> {
                            throw failure;
                        })
                        .get());
        assertSame(failure, told.getCause());
        AtomicBoolean done = new AtomicBoolean();
        thread.submit(() -> done.set(true)).get();
        assertTrue(done.get());
    }

    @Test
    void aTaskThatInterruptsTheThreadDoesNotEndIt() throws Exception {
        thread.submit(() -> Thread.currentThread().interrupt()).get();
        Thread.sleep(5);
        AtomicBoolean done = new AtomicBoolean();
        thread.submit(() -> done.set(true)).get();
        assertTrue(done.get());
    }

    @Test
    void whatComesTrueIsNotWaitedForAndWhatDoesNotIsGivenUp() {
        // where the system gives the core to another in between, it is given up
        boolean cameTrue = false;
        for (int i = 0; i < 100 && !cameTrue; i++) {
            AtomicInteger asked = new AtomicInteger();
            WakefulThread.soon(() -> asked.incrementAndGet() == 3);
            assertTrue(asked.get() <= 3, asked::toString);
            cameTrue = asked.get() == 3;
        }
        assertTrue(cameTrue);
        long start = System.nanoTime();
        WakefulThread.soon(() -> false);
        assertFalse(System.nanoTime() - start < 100_000);
    }
}
