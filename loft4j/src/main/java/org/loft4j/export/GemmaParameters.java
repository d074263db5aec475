package org.loft4j.export;

import java.util.List;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.io.GgufMetadata;
import org.loft4j.io.JsonObject;

/** What llama.cpp reads of the Gemmas beside what it reads of all. */
final class GemmaParameters {
    private static final Set<String> TANH_GELU = Set.of("gelu_pytorch_tanh");

    private final TextConfig config;
    private final JsonObject json;
    private final GgufMetadata metadata;
    private final List<String> notes;
    private final String key;

    private GemmaParameters(TextConfig config, GgufMetadata metadata, List<String> notes, String key) {
        this.config = config;
        this.json = config.json();
        this.metadata = metadata;
        this.notes = notes;
        this.key = key;
    }

    /**
     * Puts the keys, and refuses what llama.cpp would compute otherwise.
     *
     * @param vocabulary rows of the embedding
     */
    static void put(TextConfig config, long vocabulary, GgufMetadata metadata, List<String> notes, String key)
            throws CheckpointException {
        GemmaParameters parameters = new GemmaParameters(config, metadata, notes, key);
        switch (config.architecture()) {
            case GEMMA -> parameters.gemma();
            case GEMMA2 -> parameters.gemma2();
            case GEMMA3 -> parameters.gemma3(62);
            case GEMMA_EMBEDDING -> parameters.gemma3(0);
            case GEMMA4 -> parameters.gemma4(vocabulary);
            default -> throw new IllegalStateException(key);
        }
    }

    /** {@code hidden_act} of the first files, {@code gelu}, means its approximation. */
    private void gemma() throws CheckpointException {
        requireTied();
        config.requireFlag("attention_bias", false);
        String older = json.stringOr("hidden_act", "gelu");
        config.requireOneOf(
                "hidden_activation",
                older.equals("gelu") ? "gelu_pytorch_tanh" : older,
                Set.of("gelu_new", "gelu_pytorch_tanh"));
    }

    /** llama.cpp has no place for an output embedding. */
    private void requireTied() throws CheckpointException {
        config.requireFlag("tie_word_embeddings", true);
    }

    private void gemma2() throws CheckpointException {
        requireTied();
        gemma(46);
        config.requireLayerTypes(layer -> layer % 2 == 0);
        metadata.count(key + "attention.sliding_window", json.intOr("sliding_window", 4096, 1));
        for (String cap : List.of("attn_logit_softcapping", "final_logit_softcapping")) {
            if (config.isNull(cap)) {
                throw json.fault(cap, "is null, and llama.cpp always caps the logits of gemma2");
            }
        }
        metadata.number(key + "attn_logit_softcapping", json.doubleOr("attn_logit_softcapping", 50));
        metadata.number(key + "final_logit_softcapping", json.doubleOr("final_logit_softcapping", 30));
    }

    private void gemma3(int layersOfLargest) throws CheckpointException {
        gemma(layersOfLargest);
        if (json.has("attn_logit_softcapping")) {
            throw json.fault("attn_logit_softcapping", "is set, and llama.cpp has none for gemma3");
        }
        if (json.has("final_logit_softcapping")) {
            metadata.number(key + "final_logit_softcapping", json.requireDouble("final_logit_softcapping"));
        }
        int period = json.intOr("sliding_window_pattern", json.intOr("_sliding_window_pattern", 6, 1), 1);
        config.requireLayerTypes(layer -> (layer + 1) % period != 0);
        metadata.count(key + "attention.sliding_window", json.intOr("sliding_window", 4096, 1));
        if (period != 6) {
            metadata.count(key + "attention.sliding_window_pattern", period);
            notes.add("every " + period + "th layer attends to everything: versions of llama.cpp that do not read"
                    + " attention.sliding_window_pattern take every 6th");
        }
    }

    private void gemma4(long vocabulary) throws CheckpointException {
        config.requireFlag("attention_bias", false);
        config.requireOneOf("hidden_activation", "gelu_pytorch_tanh", TANH_GELU);
        Gemma4Layers layers = config.gemma4Layers();
        boolean doubled = json.booleanOr("use_double_wide_mlp", false);
        boolean[] slides = new boolean[config.layers()];
        int[] widths = new int[slides.length];
        for (int i = 0; i < slides.length; i++) {
            slides[i] = layers.slides().get(i);
            widths[i] = config.feedForward() * (doubled && layers.borrows(i) ? 2 : 1);
        }
        metadata.wholes(key + "feed_forward_length", widths);
        metadata.wholes(
                key + "attention.head_count_kv",
                layers.keyHeads().stream().mapToInt(Integer::intValue).toArray());
        metadata.number(key + "attention.layer_norm_rms_epsilon", config.rmsNormEps());
        metadata.count(key + "attention.key_length", layers.headDim(false));
        metadata.count(key + "attention.value_length", layers.headDim(false));
        metadata.count(key + "attention.key_length_swa", layers.headDim(true));
        metadata.count(key + "attention.value_length_swa", layers.headDim(true));
        metadata.count(key + "attention.shared_kv_layers", layers.shared());
        metadata.flags(key + "attention.sliding_window_pattern", slides);
        if (config.isNull("sliding_window")) {
            throw json.fault("sliding_window", "is null, and llama.cpp always has a window in sliding_attention");
        }
        metadata.count(key + "attention.sliding_window", json.intOr("sliding_window", 512, 1));
        metadata.count(key + "embedding_length_per_layer_input", config.inputWidth());
        int inputs = json.intOr("vocab_size_per_layer_input", 262144, 1);
        if (config.inputWidth() > 0 && inputs != vocabulary) {
            throw json.fault(
                    "vocab_size_per_layer_input",
                    "is " + inputs + ", where llama.cpp has as many as the embedding has rows, " + vocabulary);
        }
        // 30 to llama.cpp where nothing is said
        metadata.number(key + "final_logit_softcapping", json.doubleOr("final_logit_softcapping", 0));
        new RopeScaling(config).put(metadata);
    }

    /** @param layersOfLargest how llama.cpp tells the size whose attention is scaled by hidden_size / heads */
    private void gemma(int layersOfLargest) throws CheckpointException {
        config.requireFlag("attention_bias", false);
        config.requireOneOf("hidden_activation", json.stringOr("hidden_act", "gelu_pytorch_tanh"), TANH_GELU);
        double scalar = json.doubleOr("query_pre_attn_scalar", 256);
        boolean largest = config.layers() == layersOfLargest;
        double computed = largest ? (double) config.hiddenSize() / config.heads() : config.headDim();
        if (scalar != computed) {
            throw json.fault(
                    "query_pre_attn_scalar",
                    "is " + scalar + ", where llama.cpp computes with " + computed + " for this size");
        }
    }
}
