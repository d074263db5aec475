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
 * The names and shapes of the parameters. A checkpoint may be of the base model, without the prefix {@code vit.} or
 * {@code deit.}, and without a classifier.
 */
record VitWeights(VitConfig config) {
    static final String CLASSIFIER = "classifier";

    private String body(String path) {
        return config.family() + "." + path;
    }

    /** The vectors before the patches. */
    List<String> first() {
        String ofClass = body("embeddings.cls_token");
        return config.distilled() ? List.of(ofClass, body("embeddings.distillation_token")) : List.of(ofClass);
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

    /** Path of a module of one layer. */
    String layer(int index, String module) {
        return body("encoder.layer." + index + "." + module);
    }

    /** The parameters of a checkpoint. A classifier that it lacks, or that has another number of classes, is made anew. */
    Weights read(TensorSource source, ModelOptions options) throws CheckpointException {
        boolean bare = source.names().stream().noneMatch(name -> name.startsWith(body("")));
        ParameterReader reader =
                new ParameterReader(source, name -> bare && !name.startsWith(CLASSIFIER + ".") ? body(name) : name);
        return parameters().read(reader, this::isHarmless, options);
    }

    Parameters parameters() {
        List<ParameterSpec> classifier =
                Parameters.outputLinear(CLASSIFIER, config.head().labels().size(), config.hiddenSize(), true);
        return new Parameters(body(), List.of(classifier), config.initializerRange());
    }

    /**
     * What pretraining leaves: a pooler, which no head here reads, the decoder of masked images, and the two classifiers of a
     * distilled model, in whose place Transformers draws a new one too.
     */
    private boolean isHarmless(String name) {
        return name.startsWith(body("pooler."))
                || name.equals(body("embeddings.mask_token"))
                || name.startsWith("decoder.")
                || name.startsWith(CLASSIFIER + ".")
                || config.distilled()
                        && (name.startsWith("cls_classifier.") || name.startsWith("distillation_classifier."));
    }

    private List<ParameterSpec> body() {
        long hidden = config.hiddenSize();
        long wide = config.intermediateSize();
        boolean bias = config.qkvBias();
        // as Transformers draws them
        Initial vectors = config.distilled() ? Initial.ZEROS : Initial.NORMAL;
        List<ParameterSpec> specs = new ArrayList<>();
        first().forEach(name -> specs.add(new ParameterSpec(name, vectors, 1, 1, hidden)));
        specs.add(new ParameterSpec(positions(), vectors, 1, config.states(), hidden));
        specs.add(new ParameterSpec(
                patches() + ".weight",
                Initial.NORMAL,
                hidden,
                config.image().channels(),
                config.patch().height(),
                config.patch().width()));
        specs.add(new ParameterSpec(patches() + ".bias", Initial.ZEROS, hidden));
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
        specs.addAll(Parameters.layerNorm(norm(), hidden));
        return specs;
    }
}
