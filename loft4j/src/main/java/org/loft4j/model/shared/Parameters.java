package org.loft4j.model.shared;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.io.ParameterReader;
import org.loft4j.nn.Activation;
import org.loft4j.nn.FeedForward;
import org.loft4j.nn.LayerNorm;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Mxfp4Weight;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.ParameterSpec.Role;
import org.loft4j.nn.QuantizedWeight;
import org.loft4j.nn.Task;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * The parameters of a model: which it has, in the order of use, and which of them a checkpoint may lack.
 *
 * @param body must be in every checkpoint; the first tells the dtype of the file
 * @param head parts that are made anew, each as a whole, where a checkpoint lacks one or has it for another number of classes; the last
 *     one tells the classes apart
 * @param initializerRange standard deviation of new matrices
 */
public record Parameters(List<ParameterSpec> body, List<List<ParameterSpec>> head, double initializerRange) {
    /** Numbers that are read at once on their way to fewer bits. */
    private static final long READ = 1 << 23;

    /** What a file adds to the name of packed matrices, for the codes. */
    private static final String BLOCKS = "_blocks";

    /** The same for the exponents. */
    private static final String EXPONENTS = "_scales";

    public Parameters {
        body = List.copyOf(body);
        head = head.stream().map(List::copyOf).toList();
    }

    /**
     * Reads the parameters of a checkpoint; a part of the head that it lacks is drawn from the seed.
     *
     * @param reader of the file, which knows its spellings
     * @param harmless names that a file may hold without being missed
     * @param options dtype (null for that of the file), device and seed
     * @throws CheckpointException if a parameter of the body is missing, or one has the wrong shape
     * @throws ConfigException if the options ask for fewer bits and a matrix holds a number that is not finite
     */
    public Weights read(ParameterReader reader, Predicate<String> harmless, ModelOptions options)
            throws CheckpointException {
        List<ParameterSpec> found = new ArrayList<>(body);
        List<ParameterSpec> created = new ArrayList<>();
        for (int i = 0; i < head.size(); i++) {
            boolean anew = options.newClasses() && i == head.size() - 1;
            (!anew && isUsable(reader, head.get(i)) ? found : created).addAll(head.get(i));
        }
        reader.require(
                ParameterSpec.shapes(
                        found.stream().filter(spec -> !isPacked(spec)).toList()),
                packedShapes(found),
                harmless.or(
                        name -> created.stream().anyMatch(spec -> spec.name().equals(name))));
        Dtype asked = options.dtype();
        Dtype type = asked == null ? reader.info(body.get(0).name()).dtype() : asked;
        Weights weights = new Weights(left(options));
        try (NativeScope scope = new NativeScope()) {
            for (ParameterSpec spec : found) {
                try (NativeScope one = new NativeScope()) {
                    if (isPacked(spec)) {
                        weights.put(
                                spec.name(),
                                Mxfp4Weight.of(
                                        reader.read(spec.name() + BLOCKS, Dtype.U8, options.device()),
                                        reader.read(spec.name() + EXPONENTS, Dtype.U8, options.device()),
                                        type));
                    } else if (isWhole(spec, options)) {
                        weights.put(spec.name(), reader.read(spec.name(), spec.dtype(type), options.device()));
                    } else {
                        readQuantized(weights, reader, spec, type, options);
                    }
                }
            }
            create(weights, created, type, options);
            for (ParameterSpec spec : created) {
                weights.markCreated(spec.name());
                if (isForOtherClasses(reader, spec)) {
                    weights.markOtherClasses(reader.info(spec.name()).shape()[0]);
                }
            }
            markFixed(weights);
            reader.spellings().forEach((name, inFile) -> weights.markSpelling(inFile, name));
            return weights;
        } catch (CheckpointException | RuntimeException e) {
            weights.close();
            throw e;
        }
    }

    /** New parameters, drawn as Transformers does: normal matrices, unit norms, no biases; float32 where no dtype is given. */
    public Weights random(ModelOptions options) {
        Weights weights = new Weights(left(options));
        try (NativeScope scope = new NativeScope()) {
            List<ParameterSpec> all = new ArrayList<>(body);
            head.forEach(all::addAll);
            Dtype asked = options.dtype();
            create(weights, all, asked == null ? Dtype.F32 : asked, options);
            markFixed(weights);
            weights.markFromScratch();
        }
        return weights;
    }

    private void markFixed(Weights weights) {
        body.stream().filter(ParameterSpec::isFixed).forEach(spec -> weights.markFixed(spec.name()));
    }

