package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.tensor.Engine;

/** The same numbers on a GPU; runs with {@code -Pcuda} where there is one. */
@Tag("gpu")
class CudaEndToEndTest {
    @TempDir
    Path directory;

    @BeforeEach
    void requireGpu() {
        assumeTrue(Engine.cudaAvailable(), "no CUDA device");
    }

    @ParameterizedTest
    @ValueSource(strings = {"bert_cls", "llama_gqa"})
    void agreesWithTheReference(String family) {
        Path model = Fixtures.of(family);
        Captured call = Captured.loft(
                "verify",
                "--device",
                "cuda",
                "--model",
                model.toString(),
                "--adapter",
                model.resolve("adapter").toString(),
                "--input",
                model.resolve("input.safetensors").toString(),
                "--expected",
                model.resolve("expected.safetensors").toString(),
                "--tolerance",
                "1e-4");
        assertEquals(0, call.status(), call.out() + call.err());
    }

    @Test
    void trainsAndPredicts() throws IOException {
        Path model = TinyModels.encoder(directory.resolve("model"));
        Path data = TinyModels.colours(directory.resolve("data.csv"), 32);
        String run = directory.resolve("run").toString();
        Captured train = Captured.loft(
                "train", "--device", "cuda", "--model", model.toString(), "--data", data.toString(), "--output", run);
        assertEquals(0, train.status(), train.err());
        assertTrue(train.err().contains("on cuda:0"), train.err());
        Captured predict = Captured.loft("predict", "--device", "cuda", "--adapter", run, "--text", "a red ball");
        assertEquals(0, predict.status(), predict.err());
    }
}
