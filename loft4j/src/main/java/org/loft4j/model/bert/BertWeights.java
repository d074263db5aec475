package org.loft4j.model.bert;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.ParameterReader;
import org.loft4j.io.TensorSource;
import org.loft4j.nn.Linear;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/**
 * The names and shapes of BERT's parameters, and where they come from. A checkpoint may be of the base model, without the
 * prefix {@code bert.}, without a pooler and without a classifier; very old ones call a norm's weight and bias gamma and
 * beta.
 */
final class BertWeights {
    private static final System.Logger LOG = System.getLogger(BertWeights.class.getName());
    private static final String PREFIX = "bert.";

    static final String WORDS = "bert.embeddings.word_embeddings.weight";
    static final String POSITIONS = "bert.embeddings.position_embeddings.weight";
    static final String TOKEN_TYPES = "bert.embeddings.token_type_embeddings.weight";
    static final String EMBEDDING_NORM = "bert.embeddings.LayerNorm";
    static final String POOLER = "bert.pooler.dense";
    static final String CLASSIFIER = "classifier";

    private BertWeights() {}

    /** Path of a module of one layer. */
    static String layer(int index, String module) {
        return "bert.encoder.layer." + index + "." + module;
    }

    /** The linear layer at a path. */
    static Linear linear(Weights weights, String path) {
        return new Linear(path, weights.get(path + ".weight"), weights.get(path + ".bias"));
    }

    /**
     * What {@link Pooling#AUTO} means for a checkpoint: the pooler if it has one, else the mean.
     *
     * @param source of the weights
     */
    static BertConfig settlePooling(BertConfig config, TensorSource source) {
        if (config.pooling() != Pooling.AUTO) {
            return config;
        }
        boolean pooler = reader(source).has(POOLER + ".weight");
        return config.withPooling(pooler ? Pooling.POOLER : Pooling.MEAN);
    }

    /**
     * The parameters of a checkpoint. A head that it lacks, or that has another number of classes, is made anew.
     *
     * @param config with its pooling settled
     * @param dtype to convert to; null for the dtype of the word embeddings in the file
     */
    static Weights read(TensorSource source, BertConfig config, @Nullable Dtype dtype, DeviceSpec device, long seed)
            throws CheckpointException {
        ParameterReader reader = reader(source);
        List<ParameterSpec> encoder = encoder(config);
        List<ParameterSpec> found = new ArrayList<>(encoder);
        List<ParameterSpec> created = new ArrayList<>();
        for (List<ParameterSpec> part : head(config)) {
            (isUsable(reader, part, source) ? found : created).addAll(part);
        }
        reader.require(ParameterSpec.shapes(found), BertWeights::isHarmless);
        Dtype type = dtype == null ? reader.info(WORDS).dtype() : dtype;
        Weights weights = new Weights();
        try (NativeScope scope = new NativeScope()) {
            for (ParameterSpec spec : found) {
                try (NativeScope one = new NativeScope()) {
                    weights.put(spec.name(), reader.read(spec.name(), type, device));
                }
            }
            create(weights, created, config, type, device, seed);
            created.forEach(spec -> weights.markCreated(spec.name()));
            return weights;
        } catch (CheckpointException | RuntimeException e) {
            weights.close();
            throw e;
        }
    }

