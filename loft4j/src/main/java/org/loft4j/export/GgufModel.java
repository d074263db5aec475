package org.loft4j.export;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.export.TensorPlace.Change;
import org.loft4j.io.GgufMetadata;
import org.loft4j.io.GgufTensor;
import org.loft4j.io.GgufType;
import org.loft4j.io.GgufWriter;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.TensorInfo;
import org.loft4j.io.TensorSource;
import org.loft4j.io.TiedHead;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * Exports a causal language model, or one of sentence embeddings, in Hugging Face's layout to one GGUF file that llama.cpp runs. It goes by config.json and the names of
 * the tensors, which come one at a time: from the files of a directory, or from a model in memory that an adapter was merged
 * into.
 */
public final class GgufModel {
    private static final Pattern BLOCK = Pattern.compile("blk\\.(\\d+)\\.(.*)");

    private final TextConfig config;
    private final TensorSource source;
    private final GgufType type;
    private final @Nullable PooledVectors vectors;
    private final List<String> notes = new ArrayList<>();

    private GgufModel(TextConfig config, TensorSource source, GgufType type, @Nullable PooledVectors vectors) {
        this.config = config;
        this.source = source;
        this.type = type;
        this.vectors = vectors;
    }

    /**
     * What to export.
     *
     * @param directory with config.json
     * @param tokenizer directory with tokenizer.json
     * @param type of the matrices; vectors and norms are float32; null for the type of the input embedding
     * @param tokenizerPre llama.cpp's name of the rule that cuts texts; null to recognise it
     * @param chatTemplate that takes the place of the tokenizer's, such as an adapter's; null for the tokenizer's
     * @param endOfTurn id of the token that ends an answer by the chat template; null where nobody knows of one
     * @param vectors what a model of sentence embeddings makes of its states; null for a language model
     */
    public record Options(
            Path directory,
            Path tokenizer,
            @Nullable GgufType type,
            @Nullable String tokenizerPre,
            @Nullable String chatTemplate,
            @Nullable Long endOfTurn,
            @Nullable PooledVectors vectors) {
        /** A directory of a language model as it is. */
        public static Options of(Path directory) {
            return of(directory, null);
        }

        /** A model directory as it is. */
        public static Options of(Path directory, @Nullable PooledVectors vectors) {
            return new Options(directory, directory, null, null, null, null, vectors);
        }
    }

    /**
     * Writes the file, atomically.
     *
     * @param source the weights by their Hugging Face names
     * @throws ConfigException for an architecture, a tokenizer or values that cannot be exported
     * @throws CheckpointException for a configuration that llama.cpp computes otherwise, and tensors that are missing or have
     *     no place
     */
    public static ExportReport write(TensorSource source, Options options, Path file) throws IOException {
        TextConfig config = config(options.directory());
        SentenceModules.require(config, options);
        GgufType type = options.type() != null ? options.type() : typeOf(source, config);
        return new GgufModel(config, source, type, options.vectors()).write(options, file);
    }

    /**
     * Why {@link #write} would refuse a model directory as it stands, found by doing all that it does but write; null where not.
     *
     * @param reader of what lies beside a model of sentence embeddings
     */
    static @Nullable String fault(Path directory, ModelDoctor.Vectors reader) throws IOException {
        try (TensorSource source = ModelDirectory.open(directory)) {
            TextConfig config = config(directory);
            boolean vectors = SentenceModules.makeVectors(directory, config);
            Options options = Options.of(directory, vectors ? reader.of(directory) : null);
            SentenceModules.require(config, options);
            new GgufModel(config, source, GgufType.F32, options.vectors()).metadata(options, new ArrayList<>());
            return null;
        } catch (CheckpointException | ConfigException e) {
            return e.getMessage();
        }
    }

    /**
     * Refuses a model that its config.json keeps from being exported, for who would read the weights first.
     *
     * @throws CheckpointException that says why, and what to do
     * @throws ConfigException if its family is not exported
     */
    public static void requireKnown(Path directory) throws CheckpointException {
        config(directory);
    }

