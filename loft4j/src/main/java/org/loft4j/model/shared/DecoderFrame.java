package org.loft4j.model.shared;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.nn.Linear;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.Task;
import org.loft4j.nn.Weights;

/**
 * What lies around the blocks of a decoder, and what a family calls it.
 *
 * @param base what the names of all but a head begin with
 * @param embedding of the tokens, within the base
 * @param norm behind the last block, within the base; null where the family's {@link DecoderEdges} say what is there
 * @param layerNorm whether that is a layer norm
 * @param output what makes logits in a language model
 * @param outputBias whether it has a bias
 * @param tokenClassifier what tells the classes of tokens apart
 * @param learnsPadding whether the vector of the padding token gets a gradient
 * @param blocks the blocks, within the base
 */
public record DecoderFrame(
        String base,
        String embedding,
        @Nullable String norm,
        boolean layerNorm,
        String output,
        boolean outputBias,
        String tokenClassifier,
        boolean learnsPadding,
        String blocks) {
    private static final String TEXT_CLASSIFIER = "score";

    /** Llama's. */
    public static final DecoderFrame LLAMA =
            new DecoderFrame("model.", "embed_tokens", "norm", false, "lm_head", false, TEXT_CLASSIFIER, false);

    /** One whose blocks are called layers. */
    public DecoderFrame(
            String base,
            String embedding,
            @Nullable String norm,
            boolean layerNorm,
            String output,
            boolean outputBias,
            String tokenClassifier,
            boolean learnsPadding) {
        this(base, embedding, norm, layerNorm, output, outputBias, tokenClassifier, learnsPadding, "layers");
    }

    /** The same with another norm behind the last block. */
    public DecoderFrame withNorm(String name, boolean isLayerNorm) {
        return new DecoderFrame(
                base, embedding, name, isLayerNorm, output, outputBias, tokenClassifier, learnsPadding, blocks);
    }

    /** The same with a bias of the output embedding. */
    public DecoderFrame withOutputBias() {
        return new DecoderFrame(base, embedding, norm, layerNorm, output, true, tokenClassifier, learnsPadding, blocks);
    }

    /**
     * Adds what a task has behind the norm: to the body what every checkpoint of it has, else a part that may be made anew.
     *
     * @param width of what it reads
     */
    List<List<ParameterSpec>> head(List<ParameterSpec> body, DecoderConfig config, Task task, int labels, long width) {
        List<List<ParameterSpec>> head = new ArrayList<>();
        if (task.isClassification()) {
            boolean tokens = task == Task.TOKEN_CLASSIFICATION;
            head.add(Parameters.outputLinear(classifier(task), labels, width, tokens));
        } else if (task == Task.CAUSAL_LM) {
            if (!config.tieWordEmbeddings()) {
                body.add(ParameterSpec.tokens(output + ".weight", config.vocabularySize(), width));
            }
            if (outputBias) {
                body.add(new ParameterSpec(output + ".bias", Initial.ZEROS, config.vocabularySize()));
            }
        }
        return head;
    }

    /**
     * The layer that yields the logits of a task; null for sentence embeddings.
     *
     * @param input name of the input embedding
     */
    @Nullable
    Linear head(DecoderConfig config, Task task, String input, Weights weights) {
        if (task.isClassification()) {
            return weights.linear(classifier(task));
        }
        if (task == Task.SENTENCE_EMBEDDING) {
            return null;
        }
        return config.tieWordEmbeddings()
                ? new Linear(output, weights.matrix(input), weights.find(output + ".bias"))
                : weights.linear(output);
    }

    /** The module that the whole model lies in, with a dot: what files of a class without a head leave out. */
    String root() {
        return base.substring(0, base.indexOf('.') + 1);
    }

    private String classifier(Task task) {
        return task == Task.TOKEN_CLASSIFICATION ? tokenClassifier : TEXT_CLASSIFIER;
    }

    /** Whether a name is that of a head, of whatever task. */
    boolean isOfHead(String name) {
        return name.startsWith(output) || isOfClassifier(name);
    }

    /** Whether a name is that of a head which other tasks, or a tied output embedding, do without. */
    boolean isSpareHead(String name) {
        return name.equals(output + ".weight") || (outputBias && name.equals(output + ".bias")) || isOfClassifier(name);
    }

    private boolean isOfClassifier(String name) {
        return name.startsWith(TEXT_CLASSIFIER + ".") || name.startsWith(tokenClassifier + ".");
    }
}
