package org.loft4j.model.gpt2;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.io.ParameterReader;
import org.loft4j.io.TensorSource;
import org.loft4j.io.TiedHead;
import org.loft4j.model.shared.Parameters;
import org.loft4j.nn.LayerNorm;
import org.loft4j.nn.Linear;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.Task;
import org.loft4j.nn.Weights;

/** The names and shapes of GPT-2's parameters. The matrices of the blocks are stored as {@code (in, out)}. */
final class Gpt2Weights {
    private static final String PREFIX = "transformer.";

    static final String TOKENS = "transformer.wte.weight";
    static final String POSITIONS = "transformer.wpe.weight";
    static final String NORM = "transformer.ln_f";
    static final String HEAD = "lm_head";
    private static final String SCORE = "score";
    private static final String CLASSIFIER = "classifier";

    private Gpt2Weights() {}

    /** Path of a module of one block. */
    static String block(int index, String module) {
        return "transformer.h." + index + "." + module;
    }

    /** Every parameter; a classifier of texts is called score and has no bias, one of tokens is called classifier. */
    static Parameters parameters(Gpt2Config config, Task task, int labels) {
        long hidden = config.hiddenSize();
        List<ParameterSpec> body = new ArrayList<>();
        body.add(ParameterSpec.tokens(TOKENS, config.vocabularySize(), hidden));
        body.add(new ParameterSpec(POSITIONS, Initial.NORMAL, config.maxPositions(), hidden));
        for (int i = 0; i < config.layers(); i++) {
            body.addAll(Parameters.layerNorm(block(i, "ln_1"), hidden));
            body.addAll(Parameters.transposedLinear(block(i, "attn.c_attn"), 3 * hidden, hidden, true));
            body.addAll(Parameters.transposedLinear(block(i, "attn.c_proj"), hidden, hidden, true));
            body.addAll(Parameters.layerNorm(block(i, "ln_2"), hidden));
            body.addAll(Parameters.transposedLinear(block(i, "mlp.c_fc"), config.innerSize(), hidden, true));
            body.addAll(Parameters.transposedLinear(block(i, "mlp.c_proj"), hidden, config.innerSize(), true));
        }
        body.addAll(Parameters.layerNorm(NORM, hidden));
        List<List<ParameterSpec>> head = new ArrayList<>();
        if (task == Task.CAUSAL_LM && !config.tieWordEmbeddings()) {
            body.add(ParameterSpec.tokens(HEAD + ".weight", config.vocabularySize(), hidden));
        } else if (task.isClassification()) {
            boolean tokens = task == Task.TOKEN_CLASSIFICATION;
            head.add(Parameters.outputLinear(tokens ? CLASSIFIER : SCORE, labels, hidden, tokens));
        }
        return new Parameters(body, head, config.initializerRange());
    }

    /**
     * A reader of a file whose names may lack the prefix {@code transformer.}.
     *
     * @param tied whether an output embedding without an input embedding stands for both
     */
    static ParameterReader reader(TensorSource source, boolean tied) {
        boolean bare = source.names().stream().noneMatch(name -> name.startsWith(PREFIX));
        String both = tied ? TiedHead.alone(source.names()) : null;
        return new ParameterReader(
                source, name -> name.equals(both) ? TOKENS : bare && !isHead(name) ? PREFIX + name : name);
    }

    /** The causal masks that old versions saved, the copy of a tied output embedding, and the heads of other tasks. */
    static boolean isHarmless(String name) {
        return name.endsWith(".attn.bias") || name.endsWith(".attn.masked_bias") || isHead(name);
    }

    private static boolean isHead(String name) {
        return name.startsWith(HEAD + ".") || name.startsWith(SCORE + ".") || name.startsWith(CLASSIFIER + ".");
    }

    /** The layer that yields the logits of a task; null for sentence embeddings. */
    static @Nullable Linear head(Gpt2Config config, Task task, Weights weights) {
        return switch (task) {
            case SEQUENCE_CLASSIFICATION -> weights.linear(SCORE);
            case TOKEN_CLASSIFICATION -> weights.linear(CLASSIFIER);
            case SENTENCE_EMBEDDING -> null;
            default -> new Linear(HEAD, weights.matrix(config.tieWordEmbeddings() ? TOKENS : HEAD + ".weight"), null);
        };
    }

    static LayerNorm norm(Weights weights, String path, Gpt2Config config) {
        return new LayerNorm(path, weights.get(path + ".weight"), weights.get(path + ".bias"), config.layerNormEps());
    }
}