    private static TextConfig config(Path directory) throws CheckpointException {
        TextConfig config = TextConfig.read(directory);
        config.requireFullWeights();
        Mixtures.requireThroughout(config);
        config.requireNoClassifier();
        return config;
    }

    /**
     * Whether a model makes vectors of texts: by its family, or by the modules.json beside it, whatever class its config.json names.
     *
     * @throws CheckpointException if its config.json cannot be read, or keeps it from being exported
     * @throws ConfigException if its family is not exported
     */
    public static boolean makesVectors(Path directory) throws CheckpointException {
        return SentenceModules.makeVectors(directory, TextConfig.read(directory));
    }

    /** The {@code model_type}s that can be exported. */
    public static List<String> modelTypes() {
        return GgufArchitecture.modelTypes();
    }

    private ExportReport write(Options options, Path file) throws IOException {
        List<GgufTensor> tensors = new ArrayList<>();
        GgufMetadata metadata = metadata(options, tensors);
        long bytes = GgufWriter.write(file, metadata, tensors);
        Map<String, Integer> counts = new TreeMap<>();
        tensors.forEach(tensor -> counts.merge(tensor.type().name(), 1, Integer::sum));
        return new ExportReport(file, config.architecture().key(), bytes, counts, notes);
    }

    /** Makes the metadata, and adds the tensors, which may be at fault for a setting that is refused by its name before. */
    private GgufMetadata metadata(Options options, List<GgufTensor> tensors) throws IOException {
        int rows = (int) source.info(embedding(source, config)).shape()[0];
        GgufMetadata metadata = new GgufMetadata();
        metadata.text("general.architecture", config.architecture().key());
        metadata.text("general.type", "model");
        metadata.text("general.name", GgufName.of(options.directory(), config, options.tokenizer(), notes));
        GgufParameters.put(config, rows, metadata, notes);
        tensors.addAll(tensors());
        boolean packed = tensors.stream().anyMatch(tensor -> tensor.type() == GgufType.MXFP4);
        if (packed) {
            notes.add("experts stay in MXFP4, as the checkpoint has them, whatever the other matrices are");
        }
        metadata.count("general.file_type", (packed ? GgufType.MXFP4 : type).fileType());
        metadata.count("general.quantization_version", 2);
        if (vectors != null) {
            vectors.put(metadata, config.architecture().key() + ".", notes);
        }
        if (config.architecture() == GgufArchitecture.BERT) {
            WordPieceVocabulary.put(options.tokenizer(), rows, metadata, notes);
        } else {
            GgufVocabulary.put(options, config, rows, metadata, notes);
        }
        return metadata;
    }

    private static GgufType typeOf(TensorSource source, TextConfig config) throws CheckpointException {
        Dtype dtype = source.info(embedding(source, config)).dtype();
        return dtype == Dtype.BF16 ? GgufType.BF16 : dtype == Dtype.F16 ? GgufType.F16 : GgufType.F32;
    }

    /** The name of the input embedding in the source. */
    private static String embedding(TensorSource source, TextConfig config) throws CheckpointException {
        TensorNames names = new TensorNames(config);
        for (String name : source.names()) {
            List<TensorPlace> places = names.places(name);
            if (places != null && places.stream().anyMatch(place -> place.name().equals("token_embd.weight"))) {
                return name;
            }
        }
        String head = config.tied() ? TiedHead.alone(source.names()) : null;
        if (head != null) {
            return head;
        }
        throw new CheckpointException(source.path(), "has no input embedding");
    }

