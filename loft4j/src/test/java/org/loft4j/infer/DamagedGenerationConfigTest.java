package org.loft4j.infer;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.loft4j.hostile.HostileFormat;

class DamagedGenerationConfigTest implements HostileFormat {
    @Override
    public List<Path> lay(Path folder) throws IOException {
        Files.writeString(folder.resolve("config.json"), "{}");
        return List.of(Files.writeString(folder.resolve("generation_config.json"), """
                {"bos_token_id": 1, "do_sample": true, "eos_token_id": [2, 3], "pad_token_id": 0,
                 "repetition_penalty": 1.05, "temperature": 0.7, "top_k": 20, "top_p": 0.8, "min_p": 0.01,
                 "num_beams": 4, "length_penalty": 2.0, "early_stopping": true, "no_repeat_ngram_size": 3, "min_length": 5}
                """));
    }

    @Override
    public void read(Path folder, Path damaged) throws IOException {
        GenerationDefaults.read(folder, 1);
        GenerationDefaults.readWriter(folder);
    }

    @Override
    public List<String> words() {
        return List.of(
                "null",
                "true",
                "false",
                "[]",
                "{}",
                "\"\"",
                "\"top_k\"",
                "\"top_p\"",
                "\"temperature\"",
                "\"never\"",
                "0");
    }
}
