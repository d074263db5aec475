package org.loft4j.infer;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.loft4j.hostile.HostileFormat;

class DamagedGenerationConfigTest implements HostileFormat {
    @Override
    public List<Path> lay(Path folder) throws IOException {
        return List.of(Files.writeString(folder.resolve("generation_config.json"), """
                {"bos_token_id": 1, "do_sample": true, "eos_token_id": [2, 3], "pad_token_id": 0,
                 "repetition_penalty": 1.05, "temperature": 0.7, "top_k": 20, "top_p": 0.8, "min_p": 0.01}
                """));
    }

    @Override
    public void read(Path folder, Path damaged) throws IOException {
        GenerationDefaults.read(folder, 1);
    }

    @Override
    public List<String> words() {
        return List.of("null", "true", "false", "[]", "{}", "\"\"", "\"top_k\"", "\"top_p\"", "\"temperature\"", "0");
    }
}