    /** Gives what a checkpoint lacked the values that {@link #read} would have given it with this seed. */
    static void redraw(Weights weights, BertConfig config, long seed) {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            Generator generator = ParameterSpec.generator(seed);
            for (List<ParameterSpec> part : head(config)) {
                for (ParameterSpec spec : part) {
                    if (weights.created().contains(spec.name())) {
                        Tensor ours = weights.get(spec.name());
                        ours.copy_(spec.create(config.initializerRange(), Dtype.of(ours), DeviceSpec.CPU, generator));
                    }
                }
            }
        }
    }

    /** New parameters, drawn as Transformers does: normal matrices, unit norms, no biases. */
    static Weights random(BertConfig config, DeviceSpec device, Dtype dtype, long seed) {
        Weights weights = new Weights();
        try (NativeScope scope = new NativeScope()) {
            List<ParameterSpec> all = new ArrayList<>(encoder(config));
            head(config).forEach(all::addAll);
            create(weights, all, config, dtype, device, seed);
        }
        return weights;
    }

    private static void create(
            Weights weights, List<ParameterSpec> specs, BertConfig config, Dtype dtype, DeviceSpec device, long seed) {
        Generator generator = ParameterSpec.generator(seed);
        for (ParameterSpec spec : specs) {
            try (NativeScope one = new NativeScope()) {
                weights.put(spec.name(), spec.create(config.initializerRange(), dtype, device, generator));
            }
        }
    }

    /** Whether the checkpoint holds a part of the head in the right shape; says so where it does not. */
    private static boolean isUsable(ParameterReader reader, List<ParameterSpec> part, TensorSource source)
            throws CheckpointException {
        for (ParameterSpec spec : part) {
            if (!reader.has(spec.name())) {
                LOG.log(
                        System.Logger.Level.INFO,
                        "{0} has no {1}: it starts from random numbers and has to be trained",
                        source.path(),
                        spec.name());
                return false;
            }
            long classes = reader.info(spec.name()).shape()[0];
            if (spec.name().startsWith(CLASSIFIER) && classes != spec.shape()[0]) {
                LOG.log(
                        System.Logger.Level.WARNING,
                        "{0} has a {1} for {2} classes, but {3} are asked for: it starts from random numbers instead",
                        source.path(),
                        CLASSIFIER,
                        classes,
                        spec.shape()[0]);
                return false;
            }
        }
        return true;
    }

    private static ParameterReader reader(TensorSource source) {
        boolean bare = source.names().stream().noneMatch(name -> name.startsWith(PREFIX));
        return new ParameterReader(source, name -> {
            String prefixed = bare && isOfTheBase(name) ? PREFIX + name : name;
            return prefixed.replaceFirst("LayerNorm\\.gamma$", "LayerNorm.weight")
                    .replaceFirst("LayerNorm\\.beta$", "LayerNorm.bias");
        });
    }

    private static boolean isOfTheBase(String name) {
        return name.startsWith("embeddings.") || name.startsWith("encoder.") || name.startsWith("pooler.");
    }

    /** Buffers, the heads of pretraining, and a pooler that this pooling leaves out. */
    private static boolean isHarmless(String name) {
        return name.endsWith(".position_ids")
                || name.startsWith("cls.")
                || name.startsWith(POOLER)
                || name.startsWith(CLASSIFIER + ".");
    }

    private static List<ParameterSpec> encoder(BertConfig config) {
        long hidden = config.hiddenSize();
        List<ParameterSpec> specs = new ArrayList<>();
        specs.add(new ParameterSpec(WORDS, Initial.NORMAL, config.vocabularySize(), hidden));
        specs.add(new ParameterSpec(POSITIONS, Initial.NORMAL, config.maxPositions(), hidden));
        specs.add(new ParameterSpec(TOKEN_TYPES, Initial.NORMAL, config.tokenTypes(), hidden));
        norm(specs, EMBEDDING_NORM, hidden);
        for (int i = 0; i < config.layers(); i++) {
            specs.addAll(linear(layer(i, "attention.self.query"), hidden, hidden));
            specs.addAll(linear(layer(i, "attention.self.key"), hidden, hidden));
            specs.addAll(linear(layer(i, "attention.self.value"), hidden, hidden));
            specs.addAll(linear(layer(i, "attention.output.dense"), hidden, hidden));
            norm(specs, layer(i, "attention.output.LayerNorm"), hidden);
            specs.addAll(linear(layer(i, "intermediate.dense"), config.intermediateSize(), hidden));
            specs.addAll(linear(layer(i, "output.dense"), hidden, config.intermediateSize()));
            norm(specs, layer(i, "output.LayerNorm"), hidden);
        }
        return specs;
    }

    /** The pooler, where it is used, and the classifier: each may be missing. */
    private static List<List<ParameterSpec>> head(BertConfig config) {
        List<List<ParameterSpec>> parts = new ArrayList<>();
        if (config.pooling() == Pooling.POOLER || config.pooling() == Pooling.AUTO) {
            parts.add(linear(POOLER, config.hiddenSize(), config.hiddenSize()));
        }
        parts.add(linear(CLASSIFIER, config.labels().size(), config.hiddenSize()));
        return parts;
    }

    private static List<ParameterSpec> linear(String path, long out, long in) {
        return List.of(
                new ParameterSpec(path + ".weight", Initial.NORMAL, out, in),
                new ParameterSpec(path + ".bias", Initial.ZEROS, out));
    }

    private static void norm(List<ParameterSpec> specs, String path, long size) {
        specs.add(new ParameterSpec(path + ".weight", Initial.ONES, size));
        specs.add(new ParameterSpec(path + ".bias", Initial.ZEROS, size));
    }
}
