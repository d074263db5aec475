package org.loft4j.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Flow;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class WatchedBodyTest {
    private final WatchedBody body = new WatchedBody(Duration.ofMinutes(5));
    private int asked;
    private int cancelled;

    private final Flow.Subscription connection = new Flow.Subscription() {
        @Override
        public void request(long pieces) {
            asked += (int) pieces;
        }

        @Override
        public void cancel() {
            cancelled++;
        }
    };

    private static ByteBuffer bytes(String text) {
        return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
    }

    private String read(int most) throws IOException {
        byte[] buffer = new byte[most];
        int count = body.read(buffer);
        return count < 0 ? "end" : new String(buffer, 0, count, StandardCharsets.UTF_8);
    }

    @Test
    void aPieceIsAskedForWhenTheOneBeforeItIsRead() throws IOException {
        body.onSubscribe(connection);
        assertEquals(1, asked);
        body.onNext(List.of(bytes("abc"), bytes(""), bytes("d")));
        assertEquals(1, asked);
        assertEquals("ab", read(2));
        assertEquals(2, asked);
        assertEquals("c", read(2));
        assertEquals("d", read(2));
        body.onNext(List.of());
        body.onComplete();
        assertEquals("end", read(2));
        assertEquals("end", read(2));
    }

    @Test
    void aFaultComesBehindWhatHadArrived() throws IOException {
        body.onSubscribe(connection);
        body.onNext(List.of(bytes("abc")));
        IOException fault = new IOException("connection reset");
        body.onError(fault);
        assertEquals("abc", read(9));
        assertSame(fault, assertThrows(IOException.class, () -> read(9)));
    }

    @Test
    void whoReadsIsInterrupted() {
        body.onSubscribe(connection);
        Thread.currentThread().interrupt();
        assertThrows(InterruptedIOException.class, () -> read(1));
        assertTrue(Thread.interrupted());
    }

    @Test
    void silenceEnds() {
        WatchedBody impatient = new WatchedBody(Duration.ofMillis(20));
        impatient.onSubscribe(connection);
        HttpTimeoutException fault = assertThrows(HttpTimeoutException.class, () -> impatient.read(new byte[1]));
        assertEquals("nothing arrived for 0 s", fault.getMessage());
    }

    /** A redirect's body may be closed before it has begun. */
    @Test
    void aConnectionIsCutWheneverItBegins() {
        body.close();
        body.onSubscribe(connection);
        assertEquals(1, cancelled);
    }
}
