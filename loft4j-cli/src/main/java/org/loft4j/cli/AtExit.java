package org.loft4j.cli;

/** What is done if the process is ended, by a Ctrl-C too, in the middle of something; nothing once it is closed. */
final class AtExit implements AutoCloseable {
    private final Thread hook;

    AtExit(Runnable work) {
        this.hook = new Thread(work, "loft-at-exit");
        try {
            Runtime.getRuntime().addShutdownHook(hook);
        } catch (IllegalStateException e) {
            // it is ending already: who is at work will not get far
        }
    }

    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // it is ending, and the work is being done
        }
    }
}
