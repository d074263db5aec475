package org.loft4j.tensor;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** The lanes of another thread, at work until this is closed. */
public final class OthersLanes implements AutoCloseable {
    private final CountDownLatch begun = new CountDownLatch(1);
    private final CountDownLatch over = new CountDownLatch(1);
    private final Thread other = new Thread(() -> Lanes.run(2, lane -> {
        begun.countDown();
        await(over);
    }));

    private OthersLanes() {}

    /** More than one thread must be there. */
    public static OthersLanes begin() {
        OthersLanes lanes = new OthersLanes();
        lanes.other.start();
        await(lanes.begun);
        return lanes;
    }

    private static void await(CountDownLatch latch) {
        try {
            if (!latch.await(30, TimeUnit.SECONDS)) {
                throw new IllegalStateException("waited for 30 seconds");
            }
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() throws InterruptedException {
        over.countDown();
        other.join();
    }
}
