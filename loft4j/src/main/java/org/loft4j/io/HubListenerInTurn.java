package org.loft4j.io;

import java.time.Duration;

/** Lets the threads of a download speak one at a time. */
record HubListenerInTurn(HubListener listener) implements HubListener {
    @Override
    public synchronized void onStart(HubName name, int files, long bytes) {
        listener.onStart(name, files, bytes);
    }

    @Override
    public synchronized void onBytes(String file, long have, long size) {
        listener.onBytes(file, have, size);
    }

    @Override
    public synchronized void onFile(String file, long size) {
        listener.onFile(file, size);
    }

    @Override
    public synchronized void onRetry(String what, String failure, Duration wait) {
        listener.onRetry(what, failure, wait);
    }

    @Override
    public synchronized void onWait(String file) {
        listener.onWait(file);
    }

    @Override
    public synchronized void onFailure(HubName name) {
        listener.onFailure(name);
    }

    @Override
    public synchronized void onEnd(HubName name) {
        listener.onEnd(name);
    }
}
