package org.loft4j.export;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.Links;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;

/** The files of a tokenizer as Transformers lays them out: what is asked for is looked up where Transformers looks first. */
final class TokenizerFiles {
    private static final String ENDING = ".jinja";

    private final Path directory;
    private final JsonObject tokenizer;
    private final @Nullable JsonObject settings;
    private final @Nullable JsonObject specials;

    private TokenizerFiles(
            Path directory, JsonObject tokenizer, @Nullable JsonObject settings, @Nullable JsonObject specials) {
        this.directory = directory;
        this.tokenizer = tokenizer;
        this.settings = settings;
        this.specials = specials;
    }

    static TokenizerFiles read(Path directory) throws CheckpointException {
        Path file = directory.resolve("tokenizer.json");
        if (!Files.isRegularFile(file)) {
            throw new CheckpointException(
                    directory,
                    "has no tokenizer.json, from which the tokenizer is exported; load the model with AutoTokenizer in"
                            + " Transformers and save it, which writes one");
        }
        return new TokenizerFiles(
                directory,
                Json.read(file),
                optional(directory, "tokenizer_config.json"),
                optional(directory, "special_tokens_map.json"));
    }

    private static @Nullable JsonObject optional(Path directory, String name) throws CheckpointException {
        Path file = directory.resolve(name);
        return Files.isRegularFile(file) ? Json.read(file) : null;
    }

    /** tokenizer.json. */
    JsonObject tokenizer() {
        return tokenizer;
    }

    /** The text of a special token such as {@code bos_token}; null where no file names one. */
    @Nullable
    String special(String key) {
        for (JsonObject file : new JsonObject[] {settings, specials}) {
            JsonNode value = file == null ? null : file.node(key);
            JsonNode content = value != null && value.isObject() ? value.get("content") : value;
            if (content != null && content.isTextual()) {
                return content.textValue();
            }
        }
        return null;
    }

    /** A flag of tokenizer_config.json; null where it is absent. */
    @Nullable
    Boolean flag(String key) throws CheckpointException {
        return settings == null || !settings.has(key) ? null : (Boolean) settings.booleanOr(key, false);
    }

    /** Chat templates by name, the main one as {@code default}; empty where there is none. */
    Map<String, String> chatTemplates() throws IOException {
        Map<String, String> templates = new LinkedHashMap<>();
        JsonObject other = optional(directory, "chat_template.json");
        JsonNode value = settings == null ? null : settings.node("chat_template");
        if (value == null && other != null) {
            value = other.node("chat_template");
        }
        if (value != null && value.isTextual()) {
            templates.put("default", value.textValue());
        } else if (value != null && value.isArray()) {
            for (JsonNode entry : value) {
                templates.put(
                        entry.path("name").asText(), entry.path("template").asText());
            }
        }
        Path name = Path.of("chat_template.jinja");
        if (Files.isRegularFile(directory.resolve(name))) {
            templates.put("default", Files.readString(Links.requireOwn(directory, name)));
        }
        Path folder = directory.resolve("additional_chat_templates");
        if (Files.isDirectory(folder)) {
            try (Stream<Path> files = Files.list(folder)) {
                for (Path each : files.sorted().toList()) {
                    String further = String.valueOf(each.getFileName());
                    if (further.endsWith(ENDING)) {
                        templates.put(
                                further.substring(0, further.length() - ENDING.length()),
                                Files.readString(Links.requireOwn(directory, directory.relativize(each))));
                    }
                }
            }
        }
        return templates;
    }
}
