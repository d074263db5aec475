package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GenerationDefaultsTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"do_sample\": true} | 1 | 50",
                "{\"do_sample\": true, \"top_k\": null, \"temperature\": 0.6} | 0.6 | 0",
                "{\"do_sample\": true, \"top_k\": 20} | 1 | 20",
                "{\"do_sample\": false, \"top_k\": 20, \"temperature\": 0.6} | 0 | 0",
                "{} | 0 | 0"
            })
    void whatTheFileLeavesOpenIsAsInTransformers(String json, double temperature, int topK) throws Exception {
        Files.writeString(folder.resolve("generation_config.json"), json);
        SamplingConfig sampling = GenerationDefaults.read(folder, 7);
        assertEquals(new SamplingConfig(temperature, topK, 1, 0, 1, 7), sampling);
    }
}
