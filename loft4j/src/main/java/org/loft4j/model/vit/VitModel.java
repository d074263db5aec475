package org.loft4j.model.vit;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.Parameters;
import org.loft4j.nn.ActivationCheckpoint;
import org.loft4j.nn.EncoderLayer;
import org.loft4j.nn.FeedForward;
import org.loft4j.nn.HeadProjection;
import org.loft4j.nn.ImageInput;
import org.loft4j.nn.ImageShape;
import org.loft4j.nn.LayerNorm;
import org.loft4j.nn.Linear;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelDescription;
import org.loft4j.nn.ModelInput;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.SelfAttention;
import org.loft4j.nn.Sight;
import org.loft4j.nn.Task;
import org.loft4j.nn.TransformerEncoder.Layer;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/** The vision transformer as a classifier; Dosovitskiy et al. 2020 (arXiv:2010.11929), section 3.1. One thread uses it at a time. */
public final class VitModel implements Model {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "vit";

    public static final List<Task> TASKS = List.of(Task.IMAGE_CLASSIFICATION);

    private final VitConfig config;
    private final Weights weights;
    private final ModelDescription description;
    private final PatchEmbeddings embeddings;
    private final List<Layer> layers = new ArrayList<>();
    private final LayerNorm norm;
    private final Linear classifier;
    private final Map<String, Linear> linears = new LinkedHashMap<>();
    private boolean training;
    private boolean checkpointing;

    private VitModel(VitConfig config, Weights weights, ModelOptions options, @Nullable Path directory) {
        this.config = config;
        this.weights = weights;
        this.description = new ModelDescription(
                FAMILY,
                0,
                config.states(),
                config.hiddenSize(),
                Dtype.of(weights.get(VitWeights.CLASS_TOKEN)),
                options.device(),
                config.head().labels(),
                null,
                directory);
        this.embeddings = new PatchEmbeddings(config, weights);
        for (int i = 0; i < config.layers(); i++) {
            Layer layer = layer(i);
            layer.attention().forEachLinear(linear -> linears.put(linear.path(), linear));
            layer.around().forEachLinear(linear -> linears.put(linear.path(), linear));
            layers.add(layer);
        }
        this.norm = Parameters.layerNorm(weights, VitWeights.NORM, config.layerNormEps());
        this.classifier = weights.linear(VitWeights.CLASSIFIER);
        linears.put(classifier.path(), classifier);
    }

    /**
     * Reads a model from a checkpoint; a classifier that it lacks is made anew from the seed.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor of the body is missing or has the wrong shape
     */
    public static VitModel open(TensorSource source, JsonObject json, ModelOptions options) throws CheckpointException {
        VitConfig config = VitConfig.from(json, options);
        try (NativeScope scope = new NativeScope()) {
            return new VitModel(config, VitWeights.read(source, config, options), options, source.path());
        }
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static VitModel random(JsonObject json, ModelOptions options) throws CheckpointException {
        VitConfig config = VitConfig.from(json, options);
        try (NativeScope scope = new NativeScope()) {
            return new VitModel(
                    config,
                    VitWeights.parameters(config).random(options),
                    options,
                    json.file().getParent());
        }
    }

    private Layer layer(int index) {
        SelfAttention attention = new SelfAttention(
                new HeadProjection.Separate(
                        weights.linear(VitWeights.layer(index, "attention.attention.query")),
                        weights.linear(VitWeights.layer(index, "attention.attention.key")),
                        weights.linear(VitWeights.layer(index, "attention.attention.value"))),
                config.heads(),
                config.attentionDropout());
        EncoderLayer.Modules modules = new EncoderLayer.Modules(
                weights.linear(VitWeights.layer(index, "attention.output.dense")),
                Parameters.layerNorm(weights, VitWeights.layer(index, "layernorm_before"), config.layerNormEps()),
                new FeedForward.Plain(
                        weights.linear(VitWeights.layer(index, "intermediate.dense")),
                        weights.linear(VitWeights.layer(index, "output.dense")),
                        config.activation()),
                Parameters.layerNorm(weights, VitWeights.layer(index, "layernorm_after"), config.layerNormEps()));
        EncoderLayer.Settings settings =
                new EncoderLayer.Settings(config.hiddenDropout(), 0, config.hiddenDropout(), true);
        return Layer.seeingAll(attention, new EncoderLayer(modules, settings));
    }

    @Override
    public Task task() {
        return Task.IMAGE_CLASSIFICATION;
    }

    @Override
    public ModelDescription description() {
        return description;
    }

    @Override
    public ImageShape imageShape() {
        return config.image();
    }

    @Override
    public Tensor logits(ModelInput input) {
        return classifier.forward(hiddenStates(input).select(1, 0));
    }

    @Override
    public Tensor hiddenStates(ModelInput batch) {
        ImageInput input = ImageInput.of(batch);
        ImageShape image = config.image();
        input.check(image.channels(), image.height(), image.width());
        Tensor pixels = input.pixelValues().to(description.dtype().scalarType());
        Tensor hidden = embeddings.forward(pixels, training);
        Sight sight = Sight.all();
        for (int i = 0; i < layers.size(); i++) {
            Layer layer = layers.get(i);
            UnaryOperator<Tensor> whole = states ->
                    layer.around().forward(states, x -> layer.attention().forward(x, null, sight, training), training);
            boolean again = checkpointing && i + 1 < layers.size();
            hidden = again ? ActivationCheckpoint.apply(whole, hidden) : whole.apply(hidden);
        }
        return norm.forward(hidden);
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
        VitWeights.parameters(config).redraw(weights, seed);
    }

    @Override
    public void setTraining(boolean training) {
        this.training = training;
    }

    @Override
    public void setGradientCheckpointing(boolean checkpointing) {
        this.checkpointing = checkpointing;
    }

    @Override
    public void close() {
        weights.close();
    }
}
