package org.loft4j.tensor;

/** Threads that outlive the call that begins them. */
public final class LastingThread {
    private LastingThread() {}

    /**
     * A daemon that takes over nothing from the thread that makes it, neither its inheritable values nor its context class loader,
     * which is this library's: in a server the first who asks may belong to an application that is taken away before the thread.
     */
    public static Thread of(Runnable work, String name) {
        Thread thread = new Thread(null, work, name, 0, false);
        thread.setContextClassLoader(LastingThread.class.getClassLoader());
        thread.setDaemon(true);
        return thread;
    }
}
