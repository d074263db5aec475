package org.loft4j.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a new thread would take over from the one that makes it, until it is closed: an inheritable value and a class loader. */
public final class Heritage implements AutoCloseable {
    private final InheritableThreadLocal<String> value = new InheritableThreadLocal<>();
    private final ClassLoader before = Thread.currentThread().getContextClassLoader();
    private final List<Seen> seen = Collections.synchronizedList(new ArrayList<>());

    private record Seen(Thread thread, @Nullable String value, ClassLoader loader) {}

    public Heritage() {
        value.set("the application's");
        Thread.currentThread().setContextClassLoader(new URLClassLoader(new URL[0], before));
    }

    /** In the thread that is looked at. */
    public void look() {
        Thread thread = Thread.currentThread();
        seen.add(new Seen(thread, value.get(), thread.getContextClassLoader()));
    }

    public List<Thread> lookedIn() {
        return seen.stream().map(Seen::thread).toList();
    }

    /** None of the threads that were looked at has any of it. */
    public void requireNone() {
        for (Seen one : List.copyOf(seen)) {
            assertEquals(new Seen(one.thread(), null, LastingThread.class.getClassLoader()), one);
        }
    }

    @Override
    public void close() {
        value.remove();
        Thread.currentThread().setContextClassLoader(before);
    }
}
