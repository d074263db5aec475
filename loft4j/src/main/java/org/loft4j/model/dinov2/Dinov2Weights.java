package org.loft4j.model.dinov2;

import java.util.ArrayList;
import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.io.ParameterReader;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.Parameters;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.ParameterSpec.Role;
import org.loft4j.nn.Weights;

/**
 * The names and shapes of DINOv2's parameters. A checkpoint may be of the base model, without the prefix, as those of the hub are,
 * and without a classifier.
 */
record Dinov2Weights(Dinov2Config config) {
    static final String CLASSIFIER = "classifier";

    private String body(String path) {
        return config.family() + "." + path;
    }

    String classToken() {
        return body("embeddings.cls_token");
    }

    String registers() {
        return body("embeddings.register_tokens");
    }

    String positions() {
        return body("embeddings.position_embeddings");
    }

    String patches() {
        return body("embeddings.patch_embeddings.projection");
    }

    String norm() {
        return body("layernorm");
    }

    private String maskToken() {
        return body("embeddings.mask_token");
    }

    /** Path of a module of one layer. */
    String layer(int index, String module) {
        return body("encoder.layer." + index + "." + module);
    }

    /** The parameters of a checkpoint. A classifier that it lacks, or that has another number of classes, is made anew. */
    Weights read(TensorSource source, ModelOptions options) throws CheckpointException {
        boolean bare = source.names().stream().noneMatch(name -> name.startsWith(body("")));
        ParameterReader reader =
                new ParameterReader(source, name -> bare && !name.startsWith(CLASSIFIER + ".") ? body(name) : name);
        return parameters(config.maskToken() && reader.has(maskToken())).read(reader, this::isHarmless, options);
    }

    /** Those of a new model. */
    Parameters parameters() {
        return parameters(config.maskToken());
    }

    private Parameters parameters(boolean maskToken) {
        // of the class and of the mean of the patches
        List<ParameterSpec> classifier =
                Parameters.outputLinear(CLASSIFIER, config.head().labels().size(), 2 * config.hiddenSize(), true);
        return new Parameters(body(maskToken), List.of(classifier), config.initializerRange());
    }

    private boolean isHarmless(String name) {
        return name.equals(maskToken()) || name.startsWith(CLASSIFIER + ".");
    }

    private List<ParameterSpec> body(boolean maskToken) {
        long hidden = config.hiddenSize();
        List<ParameterSpec> specs = new ArrayList<>();
        specs.add(new ParameterSpec(classToken(), Initial.NORMAL, 1, 1, hidden));
        if (maskToken) {
            // of pretraining: Transformers' class has it, and nothing here reads it
            specs.add(new ParameterSpec(maskToken(), Initial.ZEROS, Role.FIXED, 1, hidden));
        }
        if (config.registers() > 0) {
            specs.add(new ParameterSpec(registers(), Initial.ZEROS, 1, config.registers(), hidden));
        }
        specs.add(new ParameterSpec(positions(), Initial.NORMAL, 1, 1 + config.patches(), hidden));
        specs.add(new ParameterSpec(
                patches() + ".weight",
                Initial.NORMAL,
                hidden,
                config.image().channels(),
                config.patch(),
                config.patch()));
        specs.add(new ParameterSpec(patches() + ".bias", Initial.ZEROS, hidden));
        for (int i = 0; i < config.layers(); i++) {
            addLayer(specs, i);
        }
        specs.addAll(Parameters.layerNorm(norm(), hidden));
        return specs;
    }

    private void addLayer(List<ParameterSpec> specs, int i) {
        long hidden = config.hiddenSize();
        long wide = config.wide();
        specs.addAll(Parameters.layerNorm(layer(i, "norm1"), hidden));
        for (String module : List.of("query", "key", "value")) {
            String path = layer(i, "attention.attention." + module);
            specs.addAll(Parameters.linear(path, hidden, hidden, config.qkvBias()));
        }
        specs.addAll(Parameters.linear(layer(i, "attention.output.dense"), hidden, hidden, true));
        specs.add(scale(i, "layer_scale1"));
        specs.addAll(Parameters.layerNorm(layer(i, "norm2"), hidden));
        if (config.gated()) {
            specs.addAll(Parameters.linear(layer(i, "mlp.weights_in"), 2 * wide, hidden, true));
            specs.addAll(Parameters.linear(layer(i, "mlp.weights_out"), hidden, wide, true));
        } else {
            specs.addAll(Parameters.linear(layer(i, "mlp.fc1"), wide, hidden, true));
            specs.addAll(Parameters.linear(layer(i, "mlp.fc2"), hidden, wide, true));
        }
        specs.add(scale(i, "layer_scale2"));
    }

    private ParameterSpec scale(int index, String module) {
        return new ParameterSpec(
                layer(index, module + ".lambda1"), Initial.ONES, config.layerScale(), Role.OTHER, config.hiddenSize());
    }
}
