package org.loft4j.model.llama;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ShapeException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.KeyValueCache;
import org.loft4j.nn.Linear;
import org.loft4j.nn.ModelDescription;
import org.loft4j.nn.ModelInput;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Padding;
import org.loft4j.nn.RmsNorm;
import org.loft4j.nn.RotaryEmbedding;
import org.loft4j.nn.RotaryEmbedding.Rotation;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/** The Llama decoder as a causal language model. One thread uses it at a time. */
public final class LlamaModel implements Decoder {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "llama";

    public static final List<Task> TASKS = List.of(Task.CAUSAL_LM);

    private final LlamaConfig config;
    private final Weights weights;
    private final ModelDescription description;
    private final Tensor embedding;
    private final List<LlamaLayer> layers = new ArrayList<>();
    private final RmsNorm norm;
    private final Linear head;
    private final RotaryEmbedding rotary;
    private final Map<String, Linear> linears = new LinkedHashMap<>();
    private boolean training;

    private LlamaModel(LlamaConfig config, Weights weights, DeviceSpec device, @Nullable Path directory) {
        this.config = config;
        this.weights = weights;
        this.embedding = weights.get(LlamaWeights.EMBEDDING);
        Dtype dtype = Dtype.of(embedding);
        this.description = new ModelDescription(
                FAMILY,
                config.vocabularySize(),
                config.maxPositions(),
                config.hiddenSize(),
                dtype,
                device,
                List.of(),
                null,
                directory);
        for (int i = 0; i < config.layers(); i++) {
            LlamaLayer layer = new LlamaLayer(i, config, weights);
            layer.forEachLinear(linear -> linears.put(linear.path(), linear));
            layers.add(layer);
        }
        this.norm = new RmsNorm(LlamaWeights.NORM, weights.get(LlamaWeights.NORM), config.rmsNormEps());
        this.head = config.tieWordEmbeddings()
                ? new Linear(LlamaWeights.HEAD, embedding, null)
                : weights.linear(LlamaWeights.HEAD);
        linears.put(head.path(), head);
        this.rotary = new RotaryEmbedding(config.headDim(), config.ropeTheta(), dtype, device);
    }

    /** A model with new weights, the same for the same seed on every device. */
    public static LlamaModel random(LlamaConfig config, DeviceSpec device, Dtype dtype, long seed) {
        try (NativeScope scope = new NativeScope()) {
            return new LlamaModel(config, LlamaWeights.random(config, device, dtype, seed), device, null);
        }
    }

    /**
     * Reads a model from a checkpoint.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     */
    public static LlamaModel open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        LlamaConfig config = LlamaConfig.from(json);
        try (NativeScope scope = new NativeScope()) {
            Weights weights = LlamaWeights.read(source, config, options.dtype(), options.device());
            return new LlamaModel(config, weights, options.device(), source.path());
        }
    }

    /** A model with the sizes of config.json and new weights. */
    public static LlamaModel random(JsonObject json, ModelOptions options) throws CheckpointException {
        Dtype dtype = options.dtype() == null ? Dtype.F32 : options.dtype();
        return random(LlamaConfig.from(json), options.device(), dtype, options.seed());
    }

    public LlamaConfig config() {
        return config;
    }

    @Override
    public Task task() {
        return Task.CAUSAL_LM;
    }

    @Override
    public ModelDescription description() {
        return description;
    }

    @Override
    public Tensor logits(ModelInput batch) {
        TokenInput input = TokenInput.of(batch);
        return head.forward(hiddenStates(input));
    }

    @Override
    public Tensor hiddenStates(ModelInput batch) {
        TokenInput input = TokenInput.of(batch);
        input.check(config.vocabularySize());
        Padding padding = Padding.of(input);
        long columns = input.inputIds().size(1);
        Tensor positions = padding.positions();
        Rotation rotation = positions == null ? rotary.range(0, columns) : rotary.at(positions, columns);
        Tensor bias = padding.causalBias(description.dtype());
        return decode(input.inputIds(), new LlamaLayer.Pass(rotation, bias, bias == null, dropout(), null));
    }

    @Override
    public Tensor nextLogits(Tensor inputIds, KeyValueCache cache) {
        new TokenInput(inputIds, null).check(config.vocabularySize());
        long past = cache.length();
        long columns = inputIds.size(1);
        if (past > 0 && columns > 1) {
            throw new ShapeException("one token at a time goes on from a cache, got " + columns);
        }
        Rotation rotation = rotary.range(past, columns);
        Tensor hidden = decode(inputIds, new LlamaLayer.Pass(rotation, null, columns > 1, 0, cache));
        return head.forward(hidden.select(1, columns - 1));
    }

    @Override
    public Map<String, Linear> linears() {
        return Collections.unmodifiableMap(linears);
    }

    @Override
    public Linear head() {
        return head;
    }

    @Override
    public Weights weights() {
        return weights;
    }

    @Override
    public void setTraining(boolean training) {
        this.training = training;
    }

    @Override
    public void close() {
        rotary.close();
        weights.close();
    }

    private Tensor decode(Tensor inputIds, LlamaLayer.Pass pass) {
        Tensor hidden = torch.embedding(embedding, inputIds);
        for (LlamaLayer layer : layers) {
            hidden = layer.forward(hidden, pass);
        }
        return norm.forward(hidden);
    }

    private double dropout() {
        return training ? config.attentionDropout() : 0;
    }
}
