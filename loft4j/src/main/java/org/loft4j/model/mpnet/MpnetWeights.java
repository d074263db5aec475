package org.loft4j.model.mpnet;

import java.util.ArrayList;
import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.BertLayout;
import org.loft4j.model.shared.BertLayout.LayerNames;
import org.loft4j.model.shared.DenseHead;
import org.loft4j.model.shared.EncoderConfig;
import org.loft4j.model.shared.Parameters;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.RelativeBias;
import org.loft4j.nn.Weights;

/** The names and shapes of MPNet's parameters. A checkpoint may lack the head, or have the one of pretraining. */
final class MpnetWeights {
    /** {@code (32, heads)}. */
    static final String DISTANCES = "mpnet.encoder.relative_attention_bias.weight";

    private static final LayerNames LAYER = LayerNames.ofAttention(
            "attention.attn.q", "attention.attn.k", "attention.attn.v", "attention.attn.o", "attention.LayerNorm");

    private MpnetWeights() {}

    static BertLayout layout(MpnetConfig config) {
        return new BertLayout("mpnet", config.encoder(), LAYER, config.encoder().hiddenSize());
    }

    /** The parameters of a checkpoint. A head that it lacks, or that has another number of classes, is made anew. */
    static Weights read(TensorSource source, MpnetConfig config, ModelOptions options) throws CheckpointException {
        return parameters(config).read(layout(config).reader(source), MpnetWeights::isHarmless, options);
    }

    static Parameters parameters(MpnetConfig config) {
        EncoderConfig sizes = config.encoder();
        List<ParameterSpec> body = new ArrayList<>(layout(config).parameters());
        body.add(new ParameterSpec(DISTANCES, Initial.NORMAL, RelativeBias.BUCKETS, sizes.heads()));
        return new Parameters(body, DenseHead.parameters(config.head(), sizes.hiddenSize()), sizes.initializerRange());
    }

    /** Buffers, the head of pretraining, and a pooler, which no head here reads. */
    private static boolean isHarmless(String name) {
        return name.endsWith(".position_ids")
                || name.startsWith("lm_head.")
                || name.startsWith("mpnet.pooler.")
                || name.startsWith(DenseHead.CLASSIFIER + ".");
    }
}
