package org.loft4j.infer;

import java.util.Arrays;
import java.util.Set;
import java.util.function.LongConsumer;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.KeyValueCache;
import org.loft4j.nn.Model;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Continues one prompt with the likeliest token at each position, reading each token once. */
public final class Generator {
    private final Decoder model;

    /** @param model in evaluation mode; stays the caller's */
    public Generator(Decoder model) {
        this.model = model;
    }

    /**
     * A generator over a model of any kind.
     *
     * @throws ConfigException if the model does not predict next tokens
     */
    public static Generator of(Model model) {
        if (model instanceof Decoder decoder) {
            return new Generator(decoder);
        }
        throw new ConfigException("generation needs a causal language model, got task " + model.task()
                + " of model_type " + model.description().family());
    }

    /** Why a continuation ended. */
    public enum Stop {
        /** A stop id came. */
        STOP_ID,
        /** As many tokens as were asked for. */
        MAX_NEW_TOKENS,
        /** The sequence is as long as the model was made for. */
        MAX_POSITIONS
    }

    /**
     * A continuation.
     *
     * @param ids the new ids, with the stop id if one came
     * @param stop why there are no more
     */
    public record Continuation(long[] ids, Stop stop) {
        public Continuation {
            ids = ids.clone();
        }

        @Override
        public long[] ids() {
            return ids.clone();
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Continuation that && Arrays.equals(ids, that.ids) && stop == that.stop;
        }

        @Override
        public int hashCode() {
            return 31 * Arrays.hashCode(ids) + stop.hashCode();
        }

        @Override
        public String toString() {
            return Arrays.toString(ids) + " " + stop;
        }
    }

    /** Continues without a listener. */
    public Continuation greedy(long[] prompt, int maxNewTokens, Set<Long> stopIds) {
        return greedy(prompt, maxNewTokens, stopIds, id -> {});
    }

    /**
     * Continues a prompt. Of equal logits the lowest id wins.
     *
     * @param prompt at least one id, shorter than the model's longest sequence
     * @param maxNewTokens at least 1
     * @param stopIds ids that end the continuation; may be empty
     * @param onToken hears each new id as it comes
     */
    public Continuation greedy(long[] prompt, int maxNewTokens, Set<Long> stopIds, LongConsumer onToken) {
        Checks.atLeast("max_new_tokens", maxNewTokens, 1);
        Checks.atLeast("number of prompt ids", prompt.length, 1);
        long room = model.description().maxPositions() - prompt.length;
        if (room < 1) {
            throw new ConfigException("a prompt must have fewer tokens than max_position_embeddings, "
                    + model.description().maxPositions() + ", got " + prompt.length);
        }
        int limit = (int) Math.min(maxNewTokens, room);
        long[] ids = new long[limit];
        try (KeyValueCache cache = new KeyValueCache()) {
            long[] next = prompt;
            for (int i = 0; i < limit; i++) {
                ids[i] = likeliest(next, cache);
                onToken.accept(ids[i]);
                if (stopIds.contains(ids[i])) {
                    return new Continuation(Arrays.copyOf(ids, i + 1), Stop.STOP_ID);
                }
                next = new long[] {ids[i]};
            }
        }
        return new Continuation(ids, limit == maxNewTokens ? Stop.MAX_NEW_TOKENS : Stop.MAX_POSITIONS);
    }

    private long likeliest(long[] ids, KeyValueCache cache) {
        try (NativeScope scope = new NativeScope();
                NoGradGuard noGrad = new NoGradGuard()) {
            Tensor input = Tensors.of(ids, 1, ids.length)
                    .to(model.description().device().torch(), Dtype.I64.scalarType());
            return model.nextLogits(input, null, cache).argmax().item_long();
        }
    }
}
