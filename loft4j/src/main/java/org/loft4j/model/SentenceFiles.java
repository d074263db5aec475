package org.loft4j.model;

import com.fasterxml.jackson.databind.JsonNode;
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
import java.util.TreeMap;
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
 * @param normalised whether vectors are brought to length 1
 * @param maxLength length in tokens to which texts are cut; 0 where it is not said
 * @param lowerCase whether texts are put into small letters, which the tokenizer of such a model does as well
 * @param prompts what is put before a text, by names such as {@code query}
 * @param defaultPrompt name of the one that is used where none is asked for; null for none
 * @param similarity how vectors are compared: {@code cosine}, {@code dot}, {@code euclidean} or {@code manhattan}; null where it is not said
 */
public record SentenceFiles(
        Pooling pooling,
        boolean normalised,
        int maxLength,
        boolean lowerCase,
        Map<String, String> prompts,
        @Nullable String defaultPrompt,
        @Nullable String similarity) {
    private static final String MODULES = "modules.json";
    private static final String LENGTH = "sentence_bert_config.json";

    /** The names that old versions had for it, by family. */
    private static final List<String> LENGTHS = List.of(
            LENGTH,
            "sentence_roberta_config.json",
            "sentence_distilbert_config.json",
            "sentence_camembert_config.json",
            "sentence_xlm-roberta_config.json");

    private static final String PROMPTS = "config_sentence_transformers.json";
    private static final String POOLING = "1_Pooling";

    /** The files that {@link #write} leaves, by their paths in the directory. */
    public static final List<Path> FILES =
            List.of(Path.of(MODULES), Path.of(POOLING, "config.json"), Path.of(LENGTH), Path.of(PROMPTS));

    /** The names that sentence-transformers has for ways of pooling, old versions as one switch each. */
    private static final Map<String, String> SWITCHES = Map.of(
            "pooling_mode_cls_token", "cls",
            "pooling_mode_max_tokens", "max",
            "pooling_mode_mean_tokens", "mean",
            "pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens",
            "pooling_mode_weightedmean_tokens", "weightedmean",
            "pooling_mode_lasttoken", "lasttoken");

    private static final Map<String, Pooling> POOLINGS =
            Map.of("cls", Pooling.CLS, "mean", Pooling.MEAN, "lasttoken", Pooling.LAST);

    private static final String QUERY = "query";

    /** The names that sentence-transformers looks for in turn. */
    private static final List<String> DOCUMENTS = List.of("document", "passage", "corpus");

    public SentenceFiles {
        prompts = Collections.unmodifiableMap(new LinkedHashMap<>(prompts));
    }

    /** Whether a directory holds such files. */
    public static boolean exists(Path directory) {
        return Files.isRegularFile(directory.resolve(MODULES));
    }

    /** Their paths in a directory that holds some: the pooling lies in a folder that they name. */
    public static List<Path> filesIn(Path directory) throws CheckpointException {
        Set<Path> files = new LinkedHashSet<>(FILES);
        for (JsonObject module : Json.readList(directory.resolve(MODULES))) {
            if (module.stringOr("type", "").endsWith(".Pooling")) {
                String path = module.stringOr("path", "");
                within(directory, directory.resolve(MODULES), path);
                files.add(Path.of(path, "config.json"));
            }
        }
        files.remove(Path.of("config.json"));
        return files.stream()
                .filter(file -> Files.isRegularFile(directory.resolve(file)))
                .toList();
    }

    /** Those of a directory; null where it holds none. */
    public static @Nullable SentenceFiles find(@Nullable Path directory) throws CheckpointException {
        return directory == null || !exists(directory) ? null : read(directory);
    }

    /**
     * Reads them.
     *
     * @throws CheckpointException if one is faulty, or says of the vectors what is not done here: the message names it
     */
    public static SentenceFiles read(Path directory) throws CheckpointException {
        Path file = directory.resolve(MODULES);
        JsonObject ofPooling = null;
        Pooling pooling = null;
        boolean normalised = false;
        int number = 0;
        for (JsonObject module : Json.readList(file)) {
            String type = module.stringOr("type", "");
            String path = module.stringOr("path", "");
            String kind = type.startsWith("sentence_transformers.") ? type.substring(type.lastIndexOf('.') + 1) : "";
            if (number == 0 && kind.equals("Transformer") && path.isEmpty()) {
                requireStates(directory);
            } else if (number > 0 && pooling == null && kind.equals("Pooling")) {
                ofPooling = Json.read(within(directory, file, path).resolve("config.json"));
                pooling = pooling(ofPooling);
            } else if (pooling != null && kind.equals("Normalize")) {
                normalised = true;
            } else {
                throw new CheckpointException(
                        file,
                        "module " + number + " is " + Shown.text(type)
                                + (path.isEmpty() ? "" : " in " + Shown.text(path))
                                + ": only a Transformer in the directory itself, Pooling and Normalize behind it can be computed"
                                + " here; the model's own states are to be had from a copy of the directory without "
                                + MODULES);
            }
            number++;
        }
        if (ofPooling == null || pooling == null) {
            throw new CheckpointException(file, "names no Transformer with a Pooling behind it");
        }
        SentenceFiles read =
                new SentenceFiles(pooling, normalised, length(directory), lowerCase(directory), Map.of(), null, null);
        Path prompts = directory.resolve(PROMPTS);
        SentenceFiles whole = Files.exists(prompts) ? read.readingPrompts(Json.read(prompts)) : read;
        boolean prompted = whole.prompts.values().stream().anyMatch(words -> !words.isEmpty());
        if (pooling == Pooling.MEAN && prompted && !ofPooling.booleanOr("include_prompt", true)) {
            throw ofPooling.fault("include_prompt", "is false: the prompt cannot be left out of the mean here");
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
        if (pooling == null || !POOLINGS.containsValue(pooling)) {
            throw new IllegalArgumentException(
                    "the pooling of sentence embeddings is mean, cls or last, got " + pooling);
        }
        return before == null
                ? new SentenceFiles(pooling, true, maxLength, false, Map.of(), null, "cosine")
                : new SentenceFiles(
                        pooling,
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
        return new SentenceFiles(pooling, normalised, maxLength, lowerCase, changed, defaultPrompt, similarity);
    }

    /**
     * Writes them, by the names that every version of sentence-transformers knows.
     *
     * @param hiddenSize of the vectors
     */
    public void write(Path directory, long hiddenSize) throws IOException {
        List<Map<String, Object>> modules = new ArrayList<>();
        modules.add(module(0, "", "Transformer"));
        modules.add(module(1, POOLING, "Pooling"));
        if (normalised) {
            modules.add(module(2, "2_Normalize", "Normalize"));
        }
        Map<String, Object> switches = new TreeMap<>();
        SWITCHES.forEach((key, way) -> switches.put(key, POOLINGS.get(way) == pooling));
        switches.put("word_embedding_dimension", hiddenSize);
        switches.put("include_prompt", true);
        Map<String, @Nullable Object> words = new LinkedHashMap<>();
        words.put("prompts", prompts);
        words.put("default_prompt_name", defaultPrompt);
        words.put("similarity_fn_name", similarity);
        Map<String, @Nullable Object> length = new LinkedHashMap<>();
        length.put("max_seq_length", maxLength == 0 ? null : maxLength);
        length.put("do_lower_case", lowerCase);
        Files.createDirectories(directory.resolve(POOLING));
        Json.write(directory.resolve(POOLING).resolve("config.json"), switches);
        Json.write(directory.resolve(LENGTH), length);
        Json.write(directory.resolve(PROMPTS), words);
        Json.write(directory.resolve(MODULES), modules);
    }

    /** Removes what {@link #write} leaves. */
    public static void delete(Path directory) throws IOException {
        for (Path file : FILES) {
            Files.deleteIfExists(directory.resolve(file));
        }
        Path pooling = directory.resolve(POOLING);
        if (Files.isDirectory(pooling)) {
            try (Stream<Path> others = Files.list(pooling)) {
                if (others.findAny().isPresent()) {
                    return;
                }
            }
            Files.delete(pooling);
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
                pooling, normalised, maxLength, lowerCase, found, usual, json.findString("similarity_fn_name"));
    }

    /** A file must not lead out of its directory. */
    private static Path within(Path directory, Path file, String path) throws CheckpointException {
        Path inner = directory.resolve(path).normalize();
        if (path.isEmpty() || !inner.startsWith(directory.normalize()) || !path.matches("[\\w.-]+")) {
            throw new CheckpointException(
                    file, "the Pooling must lie in a directory beside the file, found " + Shown.text(path));
        }
        return inner;
    }

    private static Pooling pooling(JsonObject json) throws CheckpointException {
        List<String> ways = new ArrayList<>();
        JsonNode stated = json.node("pooling_mode");
        if (stated != null) {
            (stated.isArray() ? stated : List.of(stated)).forEach(way -> ways.add(way.asText()));
        } else {
            for (Map.Entry<String, String> entry : new TreeMap<>(SWITCHES).entrySet()) {
                if (json.booleanOr(entry.getKey(), false)) {
                    ways.add(entry.getValue());
                }
            }
        }
        Pooling pooling = ways.isEmpty() ? Pooling.MEAN : ways.size() == 1 ? POOLINGS.get(ways.get(0)) : null;
        if (pooling == null) {
            throw new CheckpointException(
                    json.file(),
                    "pools by " + Shown.text(String.join(" and ", ways))
                            + ": only mean, cls and lasttoken, one of them," + " can be computed here");
        }
        return pooling;
    }

    private static @Nullable JsonObject ofTransformer(Path directory) throws CheckpointException {
        for (String name : LENGTHS) {
            if (Files.exists(directory.resolve(name))) {
                return Json.read(directory.resolve(name));
            }
        }
        return null;
    }

    private static void requireStates(Path directory) throws CheckpointException {
        JsonObject json = ofTransformer(directory);
        String task = json == null ? null : json.findString("transformer_task");
        if (json != null && task != null && !task.equals("feature-extraction")) {
            throw json.fault("transformer_task", "must be feature-extraction, found " + task);
        }
    }

    private static int length(Path directory) throws CheckpointException {
        JsonObject json = ofTransformer(directory);
        return json == null || json.node("max_seq_length") == null ? 0 : json.requireInt("max_seq_length", 1);
    }

    /** Small letters change nothing where the tokenizer makes them itself, and cannot be made elsewhere. */
    private static boolean lowerCase(Path directory) throws CheckpointException {
        JsonObject json = ofTransformer(directory);
        if (json == null || !json.booleanOr("do_lower_case", false)) {
            return false;
        }
        Path tokenizer = directory.resolve("tokenizer.json");
        if (!Files.exists(tokenizer)) {
            // an adapter's checkpoint has that of its model, beside which this was asked
            return true;
        }
        JsonNode normalizer = Json.read(tokenizer).node("normalizer");
        String text = normalizer == null ? "" : normalizer.toString();
        if (!text.contains("\"lowercase\":true") && !text.contains("\"type\":\"Lowercase\"")) {
            throw json.fault(
                    "do_lower_case",
                    "is true, and tokenizer.json makes no small letters: give texts in small letters, and set it to false");
        }
        return true;
    }
}
