package org.loft4j.model.bert;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ShapeException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.nn.LayerNorm;
import org.loft4j.nn.Linear;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelDescription;
import org.loft4j.nn.ModelInput;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Padding;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/** The BERT encoder as a sequence classifier. One thread uses it at a time. */
public final class BertModel implements Model {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "bert";

    public static final List<Task> TASKS = List.of(Task.SEQUENCE_CLASSIFICATION);

    private final BertConfig config;
    private final Weights weights;
    private final ModelDescription description;
    private final LayerNorm embeddingNorm;
    private final List<BertLayer> layers = new ArrayList<>();
    private final @Nullable Linear pooler;
    private final Linear classifier;
    private final Map<String, Linear> linears = new LinkedHashMap<>();
    private boolean training;

    private BertModel(BertConfig config, Weights weights, DeviceSpec device, @Nullable Path directory) {
        this.config = config;
        this.weights = weights;
        this.description = new ModelDescription(
                FAMILY,
                config.vocabularySize(),
                config.maxPositions(),
                config.hiddenSize(),
                Dtype.of(weights.get(BertWeights.WORDS)),
                device,
                config.labels(),
                config.pooling(),
                directory);
        this.embeddingNorm = norm(BertWeights.EMBEDDING_NORM, config, weights);
        for (int i = 0; i < config.layers(); i++) {
            BertLayer layer = new BertLayer(i, config, weights);
            layer.forEachLinear(linear -> linears.put(linear.path(), linear));
            layers.add(layer);
        }
        this.pooler = config.pooling() == Pooling.POOLER ? weights.linear(BertWeights.POOLER) : null;
        if (pooler != null) {
            linears.put(pooler.path(), pooler);
        }
        this.classifier = weights.linear(BertWeights.CLASSIFIER);
        linears.put(classifier.path(), classifier);
    }

    /**
     * Reads a model from a checkpoint; a pooler or classifier that it lacks is made anew from the seed.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor of the encoder is missing or has the wrong shape
     */
    public static BertModel open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        BertConfig config = BertConfig.from(json, options.labels(), options.pooling());
        try (NativeScope scope = new NativeScope()) {
            BertConfig settled = BertWeights.settlePooling(config, source);
            Weights weights = BertWeights.read(source, settled, options);
            return new BertModel(settled, weights, options.device(), source.path());
        }
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static BertModel random(JsonObject json, ModelOptions options) throws CheckpointException {
        return random(BertConfig.from(json, options.labels(), options.pooling()), options);
    }

    /** A model with new weights. AUTO pooling means a pooler. */
    public static BertModel random(BertConfig config, ModelOptions options) {
        try (NativeScope scope = new NativeScope()) {
            BertConfig settled = config.pooling() == Pooling.AUTO ? config.withPooling(Pooling.POOLER) : config;
            Weights weights = BertWeights.parameters(settled).random(options);
            return new BertModel(settled, weights, options.device(), null);
        }
    }

    public BertConfig config() {
        return config;
    }

    @Override
    public Task task() {
        return Task.SEQUENCE_CLASSIFICATION;
    }

    @Override
    public ModelDescription description() {
        return description;
    }

    @Override
    public Tensor logits(ModelInput batch) {
        TokenInput input = TokenInput.of(batch);
        check(input);
        Padding padding = Padding.of(input);
        Tensor pooled = pool(encode(input, padding), padding);
        double dropout = config.classifierDropout();
        return classifier.forward(training && dropout > 0 ? torch.dropout(pooled, dropout, true) : pooled);
    }

    @Override
    public Tensor hiddenStates(ModelInput batch) {
        TokenInput input = TokenInput.of(batch);
        check(input);
        return encode(input, Padding.of(input));
    }

    @Override
    public Map<String, Linear> linears() {
        return Collections.unmodifiableMap(linears);
    }

    @Override
    public Linear head() {
        return classifier;
    }

    @Override
    public Weights weights() {
        return weights;
    }

    @Override
    public void redraw(long seed) {
        BertWeights.parameters(config).redraw(weights, seed);
    }

    @Override
    public void setTraining(boolean training) {
        this.training = training;
    }

    @Override
    public void close() {
        weights.close();
    }

    static LayerNorm norm(String path, BertConfig config, Weights weights) {
        return new LayerNorm(path, weights.get(path + ".weight"), weights.get(path + ".bias"), config.layerNormEps());
    }

    private void check(TokenInput input) {
        input.check(config.vocabularySize());
        if (input.tokenTypeIds() != null) {
            TokenInput.requireBelow("token_type_ids", input.tokenTypeIds(), config.tokenTypes());
        }
        if (input.inputIds().size(1) > config.maxPositions()) {
            throw new ShapeException("a sequence must have at most " + config.maxPositions() + " tokens, got "
                    + input.inputIds().size(1));
        }
    }

    private Tensor encode(TokenInput input, Padding padding) {
        Tensor hidden = embeddingNorm.forward(embed(input, padding));
        if (training && config.hiddenDropout() > 0) {
            hidden = torch.dropout(hidden, config.hiddenDropout(), true);
        }
        Tensor bias = padding.keyBias(description.dtype());
        for (BertLayer layer : layers) {
            hidden = layer.forward(hidden, bias, training);
        }
        return hidden;
    }

    private Tensor embed(TokenInput input, Padding padding) {
        Tensor words = torch.embedding(weights.get(BertWeights.WORDS), input.inputIds());
        Tensor typeTable = weights.get(BertWeights.TOKEN_TYPES);
        Tensor types = input.tokenTypeIds() == null
                ? typeTable.narrow(0, 0, 1)
                : torch.embedding(typeTable, input.tokenTypeIds());
        Tensor positionTable = weights.get(BertWeights.POSITIONS);
        Tensor at = padding.positions();
        Tensor positions =
                at == null ? positionTable.narrow(0, 0, input.inputIds().size(1)) : torch.embedding(positionTable, at);
        return words.add(types.add(positions));
    }

    /** One vector for each row, {@code (batch, hidden)}. */
    private Tensor pool(Tensor hidden, Padding padding) {
        if (config.pooling() == Pooling.MEAN) {
            Tensor tokens = padding.weights(description.dtype());
            if (tokens == null) {
                return hidden.mean(new long[] {1}, false, new ScalarTypeOptional());
            }
            Tensor counts =
                    tokens.sum(new long[] {1}, true, new ScalarTypeOptional()).clamp_min(new Scalar(1));
            return tokens.unsqueeze(1).matmul(hidden).squeeze(1).div(counts);
        }
        Tensor firsts = padding.firstTokens();
        Tensor first =
                firsts == null ? hidden.select(1, 0) : hidden.flatten(0, 1).index_select(0, firsts);
        return pooler == null ? first : pooler.forward(first).tanh();
    }
}
