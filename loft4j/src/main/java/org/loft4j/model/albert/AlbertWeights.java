package org.loft4j.model.albert;

import java.util.List;
import java.util.stream.IntStream;
import org.loft4j.CheckpointException;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.BertLayout;
import org.loft4j.model.shared.BertLayout.Embeddings;
import org.loft4j.model.shared.BertLayout.LayerNames;
import org.loft4j.model.shared.BertLayout.Stack;
import org.loft4j.model.shared.Parameters;
import org.loft4j.model.shared.PoolerHead;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Weights;

/** The names and shapes of ALBERT's parameters. A checkpoint may lack the pooler and the classifier. */
final class AlbertWeights {
    static final PoolerHead HEAD = new PoolerHead("albert.pooler");

    private static final LayerNames LAYER = new LayerNames(
            "attention.query",
            "attention.key",
            "attention.value",
            "attention.dense",
            "attention.LayerNorm",
            "ffn",
            "ffn_output",
            "full_layer_layer_norm");

    private AlbertWeights() {}

    static BertLayout layout(AlbertConfig config) {
        return new BertLayout(
                "albert",
                config.encoder(),
                stack(config),
                LAYER,
                // it is there even where both sides are as wide
                new Embeddings(config.embeddingSize(), "encoder.embedding_hidden_mapping_in"));
    }

    private static Stack stack(AlbertConfig config) {
        List<String> paths = IntStream.range(0, config.groups())
                .boxed()
                .flatMap(group -> IntStream.range(0, config.inner())
                        .mapToObj(layer -> "encoder.albert_layer_groups." + group + ".albert_layers." + layer))
                .toList();
        List<Integer> order = config.order()
                .boxed()
                .flatMap(group -> IntStream.range(0, config.inner()).mapToObj(layer -> group * config.inner() + layer))
                .toList();
        // a layer has a dropout of what it yields, which Transformers' class does not use
        return new Stack(paths, order, false);
    }

    /** @param source of the weights */
    static AlbertConfig settlePooling(AlbertConfig config, TensorSource source) {
        return config.withHead(HEAD.settled(config.head(), layout(config).reader(source)));
    }

    /** The parameters of a checkpoint. A head that it lacks, or that has another number of classes, is made anew. */
    static Weights read(TensorSource source, AlbertConfig config, ModelOptions options) throws CheckpointException {
        return parameters(config).read(layout(config).reader(source), AlbertWeights::isHarmless, options);
    }

    /** @param config with its pooling settled */
    static Parameters parameters(AlbertConfig config) {
        return new Parameters(
                layout(config).parameters(),
                HEAD.parameters(config.head(), config.encoder().hiddenSize()),
                config.encoder().initializerRange());
    }

    /** Buffers, the heads of pretraining, of words and of the order of sentences, and what this task leaves out. */
    private static boolean isHarmless(String name) {
        return name.endsWith(".position_ids")
                || name.startsWith("predictions.")
                || name.startsWith("sop_classifier.")
                || HEAD.isHarmless(name);
    }
}
