package org.loft4j.tensor;

/** How many native objects are alive, once the garbage of earlier tests is gone: it would else be freed in between. */
public final class LiveObjects {
    private LiveObjects() {}

    /** Collects garbage until the number stays. */
    public static long settled() {
        long objects = -1;
        try {
            for (int same = 0; same < 3; same++) {
                System.gc();
                Thread.sleep(20);
                same = objects == NativeScope.liveObjects() ? same : 0;
                objects = NativeScope.liveObjects();
            }
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        return objects;
    }
}
