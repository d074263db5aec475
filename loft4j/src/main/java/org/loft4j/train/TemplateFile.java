package org.loft4j.train;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.ChatTemplate;
import org.loft4j.data.Tokenizer;
import org.loft4j.io.AtomicFiles;
import org.loft4j.io.Json;

/** The chat template beside the weights of a result. */
public final class TemplateFile {
    private TemplateFile() {}

    /**
     * Makes a text the chat template of a directory, and the only one: programs differ in which of several they read.
     *
     * @param source null for none: the directory stays as it is
     */
    public static void write(Path directory, @Nullable String source) throws IOException {
        if (source == null || source.equals(ChatTemplate.source(directory))) {
            return;
        }
        Path config = directory.resolve("tokenizer_config.json");
        if (Files.isRegularFile(config)) {
            ObjectNode tree = Json.read(config).toTree();
            if (tree.remove("chat_template") != null) {
                Json.write(config, tree);
            }
        }
        Files.deleteIfExists(directory.resolve("chat_template.json"));
        for (Path file : Tokenizer.filesIn(directory)) {
            if (file.getNameCount() > 1) {
                Files.delete(directory.resolve(file));
            }
        }
        AtomicFiles.write(directory.resolve("chat_template.jinja"), source.getBytes(StandardCharsets.UTF_8));
    }
}
