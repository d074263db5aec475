package org.loft4j.model.deberta;

import java.util.ArrayList;
import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.BertLayout;
import org.loft4j.model.shared.Parameters;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.Task;
import org.loft4j.nn.Weights;

/** The names and shapes of DeBERTa's parameters. A checkpoint may lack the pooler and the classifier. */
final class DebertaWeights {
    static final String DISTANCES = "deberta.encoder.rel_embeddings.weight";
    static final String DISTANCE_NORM = "deberta.encoder.LayerNorm";
    static final String CONVOLUTION = "deberta.encoder.conv.conv";
    static final String CONVOLUTION_NORM = "deberta.encoder.conv.LayerNorm";
    static final String POOLER = "pooler.dense";
    static final String CLASSIFIER = "classifier";

    private DebertaWeights() {}

    static BertLayout layout(DebertaConfig config) {
        return new BertLayout("deberta", config.encoder());
    }

    /** The parameters of a checkpoint. A head that it lacks, or that has another number of classes, is made anew. */
    static Weights read(TensorSource source, DebertaConfig config, ModelOptions options) throws CheckpointException {
        return parameters(config).read(layout(config).reader(source), DebertaWeights::isHarmless, options);
    }

    static Parameters parameters(DebertaConfig config) {
        return new Parameters(encoder(config), head(config), config.encoder().initializerRange());
    }

    /** Whether positions have a projection of their own for this entry of {@code pos_att_type}. */
    static boolean hasPositionProjection(DebertaConfig config, boolean toPosition) {
        DebertaConfig.Relative relative = config.relative();
        return relative != null
                && !relative.sharedProjections()
                && (toPosition ? relative.contentToPosition() : relative.positionToContent());
    }

    /** Buffers, the heads of pretraining, and a head that this task leaves out. */
    private static boolean isHarmless(String name) {
        return name.endsWith(".position_ids")
                || name.startsWith("cls.")
                || name.startsWith("lm_predictions.")
                || name.startsWith("mask_predictions.")
                || name.startsWith("lm_head.")
                || name.startsWith("pooler.")
                || name.startsWith(CLASSIFIER + ".");
    }

    private static List<ParameterSpec> encoder(DebertaConfig config) {
        BertLayout layout = layout(config);
        long hidden = config.encoder().hiddenSize();
        List<ParameterSpec> specs = new ArrayList<>(layout.embeddingParameters(config.positionsInInput()));
        for (int i = 0; i < config.encoder().layers(); i++) {
            for (String module : attention(config)) {
                specs.addAll(Parameters.linear(layout.layer(i, "attention.self." + module), hidden, hidden, true));
            }
            specs.addAll(layout.layerParameters(i));
        }
        DebertaConfig.Relative relative = config.relative();
        if (relative != null) {
            specs.add(new ParameterSpec(DISTANCES, Initial.NORMAL, 2 * relative.span(), hidden));
            if (relative.normalised()) {
                specs.addAll(Parameters.layerNorm(DISTANCE_NORM, hidden));
            }
        }
        DebertaConfig.Convolution convolution = config.convolution();
        if (convolution != null) {
            specs.add(new ParameterSpec(
                    CONVOLUTION + ".weight",
                    Initial.NORMAL,
                    hidden,
                    hidden / convolution.groups(),
                    convolution.kernel()));
            specs.add(new ParameterSpec(CONVOLUTION + ".bias", Initial.ZEROS, hidden));
            specs.addAll(Parameters.layerNorm(CONVOLUTION_NORM, hidden));
        }
        return specs;
    }

    private static List<String> attention(DebertaConfig config) {
        List<String> modules = new ArrayList<>(List.of("query_proj", "key_proj", "value_proj"));
        if (hasPositionProjection(config, true)) {
            modules.add("pos_key_proj");
        }
        if (hasPositionProjection(config, false)) {
            modules.add("pos_query_proj");
        }
        return modules;
    }

    private static List<List<ParameterSpec>> head(DebertaConfig config) {
        if (!config.head().classifies()) {
            return List.of();
        }
        long hidden = config.encoder().hiddenSize();
        List<List<ParameterSpec>> parts = new ArrayList<>();
        if (config.head().task() != Task.TOKEN_CLASSIFICATION) {
            parts.add(Parameters.outputLinear(POOLER, hidden, hidden, true));
        }
        parts.add(Parameters.outputLinear(CLASSIFIER, config.head().labels().size(), hidden, true));
        return parts;
    }
}
