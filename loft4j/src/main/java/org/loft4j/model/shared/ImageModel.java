package org.loft4j.model.shared;

import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.nn.ActivationCheckpoint;
import org.loft4j.nn.ImageInput;
import org.loft4j.nn.ImageShape;
import org.loft4j.nn.LayerNorm;
import org.loft4j.nn.Linear;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelDescription;
import org.loft4j.nn.ModelInput;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.PatchEmbeddings;
import org.loft4j.nn.Sight;
import org.loft4j.nn.Task;
import org.loft4j.nn.TransformerEncoder.Layer;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.Dtype;

/** A transformer over the patches of an image, with a classifier. One thread uses it at a time. */
public final class ImageModel implements Model {
    private final ModelDescription description;
    private final Parts parts;
    private final Dtype dtype;
    private final Map<String, Linear> linears = new LinkedHashMap<>();
    private boolean training;
    private boolean checkpointing;

    /**
     * What a family puts together.
     *
     * @param parameters from which a classifier can be drawn anew
     * @param weights owned by the model
     * @param norm behind the last layer
     * @param read what the classifier reads of the states {@code (batch, states, hidden)}
     */
    public record Parts(
            Parameters parameters,
            Weights weights,
            PatchEmbeddings embeddings,
            List<Layer> layers,
            LayerNorm norm,
            UnaryOperator<Tensor> read,
            Linear classifier) {
        public Parts {
            layers = List.copyOf(layers);
        }
    }

    /**
     * @param hiddenSize width of the states
     * @param directory with its config.json; null for a model that was made without one
     */
    public ImageModel(
            String family,
            long hiddenSize,
            HeadConfig head,
            Parts parts,
            ModelOptions options,
            @Nullable Path directory) {
        this.parts = parts;
        this.dtype = Dtype.of(parts.classifier().weight());
        this.description = new ModelDescription(
                family,
                0,
                parts.embeddings().states(parts.embeddings().made()),
                hiddenSize,
                dtype,
                options.device(),
                head.labels(),
                null,
                options.multiLabel(),
                directory);
        layers().forEach(layer -> layer.forEach(linear -> linears.put(linear.path(), linear)));
        linears.put(parts.classifier().path(), parts.classifier());
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
        return parts.embeddings().made();
    }

    @Override
    public long imageStates(ImageShape image) {
        return parts.embeddings().states(image);
    }

    @Override
    public Tensor logits(ModelInput input) {
        return parts.classifier().forward(parts.read().apply(hiddenStates(input)));
    }

    @Override
    public Tensor hiddenStates(ModelInput batch) {
        Tensor hidden = parts.embeddings().forward(ImageInput.of(batch), dtype, training);
        Sight sight = Sight.all();
        for (int i = 0; i < parts.layers().size(); i++) {
            Layer layer = parts.layers().get(i);
            UnaryOperator<Tensor> whole = states ->
                    layer.around().forward(states, x -> layer.attention().forward(x, null, sight, training), training);
            boolean again = checkpointing && i + 1 < parts.layers().size();
            hidden = again ? ActivationCheckpoint.apply(whole, hidden) : whole.apply(hidden);
        }
        return parts.norm().forward(hidden);
    }

    @Override
    public Map<String, Linear> linears() {
        return Collections.unmodifiableMap(linears);
    }

    @Override
    public Linear head() {
        return parts.classifier();
    }

    @Override
    public List<List<Linear>> layers() {
        return parts.layers().stream().map(Layer::linears).toList();
    }

    @Override
    public Weights weights() {
        return parts.weights();
    }

    @Override
    public void redraw(long seed) {
        parts.parameters().redraw(parts.weights(), seed);
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
        parts.weights().close();
    }
}
