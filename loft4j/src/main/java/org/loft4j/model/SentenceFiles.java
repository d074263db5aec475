package org.loft4j.model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.Shown;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.nn.Model;
import org.loft4j.nn.Pooling;

/**
 * What the files of sentence-transformers beside a model say of its sentence embeddings: {@code modules.json} and the
 * {@code config.json} of its pooling, {@code sentence_bert_config.json}, {@code config_sentence_transformers.json}. With them
 * {@code SentenceTransformer(directory)} opens a model, or an adapter on one.
 *
 * @param pooling mean, cls or last
 * @param dense the layers behind it, in their order
 * @param normalised whether vectors are brought to length 1
 * @param maxLength length in tokens to which texts are cut; 0 where it is not said
 * @param lowerCase whether texts are put into small letters, which the tokenizer of such a model does as well
 * @param prompts what is put before a text, by names such as {@code query}
 * @param defaultPrompt name of the one that is used where none is asked for; null for none
 * @param similarity how vectors are compared: {@code cosine}, {@code dot}, {@code euclidean} or {@code manhattan}; null where it is not said
 */
public record SentenceFiles(
        Pooling pooling,
        List<DenseModule> dense,
        boolean normalised,
        int maxLength,
        boolean lowerCase,
        Map<String, String> prompts,
        @Nullable String defaultPrompt,
        @Nullable String similarity) {
    private static final String MODULES = "modules.json";

    private static final String PROMPTS = "config_sentence_transformers.json";
    private static final String POOLING = "1_Pooling";

    /** Those of a pooling alone. */
    private static final List<Path> FILES = List.of(
            Path.of(MODULES), Path.of(POOLING, "config.json"), Path.of(TransformerModule.FILE), Path.of(PROMPTS));

    /** The folders of layers behind it. */
    private static final Pattern DENSE = Pattern.compile("\\d+_Dense");

    private static final String QUERY = "query";

    /** The names that sentence-transformers looks for in turn. */
    private static final List<String> DOCUMENTS = List.of("document", "passage", "corpus");

    public SentenceFiles {
        dense = List.copyOf(dense);
        prompts = Collections.unmodifiableMap(new LinkedHashMap<>(prompts));
    }

    /** Of vectors that are what the pooling makes. */
    public SentenceFiles(
            Pooling pooling,
            boolean normalised,
            int maxLength,
            boolean lowerCase,
            Map<String, String> prompts,
            @Nullable String defaultPrompt,
            @Nullable String similarity) {
        this(pooling, List.of(), normalised, maxLength, lowerCase, prompts, defaultPrompt, similarity);
    }

    /** Whether a directory holds such files. */
    public static boolean exists(Path directory) {
        return Files.isRegularFile(directory.resolve(MODULES));
    }

    /** Their paths in a directory that holds some: modules lie in folders that they name. */
    public static List<Path> filesIn(Path directory) throws CheckpointException {
        Set<Path> files = new LinkedHashSet<>(FILES);
        for (JsonObject module : Json.readList(directory.resolve(MODULES))) {
            String type = module.stringOr("type", "");
            if (type.endsWith(".Pooling") || type.endsWith(".Dense")) {
                String path = module.stringOr("path", "");
                within(directory, directory.resolve(MODULES), path);
                DenseModule.FILES.forEach(file -> files.add(Path.of(path, file)));
            }
        }
        files.remove(Path.of("config.json"));
        return files.stream()
                .filter(file -> Files.isRegularFile(directory.resolve(file)))
                .toList();
    }

    /** Whether {@link #write} may have left a file, by its path in the directory. */
    public static boolean isOne(Path file) {
        return FILES.contains(file)
                || file.getNameCount() == 2
                        && DENSE.matcher(file.getName(0).toString()).matches()
                        && DenseModule.FILES.contains(file.getName(1).toString());
    }

    /** Those of a directory; null where it holds none. */
    public static @Nullable SentenceFiles find(@Nullable Path directory) throws CheckpointException {
        return directory == null || !exists(directory) ? null : read(directory);
    }

    /**
     * Those of an adapter, which go before those of its model; null where it holds none.
     *
     * @param adapter null for none
     * @param model null for one without a directory
     * @throws CheckpointException if layers behind the pooling are not those of the model, which vectors would go through
     */
    public static @Nullable SentenceFiles ofAdapter(@Nullable Path adapter, @Nullable Path model) throws IOException {
        SentenceFiles own = find(adapter);
        SentenceFiles ofModel = own == null ? null : find(model);
        if (adapter == null || own == null || sameDense(own, ofModel)) {
            return own;
        }
        throw new CheckpointException(
                adapter.resolve(MODULES),
                "names other Dense modules than those of " + model
                        + (own.dense.isEmpty()
                                ? ": it names none; take it out of a copy of the adapter, so that the model's are taken"
                                : ": they were trained with the adapter, which is not read here; put the adapter's folders"
                                        + " of them, and its " + MODULES + ", into a copy of the model"));
    }

    private static boolean sameDense(SentenceFiles own, @Nullable SentenceFiles other) throws IOException {
        List<DenseModule> others = other == null ? List.of() : other.dense;
        boolean same = own.dense.size() == others.size();
        for (int i = 0; same && i < others.size(); i++) {
            same = own.dense.get(i).isSame(others.get(i));
        }
        return same;
    }

    /**
     * Refuses adapters to be combined that have other layers behind the pooling than one of them.
     *
     * @param one has files
     * @throws CheckpointException that names the two
     */
    public static void requireSameDense(Path one, List<Path> adapters) throws IOException {
        SentenceFiles files = read(one);
        for (Path adapter : adapters) {
            SentenceFiles others = find(adapter);
            if (others != null && !sameDense(files, others)) {
                throw new CheckpointException(
                        adapter.resolve(MODULES),
                        "names other Dense modules than those of " + one + ": adapters on different models, or trained"
                                + " with these modules, cannot be combined");
            }
        }
    }

    /**
     * Reads them.
     *
     * @throws CheckpointException if one is faulty, or says of the vectors what is not done here: the message names it
     */
    public static SentenceFiles read(Path directory) throws CheckpointException {
        Path file = directory.resolve(MODULES);
        PoolingModule pooling = null;
        List<DenseModule> dense = new ArrayList<>();
        boolean normalised = false;
        int number = 0;
        for (JsonObject module : Json.readList(file)) {
            String type = module.stringOr("type", "");
            String path = module.stringOr("path", "");
            String kind = type.startsWith("sentence_transformers.") ? type.substring(type.lastIndexOf('.') + 1) : "";
            if (number == 0 && kind.equals("Transformer") && path.isEmpty()) {
                TransformerModule.requireStates(directory);
            } else if (number > 0 && pooling == null && kind.equals("Pooling")) {
                pooling = PoolingModule.read(within(directory, file, path));
            } else if (pooling != null && !normalised && kind.equals("Dense")) {
                dense.add(DenseModule.read(within(directory, file, path)));
            } else if (pooling != null && kind.equals("Normalize")) {
                normalised = true;
            } else {
                throw new CheckpointException(
                        file,
                        "module " + number + " is " + Shown.text(type)
                                + (path.isEmpty() ? "" : " in " + Shown.text(path))
                                + ": only a Transformer in the directory itself, and behind it Pooling, Dense and Normalize, in"
                                + " this order, can be computed here; the model's own states are to be had from a copy of the"
                                + " directory without "
                                + MODULES);
            }
            number++;
        }
        if (pooling == null) {
            throw new CheckpointException(file, "names no Transformer with a Pooling behind it");
        }
        SentenceFiles read = new SentenceFiles(
                pooling.pooling(),
                dense,
                normalised,
                TransformerModule.length(directory),
                TransformerModule.lowerCase(directory),
                Map.of(),
                null,
                null);
        Path prompts = directory.resolve(PROMPTS);
        SentenceFiles whole = Files.exists(prompts) ? read.readingPrompts(Json.read(prompts)) : read;
        if (whole.prompts.values().stream().anyMatch(words -> !words.isEmpty())) {
            pooling.requirePrompts();
        }
        return whole;
    }

    /**
     * What a training makes of a model's files: its way of pooling and its length, and of the files that there were before the rest.
     * Where there were none, vectors are normalised, for by their directions they have been learnt.
     *
     * @param before that of the model, or of the adapter; null for none
     * @param maxLength 0 for that of the files
     */
    public static SentenceFiles trained(Model model, @Nullable SentenceFiles before, int maxLength) {
        Pooling pooling = model.description().pooling();
        if (pooling == null || !PoolingModule.isOne(pooling)) {
            throw new IllegalArgumentException(
                    "the pooling of sentence embeddings is mean, cls or last, got " + pooling);
        }
        return before == null
                ? new SentenceFiles(pooling, true, maxLength, false, Map.of(), null, "cosine")
                : new SentenceFiles(
                        pooling,
                        before.dense,
                        before.normalised,
                        maxLength > 0 ? maxLength : before.maxLength,
                        before.lowerCase,
                        before.prompts,
                        before.defaultPrompt,
                        before.similarity);
    }

    /**
     * What is put before a text.
     *
     * @param name of a prompt; null for the default
     * @return empty where no name is given and there is no default
     * @throws ConfigException for a name that is not there; the message lists those that are
     */
    public String prompt(@Nullable String name) {
        String asked = name == null ? defaultPrompt : name;
        if (asked == null) {
            return "";
        }
        String prompt = prompts.get(asked);
        if (prompt == null) {
            throw new ConfigException("prompt_name " + asked + " is not among the model's prompts, "
                    + (prompts.isEmpty()
                            ? "which has none: give the words themselves (prompt)"
                            : "which are " + String.join(", ", prompts.keySet())));
        }
        return prompt;
    }

    /** What stands before a text that is searched with: the prompt {@code query}, else the default one; empty for nothing. */
    public String queryPrompt() {
        return role(List.of(QUERY));
    }

    /** What stands before a text that is to be found: the first of {@code document}, {@code passage} and {@code corpus}, else the default one. */
    public String documentPrompt() {
        return role(DOCUMENTS);
    }

    private String role(List<String> names) {
        for (String name : names) {
            String prompt = prompts.get(name);
            if (prompt != null) {
                return prompt;
            }
        }
        return prompt(null);
    }

    /**
     * The same with other words before what is searched with and what is to be found.
     *
     * @param query that {@link #queryPrompt} shall be
     * @param document that {@link #documentPrompt} shall be
     */
    public SentenceFiles withPrompts(String query, String document) {
        Map<String, String> changed = new LinkedHashMap<>(prompts);
        if (!query.equals(queryPrompt())) {
            changed.put(QUERY, query);
        }
        if (!document.equals(documentPrompt())) {
            changed.put(DOCUMENTS.get(0), document);
        }
        return new SentenceFiles(pooling, dense, normalised, maxLength, lowerCase, changed, defaultPrompt, similarity);
    }

    /**
     * Writes them, by the names that every version of sentence-transformers knows. Layers behind the pooling are copied.
     *
     * @param hiddenSize of the vectors that are pooled
     */
    public void write(Path directory, long hiddenSize) throws IOException {
        List<Map<String, Object>> modules = new ArrayList<>();
        modules.add(module(0, "", "Transformer"));
        modules.add(module(1, POOLING, "Pooling"));
        for (DenseModule layer : dense) {
            String folder = modules.size() + "_Dense";
            layer.copy(directory.resolve(folder));
            modules.add(module(modules.size(), folder, "Dense"));
        }
        if (normalised) {
            modules.add(module(modules.size(), modules.size() + "_Normalize", "Normalize"));
        }
        Map<String, @Nullable Object> words = new LinkedHashMap<>();
        words.put("prompts", prompts);
        words.put("default_prompt_name", defaultPrompt);
        words.put("similarity_fn_name", similarity);
        PoolingModule.write(directory.resolve(POOLING), pooling, hiddenSize);
        TransformerModule.write(directory, maxLength, lowerCase);
        Json.write(directory.resolve(PROMPTS), words);
        Json.write(directory.resolve(MODULES), modules);
    }

    /** Removes what {@link #write} leaves. */
    public static void delete(Path directory) throws IOException {
        List<Path> files = new ArrayList<>(FILES);
        for (Path entry : entries(directory)) {
            Path folder = directory.relativize(entry);
            if (DENSE.matcher(folder.toString()).matches()) {
                DenseModule.FILES.forEach(file -> files.add(folder.resolve(file)));
            }
        }
        for (Path file : files) {
            Files.deleteIfExists(directory.resolve(file));
            Path folder = directory.resolve(file.getName(0));
            if (Files.isDirectory(folder) && entries(folder).isEmpty()) {
                Files.delete(folder);
            }
        }
    }

    private static List<Path> entries(Path directory) throws IOException {
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.toList();
        }
    }

    private static Map<String, Object> module(int number, String path, String type) {
        Map<String, Object> module = new LinkedHashMap<>();
        module.put("idx", number);
        module.put("name", Integer.toString(number));
        module.put("path", path);
        module.put("type", "sentence_transformers.models." + type);
        return module;
    }

    private SentenceFiles readingPrompts(JsonObject json) throws CheckpointException {
        String type = json.stringOr("model_type", "SentenceTransformer");
        if (!type.equals("SentenceTransformer")) {
            throw json.fault("model_type", "must be SentenceTransformer, found " + type);
        }
        Map<String, String> found = new LinkedHashMap<>();
        JsonObject named = json.findObject("prompts");
        if (named != null) {
            for (String name : named.keys()) {
                found.put(name, named.stringOr(name, ""));
            }
        }
        String usual = json.findString("default_prompt_name");
        if (usual != null && !found.containsKey(usual)) {
            throw json.fault("default_prompt_name", "must be one of " + found.keySet() + ", found " + usual);
        }
        return new SentenceFiles(
                pooling, dense, normalised, maxLength, lowerCase, found, usual, json.findString("similarity_fn_name"));
    }

    /** A file must not lead out of its directory. */
    private static Path within(Path directory, Path file, String path) throws CheckpointException {
        Path inner = directory.resolve(path).normalize();
        if (path.isEmpty() || !inner.startsWith(directory.normalize()) || !path.matches("[\\w.-]+")) {
            throw new CheckpointException(
                    file, "a module must lie in a directory beside the file, found " + Shown.text(path));
        }
        return inner;
    }
}
