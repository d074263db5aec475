package org.loft4j.infer;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.KeyValueCache;

/**
 * What a model has read of a conversation, kept from one answer to the next: of the next prompt it reads what comes behind the tokens
 * that the two begin with alike, at least the last one. A prompt that begins otherwise, and one for another model or for a model that
 * has changed since, by a training or an adapter, is read as if nothing were kept. A memory that does not grow with the text, as that of
 * Qwen 3.5, LFM2 and Granite 4 ({@link org.loft4j.nn.RecurrentMixer}), cannot go back: it is used where the whole of what was read is the
 * beginning of the next prompt, and else the model begins anew. Answers are those of a prompt that is read from its beginning, but for
 * the rounding of the products.
 *
 * <p>It holds native memory until {@link #close}, as much as answering its longest prompt took. Any number of threads may use it; what is
 * asked with it while another answer is being made with it is read from its beginning.
 */
public final class Reading implements AutoCloseable {
    private @Nullable Held held;
    private boolean closed;

    /**
     * What was read of one row.
     *
     * @param edition of the weights that it was read by
     * @param ids one for each position of the cache
     */
    private record Held(KeyValueCache cache, Object edition, long[] ids) {}

    /**
     * Hands over a cache that holds a beginning of a prompt, without its last token, and was read with the angles of a text as long; it
     * may be empty.
     *
     * @throws IllegalStateException if this was closed
     */
    synchronized KeyValueCache take(Decoder model, long[] prompt) {
        if (closed) {
            throw new IllegalStateException("the reading is closed");
        }
        Held before = held;
        if (before == null) {
            return new KeyValueCache();
        }
        int differs = Arrays.mismatch(before.ids(), prompt);
        int shared = Math.min(differs < 0 ? prompt.length : differs, prompt.length - 1);
        boolean holds =
                before.edition() == model.weights().edition() && model.outlives(before.ids().length, prompt.length);
        if (!holds || !before.cache().keepFirst(shared)) {
            before.cache().clear();
        }
        held = null;
        return before.cache();
    }

    /** Takes a cache back, in place of another one. */
    synchronized void keep(KeyValueCache cache, Object edition, long[] ids) {
        free();
        if (closed) {
            cache.close();
        } else {
            held = new Held(cache, edition, ids);
        }
    }

    private void free() {
        if (held != null) {
            held.cache().close();
            held = null;
        }
    }

    /** Frees what is held; what is being answered meanwhile comes to its end. */
    @Override
    public synchronized void close() {
        closed = true;
        free();
    }
}
