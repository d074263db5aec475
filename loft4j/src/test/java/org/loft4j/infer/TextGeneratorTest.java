package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.model.Fixture;

class TextGeneratorTest {
    @TempDir
    Path model;

    @BeforeEach
    void aModelThatTellsStories() throws IOException {
        try (Stream<Path> files = Files.list(Fixture.directory("stories260K"))) {
            for (Path file : files.toList()) {
                Files.copy(file, model.resolve(file.getFileName().toString()));
            }
        }
    }

    private String continued() throws IOException {
        try (TextGenerator generator = TextGenerator.open(model)) {
            return generator
                    .complete("Once upon a time", 12, SamplingConfig.GREEDY)
                    .text();
        }
    }

    @Test
    void anEndBehindTextsIsNotPutBehindAPrompt() throws IOException {
        String without = continued();
        Path config = model.resolve("tokenizer_config.json");
        Files.writeString(
                config, Files.readString(config).replace("\"add_eos_token\": false", "\"add_eos_token\": true"));
        assertEquals(without, continued());
    }
}
