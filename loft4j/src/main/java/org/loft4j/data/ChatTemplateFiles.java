package org.loft4j.data;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;

/**
 * What the files of a model say of its chat templates.
 *
 * @param file where the main template stands
 * @param sources the templates by name
 * @param specialTokens the variables bos_token, eos_token …
 */
record ChatTemplateFiles(Path file, Map<String, String> sources, Map<String, Object> specialTokens) {
    private static final String DEFAULT = "default";
    private static final String ADDITIONAL = "additional_chat_templates";
    private static final List<String> FOLDERS = List.of(ADDITIONAL, "chat_templates");
    private static final long LARGEST = 4L << 20;

    static ChatTemplateFiles read(Path directory) throws IOException {
        Path configFile = directory.resolve("tokenizer_config.json");
        JsonNode config = SpecialTokens.json(configFile);
        Path own = directory.resolve("chat_template.jinja");
        Path json = directory.resolve("chat_template.json");
        Map<String, String> sources = new LinkedHashMap<>();
        Path file = configFile;
        if (config.has("chat_template")) {
            collect(config.path("chat_template"), configFile, sources);
        } else if (Files.isRegularFile(json)) {
            file = json;
            collect(SpecialTokens.json(json).path("chat_template"), json, sources);
        }
        if (Files.isRegularFile(own)) {
            file = own;
            sources.put(DEFAULT, text(own));
        }
        for (String folder : FOLDERS) {
            for (Path further : further(directory, folder)) {
                String name = String.valueOf(further.getFileName());
                sources.put(name.substring(0, name.length() - ".jinja".length()), text(directory.resolve(further)));
            }
        }
        return new ChatTemplateFiles(file, sources, specialTokens(directory));
    }

    /**
     * What an adapter says, where its main template is not its model's; else what the model says. Special tokens are those of the
     * tokenizer that goes with the adapter.
     */
    static ChatTemplateFiles read(@Nullable Path adapterDirectory, Path modelDirectory) throws IOException {
        ChatTemplateFiles base = read(modelDirectory);
        if (adapterDirectory == null) {
            return base;
        }
        ChatTemplateFiles own = read(adapterDirectory);
        String main = own.main();
        ChatTemplateFiles chosen = main == null || main.equals(base.main()) ? base : own;
        boolean ownTokens = !own.specialTokens.isEmpty()
                && AdaptersTokenizer.directory(modelDirectory, adapterDirectory).equals(adapterDirectory);
        return new ChatTemplateFiles(chosen.file, chosen.sources, ownTokens ? own.specialTokens : base.specialTokens);
    }

    /** The main template; null where there are named ones alone, or none. */
    @Nullable
    String main() {
        return sources.get(DEFAULT);
    }

    static ChatTemplateFiles of(Path file, Path directory) throws IOException {
        if (!Files.isRegularFile(file)) {
            throw new CheckpointException(file, "there is no such file");
        }
        return new ChatTemplateFiles(file, Map.of(DEFAULT, text(file)), specialTokens(directory));
    }

    private static void collect(JsonNode value, Path file, Map<String, String> sources) throws CheckpointException {
        if (value.isTextual()) {
            sources.put(DEFAULT, value.textValue());
        } else if (value.isArray()) {
            for (JsonNode named : value) {
                if (!named.path("name").isTextual() || !named.path("template").isTextual()) {
                    throw new CheckpointException(file, "chat_template must be a text, or a list of {name, template}");
                }
                sources.put(
                        named.path("name").textValue(), named.path("template").textValue());
            }
        } else if (value.isObject()) {
            for (Map.Entry<String, JsonNode> named : value.properties()) {
                sources.put(named.getKey(), named.getValue().asText());
            }
        } else if (!value.isNull() && !value.isMissingNode()) {
            throw new CheckpointException(file, "chat_template must be a text, or a list of {name, template}");
        }
    }

    /** The templates that lie beside the main one, by their paths in the directory; Transformers writes them into this folder. */
    static List<Path> additional(Path directory) throws IOException {
        return further(directory, ADDITIONAL);
    }

    private static List<Path> further(Path directory, String folder) throws IOException {
        if (!Files.isDirectory(directory.resolve(folder))) {
            return List.of();
        }
        try (Stream<Path> found = Files.list(directory.resolve(folder))) {
            return found.filter(file -> file.toString().endsWith(".jinja") && Files.isRegularFile(file))
                    .sorted()
                    .map(directory::relativize)
                    .toList();
        }
    }

    private static String text(Path file) throws IOException {
        if (Files.size(file) > LARGEST) {
            throw new CheckpointException(file, "is larger than a chat template can be");
        }
        try {
            return Files.readString(file);
        } catch (CharacterCodingException e) {
            throw new CheckpointException(file, "is not UTF-8", e);
        }
    }

    private static Map<String, Object> specialTokens(Path directory) throws CheckpointException {
        Map<String, Object> tokens = new LinkedHashMap<>();
        for (String name : List.of("special_tokens_map.json", "tokenizer_config.json")) {
            JsonNode file = SpecialTokens.json(directory.resolve(name));
            for (Map.Entry<String, JsonNode> entry : file.properties()) {
                if (entry.getKey().endsWith("_token")) {
                    String text = content(entry.getValue());
                    if (text != null) {
                        tokens.put(entry.getKey(), text);
                    }
                }
            }
            JsonNode more = file.path("additional_special_tokens");
            if (more.isArray()) {
                List<String> texts = new ArrayList<>();
                more.forEach(token -> texts.add(String.valueOf(content(token))));
                tokens.put("additional_special_tokens", texts);
            }
            for (Map.Entry<String, JsonNode> entry :
                    file.path("extra_special_tokens").properties()) {
                tokens.put(entry.getKey(), entry.getValue().asText());
            }
        }
        return tokens;
    }

    private static @Nullable String content(JsonNode token) {
        JsonNode text = token.isObject() ? token.path("content") : token;
        return text.isTextual() ? text.textValue() : null;
    }
}