    private List<GgufTensor> tensors() throws CheckpointException {
        TensorNames names = new TensorNames(config);
        boolean tied = config.tied();
        String both = tied ? TiedHead.alone(source.names()) : null;
        List<GgufTensor> tensors = new ArrayList<>();
        Set<String> written = new HashSet<>();
        Map<String, TreeMap<Integer, TensorInfo>> experts = new TreeMap<>();
        int leftOut = 0;
        for (String name : source.names()) {
            if (names.isLeftOut(name)) {
                leftOut++;
                continue;
            }
            List<TensorPlace> places =
                    name.equals(both) ? List.of(new TensorPlace("token_embd.weight", Change.NONE)) : names.places(name);
            if (places == null && name.endsWith(".bias") && isZero(name)) {
                leftOut++;
                continue;
            }
            if (places == null) {
                throw new CheckpointException(
                        source.path(),
                        "tensor " + name + " has no place in llama.cpp's "
                                + config.architecture().key());
            }
            for (TensorPlace place : places) {
                if (place.name().equals("output.weight") && vectors != null) {
                    leftOut++;
                    continue;
                }
                if (place.name().equals("output.weight") && tied) {
                    // llama.cpp takes the input embedding by itself
                    TiedHead.requireCopy(source, name, embedding(source, config));
                    continue;
                }
                written.add(place.name());
                if (place.expert() >= 0) {
                    experts.computeIfAbsent(place.name(), each -> new TreeMap<>())
                            .put(place.expert(), source.info(name));
                    continue;
                }
                tensors.add(tensor(source.info(name), place));
                if (place.name().equals("token_embd.weight")
                        && (tied || vectors != null)
                        && config.architecture().needsOutput()) {
                    tensors.add(tensor(source.info(name), new TensorPlace("output.weight", Change.NONE)));
                }
            }
        }
        for (Map.Entry<String, TreeMap<Integer, TensorInfo>> stacked : experts.entrySet()) {
            tensors.add(stacked(stacked.getKey(), stacked.getValue()));
        }
        List<PooledVectors.Layer> layers = vectors == null ? List.of() : vectors.layers();
        for (int i = 0; i < layers.size(); i++) {
            PooledVectors.Layer layer = layers.get(i);
            long[] shape = {layer.out(), layer.in()};
            String name = PooledVectors.name(i);
            tensors.add(new GgufTensor(name, shape, chosen(name, shape), layer.weight()));
        }
        new RopeScaling(config).divisors().forEach((name, divisors) -> {
            long[] shape = {divisors.length};
            tensors.add(new GgufTensor(name, shape, GgufType.F32, () -> Tensors.of(divisors, shape)));
        });
        requireComplete(names, written, tied || vectors != null);
        if (leftOut > 0) {
            notes.add(leftOut + " tensors that the language model does not compute with were left out");
        }
        tensors.sort(Comparator.comparing(GgufModel::order).thenComparing(GgufTensor::name));
        return tensors;
    }

    private boolean isZero(String name) throws CheckpointException {
        try (NativeScope scope = new NativeScope()) {
            return source.read(name).count_nonzero().item_long() == 0;
        }
    }

    private void requireComplete(TensorNames names, Set<String> written, boolean headless) throws CheckpointException {
        List<String> missing = new ArrayList<>(names.required());
        if (!headless) {
            missing.add("output.weight");
        }
        missing.removeAll(written);
        if (!missing.isEmpty()) {
            throw new CheckpointException(
                    source.path(),
                    "lacks the tensors that llama.cpp calls "
                            + String.join(", ", missing.subList(0, Math.min(5, missing.size()))));
        }
    }

    /** What is not in a block comes first, but for the end of the model, then the blocks by their numbers. */
    private static int order(GgufTensor tensor) {
        Matcher block = BLOCK.matcher(tensor.name());
        return block.matches()
                ? Integer.parseInt(block.group(1))
                : tensor.name().matches("(output|dense).*") ? Integer.MAX_VALUE : -1;
    }

