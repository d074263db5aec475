package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.data.ChatTemplate;
import org.loft4j.data.Message;

class TemplateFileTest {
    private static final String CONFIG = "{\"bos_token\": \"<s>\", \"chat_template\": [{\"name\": \"default\","
            + " \"template\": \"base\"}, {\"name\": \"tool_use\", \"template\": \"tools\"}]}";

    @TempDir
    Path directory;

    @BeforeEach
    void aModelsTemplates() throws IOException {
        Files.writeString(directory.resolve("tokenizer_config.json"), CONFIG);
    }

    @Test
    void theTemplateIsTheOnlyOneThere() throws IOException {
        Path folder = Files.createDirectory(directory.resolve("additional_chat_templates"));
        Files.writeString(folder.resolve("rag.jinja"), "documents");
        assertEquals(
                List.of("default", "tool_use", "rag"),
                ChatTemplate.open(directory).names());
        TemplateFile.write(directory, "{{ bos_token }} own");
        ChatTemplate template = ChatTemplate.open(directory);
        assertEquals(List.of("default"), template.names());
        assertEquals("<s> own", template.prompt(List.of(Message.of("user", "Hi"))));
        assertEquals("{{ bos_token }} own", ChatTemplate.source(directory));
    }

    @Test
    void aTemplateThatIsThereAlreadyChangesNothing() throws IOException {
        TemplateFile.write(directory, "base");
        TemplateFile.write(directory, null);
        assertEquals(CONFIG, Files.readString(directory.resolve("tokenizer_config.json")));
        assertFalse(Files.exists(directory.resolve("chat_template.jinja")));
    }
}
