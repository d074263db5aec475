package org.loft4j.export;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.io.GgufReader;
import org.loft4j.io.GgufType;
import org.loft4j.io.Json;
import org.loft4j.io.ModelDirectory;

/** Values that Transformers takes where config.json is silent, of families whose test models have the same by chance or none. */
class GgufDefaultsTest {
    private static final Path FIXTURES = Path.of("src/test/resources/fixtures");

    @TempDir
    Path directory;

    private static Object written(Map<String, Object> metadata, String key) {
        return metadata.get(metadata.get("general.architecture") + "." + key);
    }

    @ParameterizedTest
    @CsvSource({
        "olmoe, rms_norm_eps, attention.layer_norm_rms_epsilon, 1.0E-5",
        "gemma, max_position_embeddings, context_length, 8192",
        "gemma2, max_position_embeddings, context_length, 8192",
    })
    void ofTinyModels(String modelType, String key, String place, String value) throws IOException {
        TinyCheckpoint checkpoint = new TinyCheckpoint(directory.resolve(modelType), modelType);
        checkpoint.config.remove(key);
        Map<String, Object> metadata =
                new GgufReader(GgufModelTest.report(checkpoint.write(), null).file()).metadata;
        assertEquals(value, String.valueOf(written(metadata, place)));
    }

    /** As many as heads would be 2. */
    @Test
    void smolLm3HasFourHeadsOfKeys() throws IOException {
        TinyCheckpoint checkpoint = new TinyCheckpoint(directory.resolve("smollm3"), "smollm3");
        checkpoint.config.remove("num_key_value_heads");
        checkpoint.config.put("num_attention_heads", 2);
        Map<String, Object> metadata =
                new GgufReader(GgufModelTest.report(checkpoint.write(), null).file()).metadata;
        assertEquals("4", String.valueOf(written(metadata, "attention.head_count_kv")));
    }

    @ParameterizedTest
    @CsvSource({
        "gpt_oss, rope_theta, rope.freq_base, 150000.0",
        "stablelm, num_key_value_heads, attention.head_count_kv, 32",
    })
    void ofFixtures(String fixture, String key, String place, String value) throws IOException {
        Path model = new TinyCheckpoint(directory.resolve(fixture), "llama").write().directory;
        for (String file : new String[] {"config.json", "model.safetensors"}) {
            Files.copy(
                    FIXTURES.resolve(fixture).resolve(file), model.resolve(file), StandardCopyOption.REPLACE_EXISTING);
        }
        ObjectNode config = Json.read(model.resolve("config.json")).toTree();
        config.remove(key);
        Json.write(model.resolve("config.json"), config);
        try (ModelDirectory source = ModelDirectory.open(model)) {
            var options = new GgufModel.Options(model, model, GgufType.F32, null, null, null, null);
            Path file = GgufModel.write(source, options, directory.resolve("model.gguf"))
                    .file();
            assertEquals(value, String.valueOf(written(new GgufReader(file).metadata, place)));
        }
    }
}
