package org.loft4j.io;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The body of an answer that must keep coming: a connection over which nothing arrives for too long is given up, and so is one
 * whose reader is interrupted, for which the stream of Java 17's client has no ear.
 */
final class WatchedBody implements HttpResponse.BodySubscriber<WatchedBody>, AutoCloseable {
    /** Stands behind what has arrived; told from an empty piece by being this one. */
    private static final List<ByteBuffer> END = List.of(ByteBuffer.allocate(0));

    private final Duration silence;
    private final CompletableFuture<Flow.Subscription> connection = new CompletableFuture<>();
    // one piece is asked for at a time, so that what is not read yet stays with the sender
    private final BlockingQueue<List<ByteBuffer>> arrived = new LinkedBlockingQueue<>();
    private List<ByteBuffer> piece = List.of();
    private int at;
    private volatile @Nullable Throwable fault;

    WatchedBody(Duration silence) {
        this.silence = silence;
    }

    @Override
    public CompletionStage<WatchedBody> getBody() {
        return CompletableFuture.completedStage(this);
    }

    @Override
    public void onSubscribe(Flow.Subscription subscription) {
        connection.complete(subscription);
        subscription.request(1);
    }

    @Override
    public void onNext(List<ByteBuffer> buffers) {
        arrived.add(buffers);
    }

    @Override
    public void onError(Throwable failure) {
        fault = failure;
        arrived.add(END);
    }

    @Override
    public void onComplete() {
        arrived.add(END);
    }

    /**
     * Reads what there is, at least one byte; -1 at the end.
     *
     * @throws HttpTimeoutException if nothing arrives for too long
     * @throws InterruptedIOException if the thread is interrupted, which it stays
     */
    int read(byte[] buffer) throws IOException {
        while (piece != END) {
            if (at == piece.size()) {
                piece = next();
                at = 0;
            } else if (piece.get(at).hasRemaining()) {
                int count = Math.min(buffer.length, piece.get(at).remaining());
                piece.get(at).get(buffer, 0, count);
                return count;
            } else {
                at++;
            }
        }
        Throwable ended = fault;
        if (ended != null) {
            throw ended instanceof IOException known ? known : new IOException(ended);
        }
        return -1;
    }

    private List<ByteBuffer> next() throws IOException {
        List<ByteBuffer> next;
        try {
            next = arrived.poll(silence.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while waiting for an answer");
        }
        if (next == null) {
            throw new HttpTimeoutException("nothing arrived for " + silence.toSeconds() + " s");
        }
        if (next != END) {
            connection.join().request(1);
        }
        return next;
    }

    /** Cuts the connection, unless all has arrived. */
    @Override
    public void close() {
        var unused = connection.thenAccept(Flow.Subscription::cancel);
    }
}