    /** Gives what a checkpoint lacked the values that {@link #read} would have given it with this seed. */
    public void redraw(Weights weights, long seed) {
        weights.markChanged();
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            Generator generator = ParameterSpec.generator(seed);
            for (List<ParameterSpec> part : head) {
                for (ParameterSpec spec : part) {
                    if (weights.created().contains(spec.name())) {
                        Tensor ours = weights.get(spec.name());
                        ours.copy_(spec.create(initializerRange, Dtype.of(ours), DeviceSpec.CPU, generator));
                    }
                }
            }
        }
    }

    /**
     * Refuses the checkpoint of a language model whose output embedding is to be the input embedding, and which holds another.
     *
     * @throws CheckpointException if their numbers differ
     */
    public static void requireTied(ParameterReader reader, String head, String embedding, ModelOptions options)
            throws CheckpointException {
        // without numbers there is nothing to compare, and a classifier has another head
        boolean compares = options.task() == Task.CAUSAL_LM && !options.device().equals(DeviceSpec.META);
        if (compares && reader.has(head) && reader.has(embedding)) {
            reader.requireCopy(head, embedding);
        }
    }

    /** What the names of a model without a head leave out, which are those of Transformers' base class; empty for others. */
    private String left(ModelOptions options) {
        String first = body.get(0).name();
        return options.task() == Task.SENTENCE_EMBEDDING ? first.substring(0, first.indexOf('.') + 1) : "";
    }

    private void create(Weights weights, List<ParameterSpec> specs, Dtype dtype, ModelOptions options) {
        Generator generator = ParameterSpec.generator(options.seed());
        for (ParameterSpec spec : specs) {
            try (NativeScope one = new NativeScope()) {
                if (isPacked(spec)) {
                    weights.put(spec.name(), outline(spec, dtype, options));
                    continue;
                }
                Tensor tensor = spec.create(initializerRange, spec.dtype(dtype), options.device(), generator);
                if (isWhole(spec, options)) {
                    weights.put(spec.name(), tensor);
                } else {
                    quantize(weights, spec, tensor, dtype, options);
                }
            }
        }
    }

    private static boolean isPacked(ParameterSpec spec) {
        return spec.role() == Role.MXFP4;
    }

    /** The bytes that a file has for packed matrices. */
    private static Map<String, long[]> packedShapes(List<ParameterSpec> specs) {
        Map<String, long[]> shapes = new LinkedHashMap<>();
        for (ParameterSpec spec : specs) {
            if (isPacked(spec)) {
                long[] shape = spec.shape();
                long blocks = shape[2] / Mxfp4Weight.BLOCK;
                shapes.put(spec.name() + BLOCKS, new long[] {shape[0], shape[1], blocks, Mxfp4Weight.BLOCK / 2});
                shapes.put(spec.name() + EXPONENTS, new long[] {shape[0], shape[1], blocks});
            }
        }
        return shapes;
    }

    /** Matrices without numbers, for an outline. */
    private static Mxfp4Weight outline(ParameterSpec spec, Dtype dtype, ModelOptions options) {
        if (!options.device().equals(DeviceSpec.META)) {
            throw new ConfigException(
                    spec.name() + ": new weights cannot be MXFP4 (quantization_config), which is not trained;"
                            + " take a config.json without quantization_config");
        }
        List<Tensor> bytes = packedShapes(List.of(spec)).values().stream()
                .map(shape -> Tensors.empty(Dtype.U8, options.device(), shape))
                .toList();
        return Mxfp4Weight.of(bytes.get(0), bytes.get(1), dtype);
    }

    private static boolean isWhole(ParameterSpec spec, ModelOptions options) {
        return spec.role() == Role.OTHER || spec.isFixed() || !options.isQuantized(spec.name());
    }

    /** Reads and quantises a matrix some rows at a time: a table of tokens may be a fifth of its model. */
    private static void readQuantized(
            Weights weights, ParameterReader reader, ParameterSpec spec, Dtype dtype, ModelOptions options)
            throws CheckpointException {
        String name = spec.name();
        if (spec.role() == Role.TRANSPOSED_LINEAR) {
            Dtype stored = reader.info(name).dtype();
            quantize(weights, spec, reader.read(name, stored, options.device()), dtype, options);
            return;
        }
        long[] shape = spec.shape();
        boolean turned = spec.role() == Role.TRANSPOSED_STACKED_LINEAR;
        long in = shape[turned ? 1 : shape.length - 1];
        // of a stack those of a matrix
        long rows = turned ? shape[2] : spec.role() == Role.STACKED_LINEAR ? shape[1] : 1;
        QuantizedWeight.Builder builder =
                QuantizedWeight.builder(options.loadIn(), shape[0] * rows, in, dtype, options.device(), turned);
        long step = Math.max(1, READ / Math.max(1, rows * in));
        for (long start = 0; start < shape[0]; start += step) {
            try (NativeScope part = new NativeScope()) {
                long count = Math.min(step, shape[0] - start);
                Tensor read = reader.read(name, start, count, options.device());
                builder.put(start * rows, (turned ? read.transpose(1, 2) : read).reshape(count * rows, in));
            } catch (ConfigException e) {
                throw refused(spec, e);
            }
        }
        weights.put(name, builder.build());
    }

    private static void quantize(
            Weights weights, ParameterSpec spec, Tensor matrix, Dtype dtype, ModelOptions options) {
        boolean transposed = spec.role() == Role.TRANSPOSED_LINEAR || spec.role() == Role.TRANSPOSED_STACKED_LINEAR;
        Tensor turned = transposed ? matrix.transpose(-2, -1) : matrix;
        try {
            weights.put(
                    spec.name(),
                    QuantizedWeight.of(
                            options.loadIn(),
                            turned.dim() == 3 ? turned.reshape(-1, turned.size(2)) : turned,
                            dtype,
                            transposed));
        } catch (ConfigException e) {
            throw refused(spec, e);
        }
    }

    private static ConfigException refused(ParameterSpec spec, ConfigException cause) {
        return new ConfigException(spec.name() + ": " + cause.getMessage());
    }

    /** Whether the checkpoint holds a part of the head in the right shape. No more is said of it: an adapter may bring the part. */
    private static boolean isUsable(ParameterReader reader, List<ParameterSpec> part) throws CheckpointException {
        for (ParameterSpec spec : part) {
            if (!reader.has(spec.name()) || isForOtherClasses(reader, spec)) {
                return false;
            }
        }
        return true;
    }

    private static boolean isForOtherClasses(ParameterReader reader, ParameterSpec spec) throws CheckpointException {
        if (!reader.has(spec.name())) {
            return false;
        }
        long[] shape = reader.info(spec.name()).shape();
        return shape.length == spec.shape().length && shape[0] != spec.shape()[0];
    }

    /** A linear layer inside the model: a matrix {@code (out, in)} and, where asked for, a bias. */
    public static List<ParameterSpec> linear(String path, long out, long in, boolean bias) {
        return linear(path, new ParameterSpec(path + ".weight", Initial.NORMAL, Role.LINEAR, out, in), out, bias);
    }

    /** The same with a matrix that is stored {@code (in, out)}. */
    public static List<ParameterSpec> transposedLinear(String path, long out, long in, boolean bias) {
        return linear(
                path, new ParameterSpec(path + ".weight", Initial.NORMAL, Role.TRANSPOSED_LINEAR, in, out), out, bias);
    }

    /** A layer of the head, such as a classifier: never kept in fewer bits. */
    public static List<ParameterSpec> outputLinear(String path, long out, long in, boolean bias) {
        return linear(path, new ParameterSpec(path + ".weight", Initial.NORMAL, out, in), out, bias);
    }

    private static List<ParameterSpec> linear(String path, ParameterSpec weight, long out, boolean bias) {
        return bias ? List.of(weight, new ParameterSpec(path + ".bias", Initial.ZEROS, out)) : List.of(weight);
    }

    /** The matrices of a gated feed-forward part without biases, by the names of Llama's. */
    public static List<ParameterSpec> gated(String path, long width, long hidden) {
        List<ParameterSpec> specs = new ArrayList<>(linear(path + ".gate_proj", width, hidden, false));
        specs.addAll(linear(path + ".up_proj", width, hidden, false));
        specs.addAll(linear(path + ".down_proj", hidden, width, false));
        return specs;
    }

    /** The part that they make. */
    public static FeedForward.Gated gated(Weights weights, String path, Activation activation) {
        return new FeedForward.Gated(
                weights.linear(path + ".gate_proj"),
                weights.linear(path + ".up_proj"),
                weights.linear(path + ".down_proj"),
                activation);
    }

    /** Weight and bias of a layer norm. */
    public static List<ParameterSpec> layerNorm(String path, long size) {
        return layerNorm(path, size, true);
    }

    /** Weight of a layer norm and, where asked for, its bias. */
    public static List<ParameterSpec> layerNorm(String path, long size, boolean bias) {
        ParameterSpec weight = new ParameterSpec(path + ".weight", Initial.ONES, size);
        return bias ? List.of(weight, new ParameterSpec(path + ".bias", Initial.ZEROS, size)) : List.of(weight);
    }

    /** The layer norm at a path, with a bias where the weights have one. */
    public static LayerNorm layerNorm(Weights weights, String path, double eps) {
        return new LayerNorm(path, weights.get(path + ".weight"), weights.find(path + ".bias"), eps);
    }
}