    private GgufTensor tensor(TensorInfo info, TensorPlace place) throws CheckpointException {
        if (StackedExperts.isPacked(info.name())) {
            return StackedExperts.packed(source, info, place);
        }
        long[] of = info.shape();
        long[] shape = switch (place.change()) {
            case TRANSPOSE -> new long[] {of[1], of[0]};
            case CONVOLUTION, KERNEL -> new long[] {of[0], of[2]};
            case COLUMN, RATE_COLUMN -> new long[] {of[0], 1};
            case ROW -> new long[] {1, of[0]};
            case FIRST_ROWS, LAST_ROWS -> halved(of);
            case FLAT -> new long[] {of[1]};
            case GATES, UPS, EXPERTS -> StackedExperts.shape(of, place.change());
            case LATENT_KEYS, LATENT_VALUES -> LatentParameters.shape(config, of, place.change());
            default -> of;
        };
        GgufType chosen = chosen(place.name(), shape);
        List<GgufTensor.Values> parts = new ArrayList<>();
        if (of.length == 3 && shape.length == 3) {
            for (long i = 0; i < of[0]; i++) {
                long expert = i;
                parts.add(() -> changed(source.read(info.name(), expert, 1), place.change()));
            }
        } else {
            parts.add(() -> changed(source.read(info.name()), place.change()));
        }
        return new GgufTensor(place.name(), shape, chosen, parts);
    }

    /** Of a matrix, or of some on each other, those with half of the rows. */
    private static long[] halved(long[] shape) {
        long[] half = shape.clone();
        half[shape.length - 2] /= 2;
        return half;
    }

    /** The matrices of a block's experts, or the norms of its heads, one on the other. */
    private GgufTensor stacked(String name, TreeMap<Integer, TensorInfo> experts) throws CheckpointException {
        boolean ofHeads = name.endsWith("_norm.weight");
        int count = name.endsWith("attn_q_norm.weight")
                ? config.heads()
                : ofHeads ? config.keyValueHeads() : Mixtures.count(config);
        if (experts.size() != count || experts.lastKey() != count - 1) {
            throw new CheckpointException(
                    source.path(),
                    "has " + experts.size() + (ofHeads ? " heads" : " experts") + " for llama.cpp's " + name
                            + ", where config.json says " + count);
        }
        List<TensorInfo> infos = List.copyOf(experts.values());
        long[] one = infos.get(0).shape();
        long[] shape = ofHeads ? new long[] {count, one[0]} : new long[] {count, one[0], one[1]};
        List<GgufTensor.Values> parts = new ArrayList<>();
        infos.forEach(info -> parts.add(() -> source.read(info.name()).unsqueeze(0)));
        return new GgufTensor(name, shape, chosen(name, shape), parts);
    }

    /** Vectors, norms, positions, convolutions and routers are float32, as llama.cpp's operations expect them. */
    private GgufType chosen(String name, long[] shape) {
        boolean vector = shape.length < 2 || name.endsWith("_norm.weight") || !name.endsWith(".weight");
        if (vector
                || name.matches("(position_embd|token_types)\\.weight")
                || name.matches(".*\\.(ffn_gate_inp|ssm_conv1d|shortconv\\.conv)\\.weight")) {
            return GgufType.F32;
        }
        if (!type.fits(shape[shape.length - 1])) {
            notes.add(name + " is " + GgufType.F16 + ": its rows of " + shape[shape.length - 1]
                    + " values are no multiple of " + type.blockSize());
            return GgufType.F16;
        }
        return type;
    }

    private Tensor changed(Tensor tensor, Change change) throws CheckpointException {
        return switch (change) {
            case NONE -> tensor;
            case PLUS_ONE -> tensor.to(Dtype.F32.scalarType()).add(new Scalar(1));
            case TRANSPOSE -> tensor.t();
            case CONVOLUTION -> config.linearHeads().behindKeys(tensor.squeeze(1));
            case KERNEL -> tensor.squeeze(1);
            case COLUMN -> tensor.unsqueeze(1);
            case FLAT -> tensor.squeeze(0);
            case ROW -> tensor.unsqueeze(0);
            case RATE_COLUMN -> tensor.to(Dtype.F32.scalarType()).exp().neg().unsqueeze(1);
            case RATE ->
                config.linearHeads()
                        .rows(tensor.to(Dtype.F32.scalarType()).exp().neg());
            case GATES, UPS, EXPERTS -> StackedExperts.values(tensor, change);
            case LATENT_KEYS, LATENT_VALUES -> LatentParameters.values(config, tensor, change);
            case VALUE_COLUMNS -> config.reorderedColumns(tensor, change);
            default -> config.reorderedRows(tensor, change);
        };
    }
}
