package org.loft4j.model.vit;

import java.util.ArrayList;
import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.io.ParameterReader;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.Parameters;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.Weights;

/**
 * The names and shapes of ViT's parameters. A checkpoint may be of the base model, without the prefix {@code vit.}, and
 * without a classifier.
 */
final class VitWeights {
    private static final String PREFIX = "vit.";

    static final String CLASS_TOKEN = "vit.embeddings.cls_token";
    static final String POSITIONS = "vit.embeddings.position_embeddings";
    static final String PATCHES = "vit.embeddings.patch_embeddings.projection";
    static final String NORM = "vit.layernorm";
    static final String CLASSIFIER = "classifier";

    private VitWeights() {}

    /** Path of a module of one layer. */
    static String layer(int index, String module) {
        return "vit.encoder.layer." + index + "." + module;
    }

    /** The parameters of a checkpoint. A classifier that it lacks, or that has another number of classes, is made anew. */
    static Weights read(TensorSource source, VitConfig config, ModelOptions options) throws CheckpointException {
        boolean bare = source.names().stream().noneMatch(name -> name.startsWith(PREFIX));
        ParameterReader reader =
                new ParameterReader(source, name -> bare && !name.startsWith(CLASSIFIER + ".") ? PREFIX + name : name);
        return parameters(config).read(reader, VitWeights::isHarmless, options);
    }

    static Parameters parameters(VitConfig config) {
        List<ParameterSpec> classifier =
                Parameters.outputLinear(CLASSIFIER, config.head().labels().size(), config.hiddenSize(), true);
        return new Parameters(body(config), List.of(classifier), config.initializerRange());
    }

    /** What pretraining leaves: a pooler, which no head here reads, and the decoder of masked images. */
    private static boolean isHarmless(String name) {
        return name.startsWith("vit.pooler.")
                || name.equals("vit.embeddings.mask_token")
                || name.startsWith("decoder.")
                || name.startsWith(CLASSIFIER + ".");
    }

    private static List<ParameterSpec> body(VitConfig config) {
        long hidden = config.hiddenSize();
        long wide = config.intermediateSize();
        boolean bias = config.qkvBias();
        List<ParameterSpec> specs = new ArrayList<>();
        specs.add(new ParameterSpec(CLASS_TOKEN, Initial.NORMAL, 1, 1, hidden));
        specs.add(new ParameterSpec(POSITIONS, Initial.NORMAL, 1, config.states(), hidden));
        specs.add(new ParameterSpec(
                PATCHES + ".weight",
                Initial.NORMAL,
                hidden,
                config.image().channels(),
                config.patch().height(),
                config.patch().width()));
        specs.add(new ParameterSpec(PATCHES + ".bias", Initial.ZEROS, hidden));
        for (int i = 0; i < config.layers(); i++) {
            specs.addAll(Parameters.layerNorm(layer(i, "layernorm_before"), hidden));
            for (String module : List.of("query", "key", "value")) {
                specs.addAll(Parameters.linear(layer(i, "attention.attention." + module), hidden, hidden, bias));
            }
            specs.addAll(Parameters.linear(layer(i, "attention.output.dense"), hidden, hidden, true));
            specs.addAll(Parameters.layerNorm(layer(i, "layernorm_after"), hidden));
            specs.addAll(Parameters.linear(layer(i, "intermediate.dense"), wide, hidden, true));
            specs.addAll(Parameters.linear(layer(i, "output.dense"), hidden, wide, true));
        }
        specs.addAll(Parameters.layerNorm(NORM, hidden));
        return specs;
    }
}
