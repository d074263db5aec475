package org.loft4j.train;

import java.io.UncheckedIOException;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Who hears of a run. What one of them throws waits until the run has been saved and has ended: {@link #close} throws it. */
final class Listeners implements AutoCloseable {
    // one of them may bring another
    private final List<TrainListener> all = new CopyOnWriteArrayList<>();
    private @Nullable Throwable fault;

    void add(TrainListener listener) {
        all.add(listener);
    }

    /** @throws UncheckedIOException if one of them cannot write what it heard: it is to hear of it again */
    void tell(Consumer<TrainListener> event) {
        for (TrainListener listener : all) {
            try {
                event.accept(listener);
            } catch (UncheckedIOException e) {
                throw e;
            } catch (Throwable e) {
                if (fault == null) {
                    fault = e;
                } else if (fault != e) {
                    fault.addSuppressed(e);
                }
            }
        }
    }

    /** Whether one of them has thrown something that waits. */
    boolean failed() {
        return fault != null;
    }

    @Override
    public void close() {
        Throwable thrown = fault;
        fault = null;
        if (thrown != null) {
            throw Listeners.<RuntimeException>unchecked(thrown);
        }
    }

    /** Whatever it is: a listener in another language may throw any checked exception. */
    @SuppressWarnings("unchecked")
    private static <E extends Throwable> E unchecked(Throwable thrown) throws E {
        throw (E) thrown;
    }
}
