package org.loft4j.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class LanesTest {
    private Threads threads;

    @BeforeEach
    void three() {
        threads = Threads.of(3);
    }

    @AfterEach
    void restore() {
        threads.close();
    }

    private static void await(CountDownLatch latch) {
        try {
            assertTrue(latch.await(30, TimeUnit.SECONDS));
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void everyTaskIsDoneOnceByAsManyLanesAsThereAre() {
        AtomicIntegerArray done = new AtomicIntegerArray(20);
        // no task of the first three ends before all three have begun
        CountDownLatch begun = new CountDownLatch(3);
        Lanes.run(20, i -> {
            begun.countDown();
            await(begun);
            assertTrue(Lanes.inside());
            assertEquals(1, Lanes.count());
            assertEquals(3, Lanes.atWork());
            assertEquals(1, torch.get_num_threads());
            done.incrementAndGet(i);
        });
        for (int i = 0; i < 20; i++) {
            assertEquals(1, done.get(i));
        }
        assertFalse(Lanes.inside());
        assertEquals(3, Lanes.count());
        assertEquals(3, torch.get_num_threads());
    }

    @Test
    void aFailureIsTheCallersAfterAllLanesHaveEnded() {
        IllegalStateException failure = new IllegalStateException("no");
        AtomicIntegerArray running = new AtomicIntegerArray(1);
        IllegalStateException caught = assertThrows(
                IllegalStateException.class,
                () -> Lanes.run(30, i -> {
                    running.incrementAndGet(0);
                    try {
                        if (i == 1) {
                            throw failure;
                        }
                    } finally {
                        running.decrementAndGet(0);
                    }
                }));
        assertSame(failure, caught);
        assertEquals(0, running.get(0));
        assertEquals(3, Lanes.count());
    }

    @Test
    void theCallersGradientModeHolds() {
        try (NativeScope scope = new NativeScope();
                var frozen = new org.bytedeco.pytorch.AutoGradMode(false)) {
            Lanes.run(6, i -> assertFalse(GradMode.is_enabled()));
        }
        Lanes.run(6, i -> assertTrue(GradMode.is_enabled()));
    }

    @Test
    void workWithinALaneStaysInIt() {
        Lanes.run(3, i -> {
            Thread lane = Thread.currentThread();
            Lanes.run(5, j -> assertSame(lane, Thread.currentThread()));
        });
    }

    @Test
    void aLaneTakesOverNothingFromWhoNeedsItFirst() {
        // more lanes than any test before has had
        try (Threads more = Threads.of(9);
                Heritage heritage = new Heritage()) {
            Thread caller = Thread.currentThread();
            CountDownLatch begun = new CountDownLatch(9);
            Lanes.run(9, i -> {
                begun.countDown();
                await(begun);
                if (Thread.currentThread() != caller) {
                    heritage.look();
                }
            });
            assertEquals(8, heritage.lookedIn().size());
            heritage.requireNone();
        }
    }

    @Test
    void nothingOfALaneStaysAlive() {
        Lanes.run(3, i -> torch.ones(4, 4));
        long before = NativeScope.liveObjects();
        for (int round = 0; round < 20; round++) {
            Lanes.run(9, i -> torch.ones(4, 4).mul(torch.ones(4, 4)));
        }
        assertEquals(before, NativeScope.liveObjects(), 3);
    }

    /** libtorch gives a new thread the number of threads of whoever set it last: inside lanes that is one. */
    @Test
    void aThreadBornWhileLanesAreAtWorkHasAsManyThreadsAsAllOthers() throws Exception {
        CountDownLatch born = new CountDownLatch(1);
        CountDownLatch over = new CountDownLatch(1);
        int[] seen = new int[2];
        Thread thread = new Thread(() -> {
            seen[0] = torch.get_num_threads();
            born.countDown();
            await(over);
            seen[1] = Lanes.count();
        });
        Lanes.run(3, i -> {
            if (i == 0) {
                thread.start();
            }
            await(born);
        });
        over.countDown();
        thread.join();
        assertEquals(1, seen[0], "what libtorch gave it");
        assertEquals(3, seen[1], "what it has now");
    }

    @Test
    void shortWorkIsDoneAtOnceAsALaneWouldWhereThoseOfAnotherThreadAreAtWork() throws Exception {
        AtomicIntegerArray done = new AtomicIntegerArray(7);
        try (OthersLanes others = OthersLanes.begin()) {
            Thread caller = Thread.currentThread();
            Lanes.runIfFree(7, i -> {
                assertSame(caller, Thread.currentThread());
                assertEquals(1, Lanes.count());
                assertEquals(3, Lanes.atWork());
                assertEquals(1, torch.get_num_threads());
                done.incrementAndGet(i);
            });
        }
        assertEquals(3, Lanes.count());
        assertEquals(3, torch.get_num_threads());
        CountDownLatch begun = new CountDownLatch(3);
        Lanes.runIfFree(7, i -> {
            begun.countDown();
            await(begun);
            done.incrementAndGet(i);
        });
        for (int i = 0; i < 7; i++) {
            assertEquals(2, done.get(i));
        }
    }

    private static int threadsOfAProduct() {
        return Blas.functions("openblas_get_num_threads").get(0).invokeInt(new Object[0]);
    }

    @Test
    void unsharedProductsKeepToTheirThreadThroughLanesToo() {
        Assumptions.assumeFalse(Blas.functions("openblas_get_num_threads").isEmpty());
        int before = threadsOfAProduct();
        assertEquals(3, before);
        int within = Lanes.unshared(() -> {
            assertEquals(1, threadsOfAProduct());
            assertEquals(3, Lanes.count());
            Lanes.run(2, i -> assertEquals(1, threadsOfAProduct()));
            return threadsOfAProduct();
        });
        assertEquals(1, within);
        assertEquals(3, threadsOfAProduct());
        assertThrows(
                IllegalStateException.class,
                () -> Lanes.unshared(() -> {
                    throw new IllegalStateException("fails");
                }));
        assertEquals(3, threadsOfAProduct());
    }

    @Test
    void whatIsAloneStaysOnItsThreadButForLanesAndWhatIsTogether() {
        int within = Lanes.alone(() -> {
            assertEquals(1, torch.get_num_threads());
            assertEquals(3, Lanes.count());
            assertEquals(1, torch.get_num_threads(), "asked for the number of lanes");
            CountDownLatch begun = new CountDownLatch(3);
            Lanes.runIfFree(3, i -> {
                begun.countDown();
                await(begun);
                assertTrue(Lanes.inside());
                assertEquals(1, Lanes.count());
                assertEquals(1, Lanes.together(torch::get_num_threads), "in a lane");
            });
            assertEquals(1, torch.get_num_threads(), "behind lanes");
            assertEquals(3, Lanes.together(torch::get_num_threads));
            assertEquals(3, Lanes.alone(() -> Lanes.together(torch::get_num_threads)), "twice alone");
            assertEquals(1, Lanes.together(() -> Lanes.alone(torch::get_num_threads)), "alone again");
            assertThrows(
                    IllegalStateException.class,
                    () -> Lanes.together(() -> {
                        throw new IllegalStateException("fails");
                    }));
            return torch.get_num_threads();
        });
        assertEquals(1, within);
        assertEquals(3, torch.get_num_threads());
        assertEquals(3, Lanes.together(torch::get_num_threads), "where nothing is alone");
        assertThrows(
                IllegalStateException.class,
                () -> Lanes.alone(() -> {
                    throw new IllegalStateException("fails");
                }));
        assertEquals(3, torch.get_num_threads());
        assertEquals(3, Lanes.count());
    }

    /** Who has lowered libtorch's own number has as many lanes in both. */
    @Test
    void asManyThreadsAsTheCallerHadAreTogether() {
        torch.set_num_threads(2);
        assertEquals(2, Lanes.count());
        int together = Lanes.alone(() -> {
            assertEquals(2, Lanes.count());
            return Lanes.together(torch::get_num_threads);
        });
        assertEquals(2, together);
        assertEquals(2, torch.get_num_threads());
    }

    @Test
    void aThreadBornBesideOneThatIsAloneHasAllThreadsTogether() throws Exception {
        int[] seen = new int[2];
        Thread thread = new Thread(() -> {
            seen[0] = torch.get_num_threads();
            seen[1] = Lanes.together(torch::get_num_threads);
        });
        Lanes.alone(() -> {
            thread.start();
            try {
                thread.join();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            return 0;
        });
        assertEquals(1, seen[0], "what libtorch gave it");
        assertEquals(3, seen[1], "what it has now");
    }
}
