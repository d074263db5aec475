package org.loft4j.model.gpt2;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.ParameterReader;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.HeadConfig;
import org.loft4j.model.shared.Parameters;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.CausalDecoder.LayerKind;
import org.loft4j.nn.DecoderAttention;
import org.loft4j.nn.DecoderBlock;
import org.loft4j.nn.DecoderEmbedding;
import org.loft4j.nn.FeedForward;
import org.loft4j.nn.HeadProjection;
import org.loft4j.nn.LogitScale;
import org.loft4j.nn.ModelDescription;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.PositionVectors;
import org.loft4j.nn.Task;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.NativeScope;

/** GPT-2; Radford et al. 2019, "Language models are unsupervised multitask learners", section 2.3. */
public final class Gpt2Model {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "gpt2";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private Gpt2Model() {}

    /**
     * Reads a model from a checkpoint.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     */
    public static CausalDecoder open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        Gpt2Config config = Gpt2Config.from(json);
        ParameterReader reader = Gpt2Weights.reader(source, config.tieWordEmbeddings());
        if (config.tieWordEmbeddings()) {
            Parameters.requireTied(reader, Gpt2Weights.HEAD + ".weight", Gpt2Weights.TOKENS, options);
        }
        try (NativeScope scope = new NativeScope()) {
            Weights weights = parameters(config, options).read(reader, Gpt2Weights::isHarmless, options);
            return assemble(config, weights, options, source.path());
        }
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static CausalDecoder random(JsonObject json, ModelOptions options) throws CheckpointException {
        Gpt2Config config = Gpt2Config.from(json);
        try (NativeScope scope = new NativeScope()) {
            return assemble(
                    config,
                    parameters(config, options).random(options),
                    options,
                    json.file().getParent());
        }
    }

    private static Parameters parameters(Gpt2Config config, ModelOptions options) {
        return Gpt2Weights.parameters(config, options.task(), options.labels().size());
    }

    private static CausalDecoder assemble(
            Gpt2Config config, Weights weights, ModelOptions options, @Nullable Path directory) {
        Task task = options.task();
        List<DecoderBlock> blocks = new ArrayList<>();
        for (int i = 0; i < config.layers(); i++) {
            blocks.add(block(i, config, weights));
        }
        ModelDescription description = new ModelDescription(
                FAMILY,
                config.vocabularySize(),
                config.maxPositions(),
                config.hiddenSize(),
                weights.matrix(Gpt2Weights.TOKENS).dtype(),
                options.device(),
                options.labels(),
                HeadConfig.ofDecoder(options),
                options.multiLabel(),
                directory);
        return new CausalDecoder(new CausalDecoder.Parts(
                description,
                weights,
                new DecoderEmbedding(
                        weights.matrix(Gpt2Weights.TOKENS),
                        1,
                        new PositionVectors.Table(weights.get(Gpt2Weights.POSITIONS), 0),
                        null,
                        config.embeddingDropout(),
                        -1,
                        null),
                blocks,
                Collections.nCopies(config.layers(), new LayerKind(null, 0, true)),
                Gpt2Weights.norm(weights, Gpt2Weights.NORM, config),
                null,
                new CausalDecoder.Head(
                        task,
                        Gpt2Weights.head(config, task, weights),
                        LogitScale.NONE,
                        task == Task.TOKEN_CLASSIFICATION ? config.classifierDropout() : 0,
                        config.padTokenId()),
                seed -> parameters(config, options).redraw(weights, seed)));
    }

    private static DecoderBlock block(int i, Gpt2Config config, Weights weights) {
        int headDim = Math.toIntExact(config.hiddenSize() / config.heads());
        DecoderAttention attention = new DecoderAttention(
                i,
                new DecoderAttention.Shape(headDim, config.attentionScale(i), 0, config.attentionDropout()),
                new HeadProjection.Fused(weights.transposedLinear(Gpt2Weights.block(i, "attn.c_attn")), config.heads()),
                null,
                null,
                weights.transposedLinear(Gpt2Weights.block(i, "attn.c_proj")));
        return new DecoderBlock(
                Gpt2Weights.norm(weights, Gpt2Weights.block(i, "ln_1"), config),
                attention,
                null,
                Gpt2Weights.norm(weights, Gpt2Weights.block(i, "ln_2"), config),
                new FeedForward.Plain(
                        weights.transposedLinear(Gpt2Weights.block(i, "mlp.c_fc")),
                        weights.transposedLinear(Gpt2Weights.block(i, "mlp.c_proj")),
                        config.activation()),
                null,
                config.residualDropout(),
                1);
    }
}
