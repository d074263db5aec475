package org.loft4j.io;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/**
 * An output embedding in a file whose config.json says, or whose family takes for granted, that it is the input embedding.
 * A copy does no harm. Of one with other numbers versions of Transformers make other models: 4 drops it, 5 keeps both.
 */
public final class TiedHead {
    private static final Pattern INPUT = Pattern.compile("(.+\\.)?(embed_tokens|embed_in|wte)\\.weight");
    private static final Pattern OUTPUT = Pattern.compile("(.+\\.)?(lm_head|embed_out)\\.weight");

    /** Numbers of each of the two that are read at once. */
    private static final long READ = 1 << 22;

    /** What becomes of a head that is no copy. */
    public static final String FATE = "Transformers 4 drops the former, and 5 keeps both";

    /** Whether the output embedding is the input's, in config.json. */
    public static final String KEY = "tie_word_embeddings";

    private TiedHead() {}

    /**
     * Refuses an output embedding that is not a copy.
     *
     * @param head name in the source
     * @param embedding name of the input embedding in the source
     * @throws CheckpointException if the two differ
     */
    public static void requireCopy(TensorSource source, String head, String embedding) throws CheckpointException {
        if (!isCopy(source, head, embedding)) {
            Path config = source.path().resolve("config.json");
            String key = Files.isRegularFile(config) ? key(Json.read(config)) : KEY;
            throw new CheckpointException(
                    source.path(),
                    head + " is not " + embedding + ", although " + key + ", or the family where config.json is"
                            + " silent, makes one of them: " + FATE + "; " + remedy(key));
        }
    }

    /** The key by which a config.json says whether the output embedding is the input's: LFM2's own word where it has that. */
    public static String key(JsonObject config) throws CheckpointException {
        boolean own = config.stringOr("model_type", "").equals(Lfm2Keys.FAMILY) && config.has(Lfm2Keys.TIED);
        return own ? Lfm2Keys.TIED : KEY;
    }

    /** What to do with a head that is no copy, where config.json has this key. */
    public static String remedy(String key) {
        return "set " + key + " to false to keep it, or remove it from the file";
    }

    /**
     * The name of the output embedding where a file has no input embedding beside it, for which it stands where the two are tied:
     * {@code save_model} of safetensors writes what has two names under the first of them by the alphabet. Null where it does not.
     */
    public static @Nullable String alone(Set<String> names) {
        if (names.stream().anyMatch(name -> INPUT.matcher(name).matches())) {
            return null;
        }
        return names.stream()
                .filter(name -> OUTPUT.matcher(name).matches())
                .findFirst()
                .orElse(null);
    }

    /** Whether two tensors have one shape and the same numbers; some rows at a time, to the first that differ. */
    public static boolean isCopy(TensorSource source, String head, String embedding) throws CheckpointException {
        TensorInfo info = source.info(head);
        long[] shape = info.shape();
        if (shape.length == 0 || !Arrays.equals(shape, source.info(embedding).shape())) {
            return false;
        }
        long row = info.elements() / Math.max(1, shape[0]);
        long step = Math.max(1, READ / Math.max(1, row));
        for (long start = 0; start < shape[0]; start += step) {
            long count = Math.min(step, shape[0] - start);
            try (NativeScope strip = new NativeScope()) {
                if (!equal(source.read(head, start, count), source.read(embedding, start, count))) {
                    return false;
                }
            }
        }
        return true;
    }

    private static boolean equal(Tensor one, Tensor other) {
        if (Dtype.of(one) == Dtype.of(other)) {
            return one.equal(other);
        }
        return one.to(Dtype.F64.scalarType()).equal(other.to(Dtype.F64.scalarType()));
    }

    /** That the two parts of a config.json tie the embeddings otherwise. */
    public static CheckpointException contradiction(JsonObject config) throws CheckpointException {
        boolean outer = config.booleanOr(KEY, true);
        return config.fault(
                KEY,
                "is " + outer + ", and " + !outer
                        + " in text_config: versions of Transformers go by one or the other; set both to what is meant");
    }
}
