package org.loft4j.export;

import java.util.List;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.CheckpointException;
import org.loft4j.ShapeException;
import org.loft4j.export.TensorPlace.Change;
import org.loft4j.io.GgufMetadata;
import org.loft4j.io.JsonObject;
import org.loft4j.tensor.Shapes;

/**
 * What llama.cpp reads of latent attention. It computes with the small vector of a token as the one key and value of all heads,
 * so that the matrix which makes keys and values of it is in two, by heads; DeepSeek-AI 2024 (arXiv:2405.04434), section 2.1.2.
 */
final class LatentParameters {
    private static final String QUERY_RANK = "q_lora_rank";

    /** By their number of layers llama.cpp knows the models whose queries are made of the states themselves. */
    private static final Set<Integer> LITE = Set.of(26, 27);

    /** Or by that and the size of their vocabulary: Kanana 2. */
    private static final int LITE_LAYERS = 48;

    private static final long LITE_VOCABULARY = 128256;

    /** Of the norms of the small vectors in Transformers, whatever rms_norm_eps says. */
    private static final double INNER_EPS = 1e-6;

    private LatentParameters() {}

    /** Numbers of a token that its queries are made of; 0 for the states themselves. */
    static int queryRank(TextConfig config) throws CheckpointException {
        // null means none
        return config.isNull(QUERY_RANK) ? 0 : config.json().intOr(QUERY_RANK, config.isGlmLite() ? 768 : 1536, 1);
    }

    /** What of a head is turned. */
    static int turned(TextConfig config) throws CheckpointException {
        return config.json().intOr("qk_rope_head_dim", 64, 2);
    }

    private static int plain(TextConfig config) throws CheckpointException {
        return config.json().intOr("qk_nope_head_dim", config.isGlmLite() ? 192 : 128, 1);
    }

    private static int value(TextConfig config) throws CheckpointException {
        return config.json().intOr("v_head_dim", config.isGlmLite() ? 256 : 128, 1);
    }

    /** Puts the keys, and refuses what llama.cpp would compute otherwise. */
    static void put(TextConfig config, long vocabulary, GgufMetadata metadata, List<String> notes, String key)
            throws CheckpointException {
        JsonObject json = config.json();
        config.requireOneOf("hidden_act", "silu", Set.of("silu", "swish"));
        config.requireFlag("attention_bias", false);
        config.requireFlag("rope_interleave", true);
        boolean byVocabulary = config.layers() == LITE_LAYERS;
        boolean lite = LITE.contains(config.layers()) || (byVocabulary && vocabulary == LITE_VOCABULARY);
        if (lite != (queryRank(config) == 0)) {
            throw json.fault(
                    QUERY_RANK,
                    "is " + (lite ? queryRank(config) : "null") + ", where llama.cpp computes with "
                            + (lite ? "none" : "one") + " for " + config.layers() + " layers"
                            + (byVocabulary ? " and a vocabulary of " + vocabulary : ""));
        }
        if (config.rmsNormEps() != INNER_EPS) {
            notes.add("llama.cpp takes rms_norm_eps " + config.rmsNormEps()
                    + " for the norms within latent attention too, where Transformers has " + INNER_EPS
                    + ": logits differ a little");
        }
        int rank = json.intOr("kv_lora_rank", 512, 1);
        metadata.count(key + "attention.head_count_kv", 1);
        metadata.number(key + "attention.layer_norm_rms_epsilon", config.rmsNormEps());
        if (queryRank(config) > 0) {
            metadata.count(key + "attention.q_lora_rank", queryRank(config));
        }
        metadata.count(key + "attention.kv_lora_rank", rank);
        metadata.count(key + "attention.key_length", rank + turned(config));
        metadata.count(key + "attention.value_length", rank);
        metadata.count(key + "attention.key_length_mla", plain(config) + turned(config));
        metadata.count(key + "attention.value_length_mla", value(config));
        new RopeScaling(config).put(metadata);
    }

    /** What becomes of a matrix {@code (heads·(plain + value), rank)}: {@code (heads, rank, plain)} or {@code (heads, value, rank)}. */
    static long[] shape(TextConfig config, long[] of, Change change) throws CheckpointException {
        int heads = config.heads();
        if (of.length != 2 || of[0] != (long) heads * (plain(config) + value(config))) {
            throw new ShapeException(Shapes.text(of) + " is not that of " + heads + " heads with keys of "
                    + plain(config) + " and values of " + value(config));
        }
        return change == Change.LATENT_KEYS
                ? new long[] {heads, of[1], plain(config)}
                : new long[] {heads, value(config), of[1]};
    }

    /** The values of that shape. */
    static Tensor values(TextConfig config, Tensor both, Change change) throws CheckpointException {
        Tensor heads = both.unflatten(0, config.heads(), plain(config) + value(config));
        return change == Change.LATENT_KEYS
                ? heads.narrow(1, 0, plain(config)).transpose(1, 2)
                : heads.narrow(1, plain(config), value(config));
    }
}
