package org.loft4j.export;

import com.fasterxml.jackson.databind.node.TextNode;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.io.GgufMetadata;
import org.loft4j.io.JsonObject;

/** What llama.cpp reads of GLM-4-0414 and GLM-4.5, Cohere, Seed-OSS, ERNIE 4.5 and EXAONE 4.0 beside what it reads of all. */
final class DenseParameters {
    private static final String WINDOW = "sliding_window";
    private static final String PATTERN = "sliding_window_pattern";

    /** How many layers a Cohere must have for llama.cpp to norm its queries and keys. */
    private static final int NORMED_FROM = 64;

    /** How many layers an EXAONE 4.0 has that llama.cpp knows windows of. */
    private static final int WINDOWED = 64;

    private final TextConfig config;
    private final JsonObject json;
    private final GgufMetadata metadata;
    private final String key;

    private DenseParameters(TextConfig config, GgufMetadata metadata, String key) {
        this.config = config;
        this.json = config.json();
        this.metadata = metadata;
        this.key = key;
    }

    /** Puts the keys, and refuses what llama.cpp would compute otherwise. */
    static void put(TextConfig config, GgufMetadata metadata, String key) throws CheckpointException {
        DenseParameters parameters = new DenseParameters(config, metadata, key);
        config.requireOneOf("hidden_act", "silu", Set.of("silu", "swish"));
        switch (config.architecture()) {
            case COMMAND_R -> parameters.commandR();
            case COHERE2 -> parameters.cohere2();
            case SEED_OSS -> {
                config.requireFlag("attention_out_bias", false);
                config.requireFlag("mlp_bias", false);
            }
            case ERNIE4_5 -> config.requireFlag("use_bias", false);
            case EXAONE4 -> parameters.exaone4();
            default -> {}
        }
    }

    private void cohere() throws CheckpointException {
        config.requireFlag("attention_bias", false);
        config.requireFlag("tie_word_embeddings", true);
        config.requireHiddenHeads();
        double scale = json.doubleOr("logit_scale", 0.0625);
        if (!(scale > 0)) {
            throw json.fault("logit_scale", "must be above 0, found " + scale);
        }
        metadata.number(key + "logit_scale", scale);
    }

    private void commandR() throws CheckpointException {
        cohere();
        boolean norms = json.booleanOr("use_qk_norm", false);
        boolean computed = config.layers() >= NORMED_FROM;
        if (norms != computed) {
            throw json.fault(
                    "use_qk_norm",
                    "is " + norms + ", where llama.cpp computes with " + computed + " for " + config.layers()
                            + " layers");
        }
    }

    private void cohere2() throws CheckpointException {
        cohere();
        config.requireFlag("use_qk_norm", false);
        everyFourthSeesAll();
        if (config.isNull(WINDOW)) {
            throw json.fault(WINDOW, "is null, and llama.cpp always has a window in three of four layers");
        }
        metadata.count(key + "attention.sliding_window", json.intOr(WINDOW, 4096, 1));
    }

    private void everyFourthSeesAll() throws CheckpointException {
        config.requireLayerTypes(layer -> (layer + 1) % 4 != 0);
        boolean fourth =
                config.architecture() == GgufArchitecture.EXAONE4 && json.node(PATTERN) instanceof TextNode letters
                        ? letters.asText().matches("(LLLG)+")
                        : json.intOr(PATTERN, 4, 1) == 4;
        if (!json.has("layer_types") && !fourth) {
            throw json.fault(PATTERN, "is " + json.node(PATTERN) + ", where llama.cpp computes with 4");
        }
    }

    /** llama.cpp tells by the number of layers whether there are windows; where there are none, all layers are turned. */
    private void exaone4() throws CheckpointException {
        boolean windows = !config.isNull(WINDOW);
        if (windows != (config.layers() == WINDOWED)) {
            throw json.fault(
                    WINDOW,
                    (windows ? "is set" : "is null") + ", where llama.cpp has windows in a model of " + WINDOWED
                            + " layers and in no other, found " + config.layers() + " layers");
        }
        if (!windows) {
            config.requireLayerTypes(layer -> false);
            return;
        }
        everyFourthSeesAll();
        metadata.count(key + "attention.sliding_window", json.intOr(WINDOW, 4096, 1));
    }
}
