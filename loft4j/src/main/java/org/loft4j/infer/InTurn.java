package org.loft4j.infer;

import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/** Lets one thread at a time use a model, first come, first served: a single answer keeps all cores busy as it is. */
final class InTurn {
    private final ReentrantLock lock = new ReentrantLock(true);
    private final String name;
    private boolean closed;

    /** @param name what is used, for messages */
    InTurn(String name) {
        this.name = name;
    }

    /** @throws IllegalStateException if it was closed */
    <T> T use(Supplier<T> work) {
        lock.lock();
        try {
            if (closed) {
                throw new IllegalStateException("the " + name + " is closed");
            }
            return work.get();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Waits for who is at work, and closes once.
     *
     * @throws IllegalStateException if the caller is at work itself
     */
    void close(Runnable release) {
        if (lock.isHeldByCurrentThread()) {
            throw new IllegalStateException("the " + name + " cannot be closed while it answers this very thread:"
                    + " close it when the answer is there");
        }
        lock.lock();
        try {
            if (!closed) {
                release.run();
            }
            closed = true;
        } finally {
            lock.unlock();
        }
    }
}
